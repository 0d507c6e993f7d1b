"""The 1,797 handwritten digits of 8x8 pixels that scikit-learn includes. Imports no torch.

The file is read without importing scikit-learn, which would take a second.
"""

from importlib.metadata import distribution
from pathlib import Path
from typing import Any

from project.config.packages import require
from project.data.file_digest import file_digest
from project.data.shapes import with_shape

NAME = "digits.csv.gz"


def prepare(section: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Find the digits; return the section `data` with their shape, and facts about them."""
    path = find(Path(section["root"]))
    settled = with_shape(section, classes=10, channels=1, image_size=8)
    facts = {"dataset": "digits8x8", "fetched_from": "scikit-learn", "source": file_digest([path])}
    return settled, facts


def find(root: Path) -> Path:
    """Return the path of the file: in the data folder `root`, where sweeps send it, or in sklearn.

    Without either a ConfigurationError says how to install scikit-learn.
    """
    if (root / NAME).is_file():
        return root / NAME
    require("data=digits8x8", ("sklearn",), "examples")
    return Path(str(distribution("scikit-learn").locate_file(f"sklearn/datasets/data/{NAME}")))


def files_to_send(section: dict[str, Any]) -> dict[str, bytes]:
    """Return the file that another machine's data folder needs: its content by its name."""
    return {NAME: find(Path(section["root"])).read_bytes()}
