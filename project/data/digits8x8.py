"""The 1,797 handwritten digits of 8x8 pixels that scikit-learn includes. Imports no torch.

The file is read without importing scikit-learn, which would take a second.
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
    """Find the file with the digits.

    Returns:
        The configuration's section `data` with the images' shape; and facts for the run record.

    Raises:
        ConfigurationError: As `find`, or the section contradicts the data's size.
    """
    path = find(Path(section["root"]))
    settled = with_shape(section, CLASSES, channels=1, image_size=SIZE)
    facts = {"dataset": "digits8x8", "fetched_from": "scikit-learn", "source": file_digest([path])}
    return settled, facts


def find(root: Path) -> Path:
    """Return the path of the file: in the data folder `root`, where sweeps send it, or in sklearn.

    Raises:
        ConfigurationError: scikit-learn is not installed.
    """
    if (root / NAME).is_file():
        return root / NAME
    require("data=digits8x8", ("sklearn",), "examples")
    spec = find_spec("sklearn")
    assert spec is not None
    assert spec.origin is not None
    return Path(spec.origin).parent / "datasets" / "data" / NAME


def files_to_send(section: dict[str, Any]) -> dict[str, bytes]:
    """Return the file that another machine's data folder needs: its content by its name."""
    return {NAME: find(Path(section["root"])).read_bytes()}


def read(root: Path) -> "tuple[np.ndarray, np.ndarray]":
    """Return images, uint8 (N, 1, 8, 8) from 0 to 16, and classes, int64 (N,).

    Raises:
        ConfigurationError: As `find`.
        DataError: The file cannot be read.
    """
    import numpy as np

    path = find(root)
    try:
        rows = np.loadtxt(path, delimiter=",", dtype=np.uint8)
        images = rows[:, :-1].reshape(-1, 1, SIZE, SIZE)
    except (OSError, EOFError, ValueError, IndexError) as error:
        raise DataError(f"{path} cannot be read ({error}); reinstall scikit-learn") from None
    return images, rows[:, -1].astype(np.int64)
