"""A run directory packed for transfer between machines; what arrives is not trusted."""

import hashlib
import re
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from project.config.errors import ConflictError
from project.runs.atomic import TEMPORARY, replacing_directory, write_bytes
from project.runs.directory import EVALUATIONS

# A file name, maybe in the one folder that a run has. It has no other separator, no leading dot
# (which excludes `..` and hidden files) and no control character.
PLAIN_NAME = re.compile(rf"({EVALUATIONS}/)?(?!\.)[^/\x00-\x1f]{{1,255}}")


class CorruptArchiveError(Exception):
    """A file in an archive has an unsafe name or a wrong checksum; none of the archive was used."""

    exit_code = 3


@dataclass(frozen=True)
class ArchivedFile:
    """The content of a file in an archive, and its SHA-256 as hex digits."""

    content: bytes
    sha256: str

    @classmethod
    def of(cls, content: bytes) -> "ArchivedFile":
        """Return an ArchivedFile with this content and its checksum."""
        return cls(content, hashlib.sha256(content).hexdigest())


RunArchive = dict[str, ArchivedFile]  # by file name


def pack(directory: Path) -> RunArchive:
    """Return the files of the run in `directory`, to which a process may be writing.

    Checkpoints are read first, so that all other files are as new or newer, as after a kill. A
    directory that holds anything but regular files with plain names raises a ConflictError.
    """
    archive = {}
    for path in sorted(_files(directory), key=lambda path: (path.suffix != ".ckpt", path.name)):
        if path.name.endswith(TEMPORARY):
            continue
        name = path.relative_to(directory).as_posix()
        try:
            if not stat.S_ISREG(path.lstat().st_mode) or not PLAIN_NAME.fullmatch(name):
                raise ConflictError(
                    f"{path} is not a regular file with a plain name, and would be lost in the "
                    "transfer; move it elsewhere"
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


def unpack(archive: RunArchive, directory: Path) -> None:
    """Replace what `directory` holds by the files of an archive, whole or not at all.

    The caller must hold the run's lock. An unsafe name or a wrong checksum raises a
    CorruptArchiveError; an OSError names a path.
    """
    for name, packed in archive.items():
        if not PLAIN_NAME.fullmatch(name):
            raise CorruptArchiveError(
                f"a run was sent with a file named {name!r}, which is not allowed; the run was not "
                "stored"
            )
        if (found := hashlib.sha256(packed.content).hexdigest()) != packed.sha256:
            raise CorruptArchiveError(
                f"{name} was damaged on the way (SHA-256 expected {packed.sha256}, found {found})"
            )
    with replacing_directory(directory) as coming:
        for name, packed in archive.items():
            (coming / name).parent.mkdir(exist_ok=True)
            write_bytes(coming / name, packed.content)
