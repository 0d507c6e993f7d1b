"""Pairs of whatever IDX files hold: drawn, scaled and served as those of MNIST."""

from pathlib import Path
from typing import Any

import pytest
import torch

from project.data.idx_pairs import IdxPairs
from project.data.mnist import Digits, Mnist
from project.data.mnist_files import DataError
from project.data.mnist_pairs import MnistPairs
from tests.data.idx import patterns, write_idx

SETTINGS: dict[str, Any] = {
    "seed": 3,
    "order_seed": 3,
    "train_pairs": 20,
    "val_pairs": 10,
    "test_pairs": 30,
    "batch_size": 8,
    "shuffle": True,
    "normalise": True,
}


def pairs(folder: Path, **changes: Any) -> IdxPairs:
    data = IdxPairs(root=folder, **(SETTINGS | changes))
    data.setup()
    return data


def batches(data: Any) -> list[torch.Tensor]:
    loaders = (data.train_dataloader(), data.val_dataloader(), data.test_dataloader())
    return [tensor for loader in loaders for batch in loader for tensor in batch]


@pytest.mark.parametrize("image_size", [14, 28])
@pytest.mark.parametrize("resample_pairs", [False, True])
def test_the_files_of_mnist_give_the_pairs_of_mnist_to_the_bit(
    tmp_path: Path, serve_mnist: Any, image_size: Any, resample_pairs: bool
) -> None:
    def digits(count: int, seed: int) -> Digits:
        images, classes = patterns(count, seed)
        return Digits(torch.from_numpy(images), torch.from_numpy(classes).long())

    serve_mnist(Mnist(digits(100, 1), digits(60, 2), "mnist", "0" * 64))
    changes: dict[str, Any] = {"image_size": image_size, "resample_pairs": resample_pairs}
    mnist = MnistPairs(root=tmp_path, source="auto", **(SETTINGS | changes))
    mnist.setup()
    own = pairs(write_idx(tmp_path / "digits"), **changes)
    for a, b in zip(batches(own), batches(mnist), strict=True):
        assert torch.equal(a, b)
    for stage in ("train", "val", "test"):
        assert own.example_digest(stage) == mnist.example_digest(stage)
    assert own.train.images.shape == (20, 2, image_size, image_size)


def test_images_of_half_the_size_are_taken_as_they_are(tmp_path: Path) -> None:
    data = pairs(write_idx(tmp_path / "digits", size=14), normalise=False)
    images = torch.from_numpy(patterns(60, 2, 14)[0]).float()
    known = {tuple(image.flatten().tolist()) for image in images}
    assert all(tuple(image.flatten().tolist()) in known for image in data.test.images.flatten(0, 1))


def test_images_of_another_size_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError) as error:
        pairs(write_idx(tmp_path / "digits", size=20))
    assert str(error.value) == (
        "data.image_size=14 takes digits of 14x14 or 28x28 pixels, and these have 20x20"
    )


def test_too_few_images_are_refused(tmp_path: Path) -> None:
    folder = write_idx(tmp_path / "digits")
    with pytest.raises(DataError, match=r"data.test_pairs = 31, but .*digits holds 60 digits"):
        pairs(folder, test_pairs=31)


def test_plain_pairs_are_the_same_pairs_with_pixels_as_they_were(tmp_path: Path) -> None:
    data = pairs(write_idx(tmp_path / "digits"))
    plain = data.plain()
    again = (plain.train.images - data.mean) / data.std
    assert torch.equal(again, data.train.images)
    assert torch.equal(plain.test.digits, data.test.digits)
    assert 0 <= plain.train.images.min() < 20
    assert plain.train.images.max() > 200
    assert float(data.mean) != 0


def test_other_data_can_be_normalised_as_those_of_a_trained_net(tmp_path: Path) -> None:
    trained = pairs(write_idx(tmp_path / "digits"))
    for normalise in (False, True):
        other = IdxPairs(
            root=tmp_path / "digits", **(SETTINGS | {"seed": 4, "normalise": normalise})
        )
        other.normalise_like(trained)
        other.setup()
        assert (other.mean, other.std) == (trained.mean, trained.std)
        expected = (other.plain().test.images - trained.mean) / trained.std
        assert torch.equal(other.test.images, expected)
