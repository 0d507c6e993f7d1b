"""Where images come from: each data set is found, named and read as what it is."""

import gzip
import hashlib
import pickle
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torchvision.datasets import CIFAR10

from project.config import packages
from project.config.errors import ConfigurationError
from project.data import cifar10, digits8x8, mnist
from project.data.image_modules import Cifar10, Digits8x8, MnistImages
from project.data.mnist import Mnist
from project.data.mnist_files import DataError
from tests.conftest import small_digits

SETTINGS: dict[str, Any] = {
    "seed": 0,
    "order_seed": 0,
    "train_images": None,
    "val_images": 20,
    "test_images": None,
    "batch_size": 16,
    "shuffle": True,
    "normalise": False,
}


def test_mnist_is_classified_on_its_own_test_digits(
    small_mnist: Path, serve_mnist: Callable[[Mnist], None]
) -> None:
    section = {"name": "mnist", "root": str(small_mnist), "source": "auto"}
    settled, facts = mnist.prepare_images(section)
    shape = {"classes": 10, "channels": 1, "image_size": 28}
    assert settled == section | shape | {"dataset": "mnist"}
    assert facts == {"dataset": "mnist", "fetched_from": "folder", "source": "0" * 64}
    data = MnistImages(root=small_mnist, source="auto", **SETTINGS)
    data.setup()
    digits = small_digits()
    assert torch.equal(data.test.images[:, 0], digits.test.images)
    assert torch.equal(data.test.classes, digits.test.labels)
    assert (len(data.train), len(data.val)) == (180, 20)


def test_a_source_that_is_none_is_refused() -> None:
    with pytest.raises(ConfigurationError, match=r"data.source=web: must be one of auto, tor"):
        mnist.prepare_images({"name": "mnist", "root": "data", "source": "web"})


def test_digits8x8_are_those_of_scikit_learn(tmp_path: Path) -> None:
    datasets = pytest.importorskip("sklearn.datasets")
    settled, facts = digits8x8.prepare({"name": "digits8x8", "root": str(tmp_path)})
    assert (settled["classes"], settled["channels"], settled["image_size"]) == (10, 1, 8)
    assert facts["fetched_from"] == "scikit-learn"
    known = datasets.load_digits()
    data = Digits8x8(root=tmp_path, **SETTINGS)
    images, classes = data.load()["train"]
    assert np.array_equal(images[:, 0], known.images)
    assert np.array_equal(classes, known.target)
    data.setup()
    batch, _ = next(iter(data.test_dataloader()))
    assert (batch.min(), batch.max()) == (0, 1)


def test_digits8x8_that_were_sent_are_read_without_scikit_learn(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    table = np.zeros((3, 65), int)
    table[:, -1] = 4
    text = "\n".join(",".join(map(str, row)) for row in table)
    (tmp_path / digits8x8.NAME).write_bytes(gzip.compress(text.encode()))
    monkeypatch.setattr(packages.importlib.util, "find_spec", lambda name: None)
    section = {"name": "digits8x8", "root": str(tmp_path)}
    images, classes = Digits8x8(root=tmp_path, **SETTINGS).load()["train"]
    assert images.shape == (3, 1, 8, 8)
    assert classes.tolist() == [4, 4, 4]
    sent = digits8x8.files_to_send(section)
    assert sent == {digits8x8.NAME: (tmp_path / digits8x8.NAME).read_bytes()}


def test_without_scikit_learn_the_command_that_installs_it_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = find_spec
    monkeypatch.setattr(
        packages.importlib.util,
        "find_spec",
        lambda name: None if name == "sklearn" else found(name),
    )
    with pytest.raises(ConfigurationError) as error:
        digits8x8.prepare({"name": "digits8x8", "root": str(tmp_path)})
    assert str(error.value) == (
        "data=digits8x8 needs sklearn: pip install -c .ci/constraints.txt -e '.[examples]'"
    )


def test_a_shape_that_is_typed_otherwise_is_refused(tmp_path: Path) -> None:
    pytest.importorskip("sklearn")
    with pytest.raises(ConfigurationError) as error:
        digits8x8.prepare({"name": "digits8x8", "root": str(tmp_path), "classes": 9})
    assert str(error.value) == "data.classes=9: data=digits8x8 has 10; leave it out"


@pytest.fixture
def cifar(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A data folder with a small CIFAR-10, whose checksums torchvision is told."""
    folder = tmp_path / "data" / cifar10.FOLDER
    folder.mkdir(parents=True)
    random = np.random.default_rng(0)
    sums = {}
    for name in cifar10.FILES:
        content: dict[str, Any] = {
            "data": random.integers(0, 255, (10, 3072), dtype=np.uint8),
            "labels": random.integers(0, 10, 10).tolist(),
        }
        if name == "batches.meta":
            content = {"label_names": [str(number) for number in range(10)]}
        (folder / name).write_bytes(pickle.dumps(content))
        sums[name] = hashlib.md5((folder / name).read_bytes()).hexdigest()
    listed = [[name, sums[name]] for name in cifar10.FILES]
    monkeypatch.setattr(CIFAR10, "train_list", listed[:5])
    monkeypatch.setattr(CIFAR10, "test_list", listed[5:6])
    meta = {"filename": "batches.meta", "key": "label_names", "md5": sums["batches.meta"]}
    monkeypatch.setattr(CIFAR10, "meta", meta)
    return tmp_path / "data"


def test_cifar10_is_read_in_torchvisions_layout(cifar: Path) -> None:
    section = {"name": "cifar10", "root": str(cifar)}
    settled, facts = cifar10.prepare(section)
    assert (settled["classes"], settled["channels"], settled["image_size"]) == (10, 3, 32)
    assert (facts["dataset"], facts["fetched_from"]) == ("cifar10", "folder")
    data = Cifar10(root=cifar, **(SETTINGS | {"val_images": 10}))
    data.setup()
    assert [len(each) for each in (data.train, data.val, data.test)] == [40, 10, 10]
    stored = pickle.loads((cifar / cifar10.FOLDER / "test_batch").read_bytes())
    assert np.array_equal(data.test.images.flatten(1), stored["data"])
    assert data.test.classes.tolist() == stored["labels"]
    assert set(cifar10.files_to_send(section)) == {
        f"{cifar10.FOLDER}/{name}" for name in cifar10.FILES
    }


def test_a_file_of_cifar10_with_another_checksum_is_neither_used_nor_replaced(cifar: Path) -> None:
    """It holds a pickle, which could run code."""

    class Hostile:
        def __reduce__(self) -> Any:
            return (Path.touch, (cifar / "executed",))

    path = cifar / cifar10.FOLDER / "data_batch_3"
    path.write_bytes(pickle.dumps(Hostile()))
    before = path.read_bytes()
    data = Cifar10(root=cifar, **SETTINGS)
    with pytest.raises(
        DataError, match="do not match torchvision's checksums of CIFAR-10; move the folder away"
    ):
        data.setup()
    assert path.read_bytes() == before
    assert not (cifar / "executed").exists()


def test_a_cifar10_that_lacks_a_file_is_refused(cifar: Path) -> None:
    (cifar / cifar10.FOLDER / "test_batch").unlink()
    with pytest.raises(DataError, match=r"lacks test_batch; put them there, or move the folder"):
        cifar10.prepare({"name": "cifar10", "root": str(cifar)})
