"""What this process does to the machine while it is watched: programs, connections, files written.

Python reports it as audit events, whoever the caller is; C++ code is not seen.
"""

import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

PROGRAMS = (
    "os.system", "os.exec", "os.posix_spawn", "os.spawn", "os.startfile", "subprocess.Popen",
    "socket.connect", "socket.getaddrinfo", "urllib.Request", "code.__new__", "pty.spawn",
)  # fmt: skip
# The places that an event changes are its first arguments, so many of them.
CHANGES = {
    "os.mkdir": 1, "os.rmdir": 1, "os.remove": 1, "os.rename": 2, "os.link": 2, "os.symlink": 2,
    "os.chmod": 1, "os.truncate": 1, "os.utime": 1, "shutil.rmtree": 1, "shutil.move": 2,
    "shutil.copyfile": 2,
}  # fmt: skip
WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND

_seen: list[tuple[str, str]] | None = None


def _hook(event: str, arguments: tuple[Any, ...]) -> None:
    if _seen is None:
        return
    if event in PROGRAMS:
        _seen.append((event, repr(arguments)))
    elif event in CHANGES:
        folder = arguments[-1] if event in ("os.remove", "os.rmdir") else -1
        _seen.extend((event, _path(place, folder)) for place in arguments[: CHANGES[event]])
    elif event == "open" and not isinstance(arguments[0], int):
        mode, flags = arguments[1], arguments[2]
        if (isinstance(mode, str) and set(mode) & set("wxa+")) or flags & WRITING:
            _seen.append((event, _path(arguments[0])))


def _path(place: Any, folder: int = -1) -> str:
    """Return the absolute path; `folder`: the open folder in which it is named, -1 for none."""
    if not isinstance(place, str | bytes | Path):
        return ""
    inside = Path(f"/proc/self/fd/{folder}").readlink() if folder != -1 else Path.cwd()
    return str(inside / os.fsdecode(place))


sys.addaudithook(_hook)


@contextmanager
def watched() -> Iterator[list[tuple[str, str]]]:
    """Yield the list of what is done, as it grows: an event, and the path or the arguments."""
    global _seen
    _seen = seen = []
    before, sys.dont_write_bytecode = sys.dont_write_bytecode, True
    try:
        yield seen
    finally:
        _seen = None
        sys.dont_write_bytecode = before


def outside(seen: list[tuple[str, str]], *folders: Path) -> list[tuple[str, str]]:
    """Return what was done elsewhere than in `folders`, and in scratch folders of our own."""
    allowed = [str(folder) for folder in folders]
    scratch = tempfile.gettempdir()
    allowed += [f"{scratch}/verify-", f"{scratch}/torchinductor_", os.devnull, "('git', ['git', "]
    return [(event, what) for event, what in seen if what and not what.startswith(tuple(allowed))]
