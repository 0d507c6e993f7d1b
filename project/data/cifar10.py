"""CIFAR-10, in the files that torchvision uses. Imports no torch."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from project.data.file_digest import contents, file_digest
from project.data.mnist_files import DataError
from project.data.shapes import with_shape
from project.data.torchvision_files import fetch

if TYPE_CHECKING:
    import numpy as np

FOLDER = "cifar-10-batches-py"
FILES = [*(f"data_batch_{number}" for number in range(1, 6)), "test_batch", "batches.meta"]


def prepare(section: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Download CIFAR-10 unless its files are present.

    Returns:
        The configuration's section `data` with the images' shape; and facts for the run record.

    Raises:
        DataError: The files are not available.
        ConfigurationError: The section contradicts the size of the data.
    """
    root = Path(section["root"])
    fetched_from = fetch("CIFAR10", root, FOLDER, FILES)
    settled = with_shape(section, classes=10, channels=3, image_size=32)
    source = file_digest(root / FOLDER / name for name in FILES)
    return settled, {"dataset": "cifar10", "fetched_from": fetched_from, "source": source}


def files_to_send(section: dict[str, Any]) -> dict[str, bytes]:
    """Return the files that another machine's data folder needs: contents by relative path."""
    root = Path(section["root"])
    return contents((root / FOLDER / name for name in FILES), root)


def read(root: Path, train: bool) -> "tuple[np.ndarray, np.ndarray]":
    """Return the training or the test split: images, uint8 (N, 3, 32, 32), and classes, int64 (N,).

    Raises:
        DataError: A file, which is a pickle and could run code, has another checksum.
    """
    import numpy as np
    from torchvision.datasets import CIFAR10

    try:
        split = CIFAR10(root, train=train, download=False)
    except RuntimeError:
        raise DataError(
            f"the files in {root / FOLDER} do not match torchvision's checksums of CIFAR-10; move "
            "the folder away to download them again"
        ) from None
    images = np.ascontiguousarray(split.data.transpose(0, 3, 1, 2))
    return images, np.asarray(split.targets, np.int64)
