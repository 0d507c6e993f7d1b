"""Images to be classified: split honestly, alike for every variant of a seed, normalised."""

from pathlib import Path
from typing import Any

import pytest
import torch

from project.data.image_sets import ImageSet, Pool
from project.data.mnist_files import DataError

SETTINGS: dict[str, Any] = {
    "seed": 0,
    "order_seed": 0,
    "train_images": None,
    "val_images": 20,
    "test_images": 30,
    "batch_size": 16,
    "shuffle": True,
    "normalise": True,
}


def numbered(count: int, first: int = 0) -> Pool:
    """Images (N, 3, 4, 4) whose two first bytes are their number."""
    numbers = torch.arange(first, first + count)
    images = torch.randint(0, 255, (count, 3, 4, 4), generator=torch.Generator().manual_seed(first))
    images[:, 0, 0, 0], images[:, 0, 0, 1] = numbers % 256, numbers // 256
    return Pool(images.to(torch.uint8), numbers % 7)


class Numbered(ImageSet):
    def __init__(self, pools: dict[str, Pool], **settings: Any) -> None:
        super().__init__(**(SETTINGS | settings))
        self.pools = pools

    def load(self) -> dict[str, Pool]:
        return self.pools


def data(pools: dict[str, Pool] | None = None, **settings: Any) -> Numbered:
    made = Numbered(pools or {"train": numbered(200)}, **settings)
    made.setup()
    return made


def numbers(images: Any) -> list[int]:
    first = images.images[:, 0, 0].long()
    return (first[:, 0] + 256 * first[:, 1]).tolist()


@pytest.mark.parametrize("seed", [0, 1])
def test_no_image_is_in_two_splits_and_all_are_used(seed: int) -> None:
    drawn = data(seed=seed)
    splits = [numbers(each) for each in (drawn.train, drawn.val, drawn.test)]
    assert [len(each) for each in splits] == [150, 20, 30]
    assert sorted(number for split in splits for number in split) == list(range(200))


def test_another_seed_gives_other_splits_and_the_same_seed_the_same() -> None:
    def splits(seed: int) -> list[list[int]]:
        drawn = data(seed=seed)
        return [numbers(each) for each in (drawn.train, drawn.val, drawn.test)]

    assert splits(0) == splits(0)
    assert all(a != b for a, b in zip(splits(0), splits(1), strict=True))


def test_the_test_images_of_a_data_set_are_tested_and_none_of_them_is_trained_on() -> None:
    pools = {"train": numbered(200), "test": numbered(50, first=1000)}
    whole = data(pools, test_images=None)
    assert numbers(whole.test) == list(range(1000, 1050))
    some = data(pools, test_images=20)
    assert len(set(numbers(some.test))) == 20
    for drawn in (whole, some):
        assert sorted(numbers(drawn.train) + numbers(drawn.val)) == list(range(200))
        assert set(numbers(drawn.test)) <= set(range(1000, 1050))


def test_validation_images_of_their_own_are_used_too() -> None:
    pools = {"train": numbered(90), "val": numbered(30, 500), "test": numbered(50, 1000)}
    drawn = data(pools, val_images=None, test_images=None)
    assert numbers(drawn.val) == list(range(500, 530))
    assert sorted(numbers(drawn.train)) == list(range(90))


def test_numbers_that_are_left_open_are_a_share() -> None:
    drawn = data(val_images=None, test_images=None)
    assert [len(each) for each in (drawn.train, drawn.val, drawn.test)] == [144, 26, 30]


def test_fewer_training_images_change_neither_validation_nor_test() -> None:
    many, few = data(), data(train_images=40)
    assert len(few.train) == 40
    assert set(numbers(few.train)) < set(numbers(many.train))
    assert (numbers(few.val), numbers(few.test)) == (numbers(many.val), numbers(many.test))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"test_images": 201}, "data.test_images=201, but there are 200 images to draw them from"),
        ({"val_images": 171}, "data.val_images=171, but there are 170 images"),
        ({"train_images": 151}, "data.train_images=151, but there are 150 images"),
        ({"val_images": 170}, "data.train_images=0, but there are 0 images"),
    ],
)
def test_too_few_images_are_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(DataError) as error:
        data(**changes)
    assert str(error.value).startswith(message)


@pytest.mark.parametrize(
    "changes",
    [{"train_images": 0}, {"val_images": -1}, {"test_images": 0}, {"batch_size": 0}],
)
def test_numbers_that_make_no_sense_are_refused(changes: dict[str, Any]) -> None:
    (key,) = changes
    with pytest.raises(ValueError, match=f"{key} must be at least"):
        data(**changes)


def test_without_validation_there_is_no_loader() -> None:
    assert data(val_images=0).val_dataloader() == []


def test_every_channel_of_the_training_images_has_mean_0_and_std_1() -> None:
    drawn = data()
    images = torch.cat([batch[0] for batch in drawn.train_dataloader()])
    std, mean = torch.std_mean(images, (0, 2, 3))
    torch.testing.assert_close(mean, torch.zeros(3), atol=1e-5, rtol=0)
    torch.testing.assert_close(std, torch.ones(3), atol=1e-5, rtol=0)
    loaders: list[Any] = [drawn.val_dataloader(), drawn.test_dataloader()]
    for split, loader in zip((drawn.val, drawn.test), loaders, strict=True):
        expected = (split.images.float() / 255 - drawn.mean) / drawn.std
        assert torch.equal(torch.cat([batch[0] for batch in loader]), expected)


def test_pixels_are_between_0_and_1_if_they_are_not_normalised() -> None:
    images, classes = next(iter(data(normalise=False).test_dataloader()))
    assert (images.min(), images.max()) == (0, 254 / 255)
    assert classes.dtype == torch.int64


def test_each_epoch_has_an_order_of_its_own_which_is_the_same_for_every_variant() -> None:
    def order(epoch: int, **settings: Any) -> list[int]:
        loader: Any = data(**settings).train_dataloader()
        loader.sampler.set_epoch(epoch)
        return [number for batch in loader.sampler for number in batch.tolist()]

    assert order(0) == order(0, batch_size=7)
    assert sorted(order(0)) == list(range(150))
    assert order(0) != order(1) != order(0, order_seed=5)
    assert order(0, shuffle=False) == order(1, shuffle=False) == list(range(150))


def test_digests_know_the_images_whatever_is_made_of_them() -> None:
    one = data()
    assert one.example_digest("test") == data(normalise=False, batch_size=3).example_digest("test")
    assert one.example_digest("test") != data(seed=1).example_digest("test")
    assert one.example_digest("test") != one.example_digest("train")
    turned = numbered(200)
    turned.classes[:] = turned.classes.flip(0)
    assert one.example_digest("test") != data({"train": turned}).example_digest("test")


def test_other_images_can_be_normalised_as_those_of_a_trained_net(tmp_path: Path) -> None:
    trained = data()
    other = Numbered({"train": numbered(100, 700)}, normalise=False)
    other.normalise_like(trained)
    other.setup()
    assert (other.mean, other.std) == (trained.mean, trained.std)
    images, _ = next(iter(other.test_dataloader()))
    assert torch.equal(images, (other.test.images.float() / 255 - trained.mean) / trained.std)
