"""The 1,797 handwritten digits of 8x8 pixels that scikit-learn ships. Imports no torch.

They are read without importing scikit-learn, which takes a second.
"""

from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from project.config.packages import require
from project.data.file_digest import file_digest
from project.data.mnist_files import DataError
from project.data.shapes import with_shape

if TYPE_CHECKING:
    import numpy as np

NAME = "digits.csv.gz"
SIZE, CLASSES, LEVELS = 8, 10, 16  # pixels are 0 to 16


def prepare(section: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Find the digits; returns the settled section, and facts for the run record.

    Raises:
        ConfigurationError: scikit-learn is not installed.
        DataError: It is installed without its digits.
    """
    path = find(Path(section["root"]))
    settled = with_shape(section, CLASSES, channels=1, image_size=SIZE)
    facts = {"dataset": "digits8x8", "fetched_from": "scikit-learn", "source": file_digest([path])}
    return settled, facts


def find(root: Path) -> Path:
    """Return the file in the data folder, where a sweep may have sent it, or scikit-learn's own."""
    if (root / NAME).is_file():
        return root / NAME
    require("data=digits8x8", ("sklearn",), "examples")
    spec = find_spec("sklearn")
    assert spec is not None
    folders = spec.submodule_search_locations or []
    path = next((Path(each, "datasets", "data", NAME) for each in folders), Path(NAME))
    if not path.is_file():
        raise DataError(f"scikit-learn is installed without its digits ({path} is missing)")
    return path


def files_to_send(section: dict[str, Any]) -> dict[str, bytes]:
    """Return what the data folder of another machine has to hold, by path in it."""
    return {NAME: find(Path(section["root"])).read_bytes()}


def read(root: Path) -> "tuple[np.ndarray, np.ndarray]":
    """Return the images, bytes (1797, 1, 8, 8) of 0 to 16, and their classes (1797,)."""
    import numpy as np

    path = find(root)
    try:
        rows = np.loadtxt(path, delimiter=",", dtype=np.uint8)
        images = rows[:, :-1].reshape(-1, 1, SIZE, SIZE)
    except (OSError, EOFError, ValueError, IndexError) as error:
        raise DataError(f"{path} cannot be read ({error}); reinstall scikit-learn") from None
    return images, rows[:, -1].astype(np.int64)
