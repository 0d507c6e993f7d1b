"""MNIST's four files: their checksums, and which of them are present in the data folder.

A file may be stored plain or as .gz; its checksum is that of the uncompressed content. A file of
the right name but other content is refused: it is never used, overwritten, moved or deleted.
"""

import gzip
import hashlib
import io
import zlib
from pathlib import Path
from typing import NamedTuple


class Original(NamedTuple):
    """The size in bytes and SHA-256 of one of MNIST's files, uncompressed."""

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


class DataError(Exception):
    """The data are not available; the message gives the cause, the path and what to do next."""

    exit_code = 3


class UnavailableError(Exception):
    """A source could not deliver the data; the message is one line with the reason."""


def raw_folder(root: Path) -> Path:
    """Return the folder of MNIST's files in the data folder `root`, as torchvision has it."""
    return root / "MNIST" / "raw"


def present(folder: Path, name: str) -> Path | None:
    """Return the path of a file in a folder, plain or as .gz; None if neither exists."""
    paths = folder / name, folder / f"{name}.gz"
    return next((path for path in paths if path.is_file()), None)


def checksum(content: bytes) -> str:
    """Return the SHA-256 of `content` in hexadecimal."""
    return hashlib.sha256(content).hexdigest()


def missing(root: Path) -> list[str]:
    """Return the names of MNIST's files that are not in the data folder `root`."""
    return [name for name in ORIGINALS if not present(raw_folder(root), name)]


def read_files(root: Path) -> dict[str, bytes]:
    """Return the contents of MNIST's files in the data folder `root` by name; some may be missing.

    A file that cannot be read or is not MNIST's is refused with a DataError.
    """
    contents, foreign = {}, []
    for name, original in ORIGINALS.items():
        if (path := present(raw_folder(root), name)) is None:
            continue
        try:
            content = path.read_bytes()
            contents[name] = unpack(content, name) if path.suffix == ".gz" else content
        except UnavailableError as error:
            foreign.append(f"{path} {error}")
            continue
        except OSError as error:
            raise DataError(
                f"{path} cannot be read ({error.strerror}). Change its permissions, or move it "
                "away."
            ) from error
        if (found := checksum(contents[name])) != original.sha256:
            foreign.append(f"{path}: SHA-256 expected {original.sha256}, found {found}")
    if foreign:
        lines = [
            f"in {raw_folder(root)} there are files of MNIST's names that are not MNIST's; they "
            "are neither used nor overwritten:",
            *foreign,
            "Move them away, or set paths.data to another folder, to have MNIST fetched. For data "
            "of your own, write a data module: data._target_=your_module.YourData",
        ]
        raise DataError("\n  ".join(lines))
    return contents


def unpack(packed: bytes, name: str) -> bytes:
    """Return a file in ORIGINALS from its .gz, at most one byte more; else UnavailableError."""
    try:
        with gzip.GzipFile(fileobj=io.BytesIO(packed)) as file:
            return file.read(ORIGINALS[name].size + 1)
    except (OSError, EOFError, zlib.error) as error:
        raise UnavailableError(
            f"cannot be unpacked ({error}): the packed file has SHA-256 {checksum(packed)}; "
            f"unpacked it must have {ORIGINALS[name].sha256}"
        ) from None
