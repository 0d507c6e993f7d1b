"""A run's directory on its way between machines: its files with their checksums, and nothing else.

What comes in is not trusted: a name that is no plain file name, or bytes that are not what their
checksum says, and nothing of the archive is used.
"""

import hashlib
import re
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from project.config.errors import ConflictError
from project.runs.atomic import TEMPORARY, replacing_directory, write_bytes
from project.runs.directory import EVALUATIONS

# No separator but after the one folder that a run has, no leading dot (`..`, and what is hidden is
# nobody's result), no NUL or newline.
PLAIN_NAME = re.compile(rf"({EVALUATIONS}/)?(?!\.)[^/\x00-\x1f]{{1,255}}")


class CorruptArchiveError(Exception):
    """What arrived is not what was sent; nothing of it has been used."""

    exit_code = 3


@dataclass(frozen=True)
class ArchivedFile:
    """A file: its bytes and their SHA-256."""

    content: bytes
    sha256: str

    @classmethod
    def of(cls, content: bytes) -> "ArchivedFile":
        """Return the file that has this content."""
        return cls(content, hashlib.sha256(content).hexdigest())


RunArchive = dict[str, ArchivedFile]  # by file name


def pack(directory: Path) -> RunArchive:
    """The files of the run in `directory`, which a process may be writing to.

    Checkpoints are read first: then everything else is as new or newer, as after a kill. Raises
    ConflictError at a link or a folder, which a run does not have but for `evaluations`.
    """
    archive = {}
    for path in sorted(_files(directory), key=lambda path: (path.suffix != ".ckpt", path.name)):
        if path.name.endswith(TEMPORARY):
            continue
        name = path.relative_to(directory).as_posix()
        try:
            if not stat.S_ISREG(path.lstat().st_mode) or not PLAIN_NAME.fullmatch(name):
                raise ConflictError(
                    f"{path} is no plain file, and would be lost on the way; move it elsewhere"
                )
            archive[name] = ArchivedFile.of(path.read_bytes())
        except FileNotFoundError:
            continue  # replaced or removed since it was listed
    return archive


def _files(directory: Path) -> Iterator[Path]:
    for path in directory.iterdir():
        if path.name == EVALUATIONS and path.is_dir() and not path.is_symlink():
            yield from path.iterdir()
        else:
            yield path


def check(archive: RunArchive) -> None:
    """Raise CorruptArchiveError unless every name is plain and every checksum right."""
    for name, packed in archive.items():
        if not PLAIN_NAME.fullmatch(name):
            raise CorruptArchiveError(f"a run was sent with a file named {name!r}; it is not used")
        if (found := hashlib.sha256(packed.content).hexdigest()) != packed.sha256:
            raise CorruptArchiveError(
                f"{name} was damaged on the way (SHA-256 expected {packed.sha256}, found {found})"
            )


def unpack(archive: RunArchive, directory: Path) -> None:
    """Make `directory` hold what was sent, in the place of what it holds now; whole or not at all.

    Raises CorruptArchiveError, or OSError naming a path. The caller holds the run's lock.
    """
    check(archive)
    with replacing_directory(directory) as coming:
        for name, packed in archive.items():
            (coming / name).parent.mkdir(exist_ok=True)
            write_bytes(coming / name, packed.content)
