"""Download data sets with torchvision into its own folder layout; existing copies are used."""

import logging
import socket
from pathlib import Path
from tempfile import TemporaryDirectory

from project.data.mnist_files import DataError, present

log = logging.getLogger(__name__)

TIMEOUT_SECONDS = 30.0  # for each connection


def fetch(dataset: str, root: Path, folder: str, files: list[str]) -> str:
    """Download a data set of torchvision unless it is present; return where it came from.

    torchvision verifies the checksums of what it downloads. The download is moved into place as a
    whole; existing files are never overwritten: if only some are present, a DataError is raised.

    Args:
        dataset: The name of the class in `torchvision.datasets`.
        root: The data folder.
        folder: Where the class keeps its files, below `root`.
        files: Their names; each may be stored as NAME.gz instead.

    Returns:
        "folder" or "torchvision".
    """
    from filelock import FileLock

    if _is_complete(root / folder, files):
        return "folder"
    try:
        root.mkdir(parents=True, exist_ok=True)
        with FileLock(root / f".{dataset}.lock"):
            if _is_complete(root / folder, files):
                return "folder"  # another process downloaded it while this one waited
            _download(dataset, root, folder)
    except (RuntimeError, OSError) as error:
        if isinstance(error, OSError) and error.filename is not None:
            raise DataError(
                f"{dataset}: {error.filename}: {error.strerror or error}; set paths.data to a "
                "writable folder"
            ) from None
        reason = (str(error) or repr(error)).strip().splitlines()[-1]
        raise DataError(
            f"{dataset} is not in {root / folder} and torchvision cannot download it ({reason}); "
            f"put {', '.join(files)} into that folder"
        ) from None
    return "torchvision"


def _is_complete(folder: Path, files: list[str]) -> bool:
    missing = [name for name in files if not present(folder, name)]
    if missing and any(folder.iterdir() if folder.is_dir() else ()):
        raise DataError(
            f"{folder} lacks {', '.join(missing)}; put them there, or move the folder away so that "
            "all of it is downloaded"
        )
    return not missing


def _download(dataset: str, root: Path, folder: str) -> None:
    import torchvision.datasets

    log.info("downloading %s with torchvision", dataset)
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(TIMEOUT_SECONDS)
    try:
        with TemporaryDirectory(prefix=f".{dataset}-", dir=root) as scratch:
            getattr(torchvision.datasets, dataset)(scratch, download=True)
            (root / folder).parent.mkdir(parents=True, exist_ok=True)
            # An empty folder may be there; `_is_complete` refuses others, and so does rename.
            Path(scratch, folder).rename(root / folder)
    finally:
        socket.setdefaulttimeout(before)
