"""Small IDX files, as MNIST's are."""

import gzip
from pathlib import Path

import numpy as np


def idx(array: np.ndarray) -> bytes:
    """Return an array of bytes as an IDX file."""
    sizes = b"".join(size.to_bytes(4, "big") for size in array.shape)
    return bytes([0, 0, 8, array.ndim]) + sizes + array.astype(np.uint8).tobytes()


def patterns(count: int, seed: int, size: int = 28) -> tuple[np.ndarray, np.ndarray]:
    """Return noisy images of ten patterns, and which one each is: a net can learn them."""
    kinds = np.random.default_rng(0).integers(0, 2, (10, size, size)) * 200
    random = np.random.default_rng(seed)
    classes = random.integers(0, 10, count)
    noise = random.integers(0, 56, (count, size, size))
    return (kinds[classes] + noise).astype(np.uint8), classes.astype(np.uint8)


def write_idx(folder: Path, packed: bool = False, size: int = 28, test: str = "t10k") -> Path:
    """Write the four files of 100 training and 60 test images; returns the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    for part, count, seed in (("train", 100, 1), (test, 60, 2)):
        images, classes = patterns(count, seed, size)
        for kind, content in (("images-idx3", idx(images)), ("labels-idx1", idx(classes))):
            name = f"{part}-{kind}-ubyte"
            if packed:
                (folder / f"{name}.gz").write_bytes(gzip.compress(content))
            else:
                (folder / name).write_bytes(content)
    return folder
