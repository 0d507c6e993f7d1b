"""Find and read the four IDX files (MNIST's format) of a data set in a folder."""

import gzip
import zlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

from project.config.errors import ConfigurationError
from project.data.file_digest import contents, file_digest
from project.data.mnist_files import DataError
from project.data.torchvision_files import fetch

if TYPE_CHECKING:
    import numpy as np

# Data sets of torchvision in MNIST's format and layout: <root>/<name>/raw.
DATASETS = ("FashionMNIST", "KMNIST")
FILES = [
    f"{part}-{kind}-ubyte" for part in ("train", "t10k") for kind in ("images-idx3", "labels-idx1")
]
# The file name prefixes of each split that are accepted in a user's folder.
PARTS = {"train": ("train",), "test": ("t10k", "test")}
KINDS = {"images": "images-idx3-ubyte", "labels": "labels-idx1-ubyte"}
CLASSES = 10


def prepare(section: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Find the four files, and download them first if they belong to a data set of torchvision.

    Returns:
        The configuration's section `data`; and facts for the run record.

    Raises:
        ConfigurationError: `root` is missing or `dataset` is unknown.
        DataError: The files are not available.
    """
    dataset, fetched_from = section.get("dataset"), "folder"
    if not section.get("root"):
        raise ConfigurationError(
            f"data.root: is missing; data={section['name']} takes data.root=FOLDER, the folder of "
            "four IDX files"
        )
    if dataset is not None:
        if dataset not in DATASETS:
            known = ", ".join(DATASETS)
            raise ConfigurationError(f"data.dataset={dataset}: must be one of {known}")
        fetched_from = fetch(dataset, Path(section["root"]), f"{dataset}/raw", FILES)
    return section, {
        "dataset": dataset or section["name"],
        "fetched_from": fetched_from,
        "source": file_digest(find(folder_of(section)).values()),
    }


def folder_of(section: dict[str, Any]) -> Path:
    """Return the folder of the four files: `root`, or `<root>/<dataset>/raw` with a `dataset`."""
    dataset = section.get("dataset")
    return Path(section["root"], f"{dataset}/raw" if dataset else "")


def files_to_send(section: dict[str, Any]) -> dict[str, bytes]:
    """Return the files that another machine's data folder needs: contents by relative path."""
    return contents(find(folder_of(section)).values(), Path(section["root"]))


def find(folder: Path) -> dict[str, Path]:
    """Return the paths of the four files by `<split> <kind>`, such as `test labels`.

    Raises:
        DataError: The folder does not exist, or a file is missing or ambiguous.
    """
    if not folder.is_dir():
        raise DataError(f"{folder} is not a folder; name the one that holds the four IDX files")
    # A plain file and its .gz count as one file, and the plain one is read.
    files = {path.name.removesuffix(".gz"): path for path in sorted(folder.iterdir(), reverse=True)}
    found = {}
    for split, parts in PARTS.items():
        for kind, ending in KINDS.items():
            wanted = tuple(f"{part}-{ending}" for part in parts)
            matching = sorted(name for name in files if name.endswith(wanted))
            if len(matching) != 1:
                what = f"several files ({', '.join(matching)})" if matching else "no file"
                raise DataError(
                    f"{folder} holds {what} named *{' or *'.join(wanted)}[.gz]; it must hold "
                    "exactly one"
                )
            found[f"{split} {kind}"] = files[matching[0]]
    return found


def read(folder: Path) -> dict[str, "tuple[np.ndarray, np.ndarray]"]:
    """Return images (N, H, W) and labels (N,), bytes, of each split, `train` and `test`.

    Raises:
        DataError: As `find`, or a file is invalid, or images and labels do not fit together.
    """
    files = find(folder)
    splits = {}
    for split in PARTS:
        images, labels = (_parse(files[f"{split} {kind}"]) for kind in KINDS)
        place = files[f"{split} labels"]
        if len(images) != len(labels):
            raise DataError(f"{place} holds {len(labels)} labels for {len(images)} images")
        if len(labels) and labels.max() >= CLASSES:
            raise DataError(f"{place}: labels must be 0 to {CLASSES - 1}, got {labels.max()}")
        splits[split] = images, labels
    return splits


def _parse(path: Path) -> "np.ndarray":
    from project.data.idx_files import parse_idx

    try:
        content = path.read_bytes()
        if path.suffix == ".gz":
            content = gzip.decompress(content)
        return parse_idx(content, 3 if "images" in path.name else 1)
    except (OSError, EOFError, zlib.error, DataError) as error:
        raise DataError(f"{path} cannot be read ({error})") from None
