"""Read IDX, the format of MNIST's files: arrays of unsigned bytes."""

import gzip
import zlib
from pathlib import Path

import numpy as np

from project.data.idx_folder import find
from project.data.mnist_files import DataError

CLASSES = 10


def parse_idx(content: bytes, dimensions: int) -> np.ndarray:
    """Return the items of an IDX file of unsigned bytes as a uint8 array of so many dimensions.

    Layout: 00 00 08, the number of dimensions, each as a big-endian 32-bit integer, the items.
    Other content raises a DataError.
    """
    magic = bytes([0, 0, 8, dimensions])
    if content[:4] != magic:
        raise DataError(f"IDX magic must be {magic.hex(' ')}, got {content[:4].hex(' ')}")
    start = 4 + 4 * dimensions
    if len(content) < start:
        raise DataError(f"IDX header must be {start} bytes long, got {len(content)}")
    shape = tuple(int(size) for size in np.frombuffer(content, ">u4", dimensions, offset=4))
    items = np.frombuffer(content, np.uint8, offset=start)
    if items.size != np.prod(shape, dtype=np.int64):
        raise DataError(f"IDX items must be {shape} as the header says, got {items.size} bytes")
    return items.reshape(shape).copy()  # writable, as torch wants it


def read(folder: Path) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Return images (N, H, W) and labels (N,), bytes, of each split, `train` and `test`.

    Raises:
        DataError: As `find`, or a file is invalid, or images and labels do not fit together.
    """
    paths = find(folder)
    splits = {}
    for split, (images_path, place) in {"train": paths[:2], "test": paths[2:]}.items():
        images, labels = _parse(images_path, 3), _parse(place, 1)
        if len(images) != len(labels):
            raise DataError(f"{place} holds {len(labels)} labels for {len(images)} images")
        if len(labels) and labels.max() >= CLASSES:
            raise DataError(f"{place}: labels must be 0 to {CLASSES - 1}, got {labels.max()}")
        splits[split] = images, labels
    return splits


def _parse(path: Path, dimensions: int) -> np.ndarray:
    try:
        content = path.read_bytes()
        if path.suffix == ".gz":
            content = gzip.decompress(content)
        return parse_idx(content, dimensions)
    except (OSError, EOFError, zlib.error, DataError) as error:
        raise DataError(f"{path} cannot be read ({error})") from None
