"""CIFAR-10, in the files that torchvision uses. Imports no torch."""

from pathlib import Path
from typing import Any

from project.data.file_digest import contents, file_digest
from project.data.shapes import with_shape
from project.data.torchvision_files import fetch

FOLDER = "cifar-10-batches-py"
FILES = [*(f"data_batch_{number}" for number in range(1, 6)), "test_batch", "batches.meta"]


def prepare(section: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Find or download CIFAR-10; return the section `data` with its shape, and facts about it."""
    root = Path(section["root"])
    fetched_from = fetch("CIFAR10", root, FOLDER, FILES)
    settled = with_shape(section, classes=10, channels=3, image_size=32)
    source = file_digest(root / FOLDER / name for name in FILES)
    return settled, {"dataset": "cifar10", "fetched_from": fetched_from, "source": source}


def files_to_send(section: dict[str, Any]) -> dict[str, bytes]:
    """Return the files that another machine's data folder needs: contents by relative path."""
    root = Path(section["root"])
    return contents((root / FOLDER / name for name in FILES), root)
