"""CIFAR-10 in torchvision's layout. Imports no torch."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from project.data.file_digest import file_digest
from project.data.mnist_files import DataError
from project.data.shapes import with_shape
from project.data.torchvision_files import fetch

if TYPE_CHECKING:
    import numpy as np

FOLDER = "cifar-10-batches-py"
FILES = [*(f"data_batch_{number}" for number in range(1, 6)), "test_batch", "batches.meta"]


def prepare(section: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Make sure that the files are there; returns the settled section, and facts for the record.

    Raises:
        DataError: They cannot be had.
    """
    root = Path(section["root"])
    fetched_from = fetch("CIFAR10", root, FOLDER, FILES)
    settled = with_shape(section, classes=10, channels=3, image_size=32)
    source = file_digest(root / FOLDER / name for name in FILES)
    return settled, {"dataset": "cifar10", "fetched_from": fetched_from, "source": source}


def files_to_send(section: dict[str, Any]) -> dict[str, bytes]:
    """Return what the data folder of another machine has to hold, by path in it."""
    root = Path(section["root"])
    return {f"{FOLDER}/{name}": (root / FOLDER / name).read_bytes() for name in FILES}


def read(root: Path, train: bool) -> "tuple[np.ndarray, np.ndarray]":
    """Return the images of a split, bytes (N, 3, 32, 32), and their classes (N,).

    Raises:
        DataError: A file is not what torchvision's checksums say. (It holds a pickle, which could
            run code: so none is opened before.)
    """
    import numpy as np
    from torchvision.datasets import CIFAR10

    try:
        split = CIFAR10(root, train=train, download=False)
    except RuntimeError:
        raise DataError(
            f"{root / FOLDER} does not hold CIFAR-10 by torchvision's checksums; move it away so "
            "that it is downloaded anew"
        ) from None
    images = np.ascontiguousarray(split.data.transpose(0, 3, 1, 2))
    return images, np.asarray(split.targets, np.int64)
