"""What lies in the data folder is verified, used as it is, and never silently replaced."""

import gzip
import hashlib
import multiprocessing
import os
import traceback
from collections.abc import Callable
from pathlib import Path

import filelock  # noqa: F401  (before forks to a user who may not be allowed to read it)
import pytest

from project.data import mnist
from project.data.mnist import DataError
from project.data.mnist_files import ORIGINALS
from tests.data.small_files import (
    FILES,
    IMAGES,
    LABELS,
    Fetcher,
    assert_is_the_small_mnist,
    flipped,
    put,
    serve,
)


def as_ordinary_user(work: Callable[[], str], folder: Path) -> str:
    """What `work` returns in a child process without root's power to write anywhere.

    The child starts inside `folder`, because pytest's own folders are closed to other users.
    """
    receiver, sender = multiprocessing.Pipe(duplex=False)

    def child() -> None:
        os.chdir(folder)
        if os.getuid() == 0:
            os.setgid(65534)
            os.setuid(65534)
        try:
            sender.send(work())
        except BaseException:
            sender.send(traceback.format_exc())

    process = multiprocessing.get_context("fork").Process(target=child)
    process.start()
    answer = receiver.recv() if receiver.poll(30) else "no answer"
    process.join(30)
    return answer


def test_files_in_the_folder_are_used_as_they_are(tmp_path: Path) -> None:
    put(tmp_path)
    data = mnist.load_mnist(tmp_path)
    assert_is_the_small_mnist(data)
    assert data.fetched_from == "folder"
    assert not (tmp_path / ".mnist.lock").exists()


def test_gz_files_alone_are_enough_and_stay_alone(tmp_path: Path) -> None:
    raw = put(tmp_path, packed=True)
    data = mnist.load_mnist(tmp_path)
    assert_is_the_small_mnist(data)
    assert data.fetched_from == "folder"
    assert sorted(path.name for path in raw.iterdir()) == sorted(f"{name}.gz" for name in FILES)


@pytest.mark.parametrize("source", ["auto", "torchvision", "npm"])
def test_what_is_verified_in_the_folder_is_not_downloaded_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, source: str
) -> None:
    torchvision, npm = Fetcher(), Fetcher()
    serve(monkeypatch, torchvision=torchvision, npm=npm)
    put(tmp_path)
    assert_is_the_small_mnist(mnist.load_mnist(tmp_path, source))
    assert (torchvision.calls, npm.calls) == ([], [])


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("change", [flipped, lambda content: content[:-9], lambda content: b"own"])
def test_a_file_of_the_users_own_is_refused_by_name_and_stays_as_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, change: Callable[[bytes], bytes], packed: bool
) -> None:
    """Right name, other content, of the same size or another; everything could be fetched."""
    raw = put(tmp_path, packed)
    path = raw / (f"{IMAGES}.gz" if packed else IMAGES)
    own = change(path.read_bytes())
    path.write_bytes(own)
    (raw / LABELS).unlink(missing_ok=True)
    before = contents(raw)
    fetchers = {"torchvision": Fetcher(), "npm": Fetcher()}
    serve(monkeypatch, **fetchers)
    for source in ("auto", "torchvision", "npm"):
        with pytest.raises(DataError) as caught:
            mnist.load_mnist(tmp_path, source)
        assert caught.value.exit_code == 3
        lines = str(caught.value).splitlines()
        assert lines[0] == (
            f"in {raw} there are files of MNIST's names that are not MNIST's; they are neither "
            "used nor overwritten:"
        )
        assert lines[1].startswith(f"  {path}")
        for checksum in (ORIGINALS[IMAGES].sha256, hashlib.sha256(own).hexdigest()):
            assert checksum in lines[1]
        assert lines[2].startswith("  Move them away, or set paths.data to another folder")
    assert contents(raw) == before
    assert all(fetcher.calls == [] for fetcher in fetchers.values())


def test_own_files_of_all_four_names_and_sizes_are_refused_when_they_are_read(
    tmp_path: Path,
) -> None:
    """Naming a run goes by size; nothing is used before its checksum is known."""
    raw = put(tmp_path)
    for name in FILES:
        (raw / name).write_bytes(flipped(FILES[name]))
    before = contents(raw)
    assert mnist.prepare(tmp_path).dataset == "mnist"
    with pytest.raises(DataError, match="are not MNIST's"):
        mnist.load_mnist(tmp_path)
    with pytest.raises(DataError, match="are not MNIST's"):
        mnist.files_to_send({"root": tmp_path, "source": "auto"})
    assert contents(raw) == before


def test_a_plain_file_counts_before_the_packed_one_beside_it(tmp_path: Path) -> None:
    raw = put(tmp_path)
    (raw / f"{IMAGES}.gz").write_bytes(b"damaged")
    assert_is_the_small_mnist(mnist.load_mnist(tmp_path))
    (raw / f"{IMAGES}.gz").write_bytes(gzip.compress(FILES[IMAGES]))
    (raw / IMAGES).write_bytes(flipped(FILES[IMAGES]))
    with pytest.raises(DataError, match="are not MNIST's"):
        mnist.load_mnist(tmp_path)


def test_a_read_only_folder_with_good_files_is_read(tmp_path: Path) -> None:
    put(tmp_path / "data")
    assert_is_the_small_mnist(mnist.load_mnist(tmp_path / "data"))  # imports what the child needs
    close(tmp_path)

    def work() -> str:
        data = mnist.load_mnist(Path("data"))
        assert_is_the_small_mnist(data)
        try:
            Path("data/probe").touch()
        except PermissionError:
            return data.fetched_from
        return "the folder was writable, so this test shows nothing"

    assert as_ordinary_user(work, tmp_path) == "folder"


@pytest.mark.parametrize("source", ["auto", "npm"])
def test_an_unwritable_folder_that_lacks_files_is_an_error(tmp_path: Path, source: str) -> None:
    (tmp_path / "data").mkdir()
    close(tmp_path)
    answer = as_ordinary_user(lambda: error_of(Path("data"), source), tmp_path)
    assert "the data folder cannot be written (data/MNIST: Permission denied)" in answer
    assert f"{IMAGES} is missing" in answer


def close(folder: Path) -> None:
    """Let everybody read below `folder`, and nobody but root write."""
    folder.chmod(0o755)
    for path in folder.rglob("*"):
        path.chmod(0o555 if path.is_dir() else 0o444)


def error_of(root: Path, source: str) -> str:
    try:
        mnist.load_mnist(root, source)
    except DataError as error:
        return str(error)
    return "no error"


@pytest.mark.parametrize("source", ["auto", "torchvision", "npm"])
def test_a_data_folder_that_is_a_file_is_refused(tmp_path: Path, source: str) -> None:
    (tmp_path / "data").write_text("not a folder")
    with pytest.raises(DataError, match=r"data is not a folder\. Set paths\.data to a folder\."):
        mnist.prepare(tmp_path / "data", source)


def test_a_data_folder_below_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a folder")
    with pytest.raises(DataError, match="cannot be written"):
        mnist.prepare(tmp_path / "file" / "data")
