"""Parse IDX, the format of MNIST's files: arrays of unsigned bytes."""

import numpy as np

from project.data.mnist_files import DataError


def parse_idx(content: bytes, dimensions: int) -> np.ndarray:
    """Return the items of an IDX file of unsigned bytes as a uint8 array of so many dimensions.

    Layout: 00 00 08, the number of dimensions, each as a big-endian 32-bit integer, the items.

    Raises:
        DataError: The content is not in this format or has other dimensions.
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
    return items.reshape(shape)
