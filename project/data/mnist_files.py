"""The four files of MNIST: what they must be, and which of them lie in the data folder.

They are known by their uncompressed contents, whether they lie there plain or as .gz.
"""

import gzip
import hashlib
import io
import os
import zlib
from pathlib import Path
from typing import NamedTuple


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


MISSING = "missing"


class DataError(Exception):
    """The data cannot be had; the message says the cause, the path and what to do next."""

    exit_code = 3


class UnavailableError(Exception):
    """One source could not deliver; the message is one line saying why."""


def raw_folder(root: Path) -> Path:
    """Return where torchvision keeps the files."""
    return root / "MNIST" / "raw"


def packed_path(path: Path) -> Path:
    """Return where a file lies packed."""
    return path.with_name(f"{path.name}.gz")


def checksum(content: bytes) -> str:
    """Return the SHA-256 in hexadecimal digits."""
    return hashlib.sha256(content).hexdigest()


def has_size(path: Path, size: int) -> bool:
    """Whether the file, or only its .gz, holds `size` bytes (gzip ends in the size, RFC 1952)."""
    try:
        if path.is_file():
            return path.stat().st_size == size
        with packed_path(path).open("rb") as file:
            file.seek(-4, os.SEEK_END)
            return int.from_bytes(file.read(4), "little") == size
    except OSError:
        return False


def inspect(root: Path) -> tuple[dict[str, bytes], dict[str, str]]:
    """Return the verified contents of the data folder, and what is wrong with every other file.

    Raises:
        DataError: A file may not be read.
    """
    contents, problems = {}, {}
    for name, original in ORIGINALS.items():
        plain = raw_folder(root) / name
        path = plain if plain.is_file() or not packed_path(plain).is_file() else packed_path(plain)
        expected = f"{path}: SHA-256 expected {original.sha256}"
        try:
            content = path.read_bytes() if path == plain else unpack(path.read_bytes(), name)
        except (FileNotFoundError, NotADirectoryError):
            problems[name] = MISSING
        except UnavailableError as error:
            problems[name] = f"{path} {error}"
        except OSError as error:
            raise DataError(
                f"{path} cannot be read ({error.strerror}). Mend its permissions, or move it away."
            ) from error
        else:
            found = checksum(content)
            if found == original.sha256:
                contents[name] = content
            else:
                problems[name] = f"{expected}, found {found}"
    return contents, problems


def unpack(packed: bytes, name: str) -> bytes:
    """Unpack a .gz, at most one byte past the original's size; raises UnavailableError."""
    try:
        with gzip.GzipFile(fileobj=io.BytesIO(packed)) as file:
            return file.read(ORIGINALS[name].size + 1)
    except (OSError, EOFError, zlib.error) as error:
        raise UnavailableError(
            f"cannot be unpacked ({error}): SHA-256 expected {ORIGINALS[name].sha256} unpacked,"
            f" found {checksum(packed)} packed"
        ) from None
