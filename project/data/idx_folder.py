"""Find the four IDX files (MNIST's format) of a data set in a folder. Imports no torch."""

from pathlib import Path
from typing import Any

from project.config.errors import ConfigurationError
from project.data.file_digest import contents, file_digest
from project.data.mnist_files import DataError
from project.data.torchvision_files import fetch

# Data sets of torchvision in MNIST's format and layout: <root>/<name>/raw.
DATASETS = ("FashionMNIST", "KMNIST")
# The endings that the four names may have in a user's folder.
ENDINGS = [
    tuple(f"{part}-{kind}-ubyte" for part in parts)
    for parts in (("train",), ("t10k", "test"))
    for kind in ("images-idx3", "labels-idx1")
]
FILES = [endings[0] for endings in ENDINGS]


def prepare(section: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Find the four files, and download them first if they belong to a data set of torchvision.

    Returns:
        The configuration's section `data`; and facts for the run record.

    Raises:
        ConfigurationError: `root` is missing or `dataset` is unknown.
        DataError: The files are not available.
    """
    root, dataset, fetched_from = section.get("root"), section.get("dataset"), "folder"
    if not root:
        raise ConfigurationError(
            f"data.root: is missing; data={section['name']} takes data.root=FOLDER, the folder of "
            "four IDX files"
        )
    if dataset is not None:
        if dataset not in DATASETS:
            known = ", ".join(DATASETS)
            raise ConfigurationError(f"data.dataset={dataset}: must be one of {known}")
        fetched_from = fetch(dataset, Path(root), f"{dataset}/raw", FILES)
    return section, {
        "dataset": dataset or section["name"],
        "fetched_from": fetched_from,
        "source": file_digest(find(folder_of(root, dataset))),
    }


def folder_of(root: str | Path, dataset: str | None) -> Path:
    """Return the folder of the four files: `root`, or `<root>/<dataset>/raw` with a `dataset`."""
    return Path(root, f"{dataset}/raw" if dataset else "")


def files_to_send(section: dict[str, Any]) -> dict[str, bytes]:
    """Return the files that another machine's data folder needs: contents by relative path."""
    root = Path(section["root"])
    return contents(find(folder_of(root, section.get("dataset"))), root)


def find(folder: Path) -> list[Path]:
    """Return the four files in the order of FILES; raise DataError if one is not found once."""
    if not folder.is_dir():
        raise DataError(f"{folder} is not a folder; name the one that holds the four IDX files")
    # A plain file and its .gz count as one file, and the plain one is read.
    files = {path.name.removesuffix(".gz"): path for path in sorted(folder.iterdir(), reverse=True)}
    found = []
    for endings in ENDINGS:
        matching = sorted(name for name in files if name.endswith(endings))
        if len(matching) != 1:
            what = f"several files ({', '.join(matching)})" if matching else "no file"
            raise DataError(
                f"{folder} holds {what} named *{' or *'.join(endings)}[.gz]; it must hold exactly "
                "one"
            )
        found.append(files[matching[0]])
    return found
