"""Parse IDX, the format of MNIST's files: arrays of unsigned bytes."""

import numpy as np

from project.data.mnist_files import DataError


def parse_idx(content: bytes, item_shape: tuple[int, ...]) -> np.ndarray:
    """Return the items of an IDX file of unsigned bytes as uint8 (N, *item_shape).

    Layout: 00 00 08 (unsigned byte), the number of dimensions, each dimension as a big-endian
    32-bit integer, then the items.

    Raises:
        DataError: The content is not in this format or has other dimensions.
    """
    dimensions = 1 + len(item_shape)
    magic = bytes([0, 0, 8, dimensions])
    if content[:4] != magic:
        raise DataError(f"IDX magic must be {magic.hex(' ')}, got {content[:4].hex(' ')}")
    start = 4 + 4 * dimensions
    if len(content) < start:
        raise DataError(f"IDX header must be {start} bytes long, got {len(content)}")
    shape = tuple(int(size) for size in np.frombuffer(content, ">u4", dimensions, offset=4))
    items = np.frombuffer(content, np.uint8, offset=start)
    if shape[1:] != item_shape or items.size != np.prod(shape, dtype=np.int64):
        raise DataError(
            f"IDX items must be {item_shape} and as many as the header says, got shape {shape} in "
            f"the header and {items.size} bytes of items"
        )
    return items.reshape(shape)


def parse_digits(images: bytes, labels: bytes) -> tuple[np.ndarray, np.ndarray]:
    """Return images, uint8 (N, 28, 28), and labels, int64 (N,), from the content of two IDX files.

    Raises:
        DataError: A file is invalid, or there are more images than labels or fewer.
    """
    pixels, classes = parse_idx(images, (28, 28)), parse_idx(labels, ())
    if len(pixels) != len(classes):
        raise DataError(f"there are {len(pixels)} images but {len(classes)} labels")
    return pixels, classes.astype(np.int64)
