"""Pairs are drawn honestly: no digit twice, none of the test's in training, all from streams."""

import itertools
from collections.abc import Callable
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from project.data.mnist import DataError, Digits, Mnist
from project.data.mnist_pairs import MnistPairs
from project.data.pairs import Pairs, scaled
from project.data.splits import BatchIndexSampler

Make = Callable[..., MnistPairs]


def numbered_digits(count: int, first: int) -> Digits:
    """Digits whose top left 2x2 block spells their number's low byte, the next its high byte."""
    numbers = torch.arange(first, first + count)
    images = torch.zeros(count, 28, 28, dtype=torch.uint8)
    images[:, :2, :2] = (numbers % 256).to(torch.uint8)[:, None, None]
    images[:, :2, 2:4] = (numbers // 256).to(torch.uint8)[:, None, None]
    return Digits(images, numbers % 10)


def numbers_of(pairs: Pairs) -> list[int]:
    """The numbers of the digits in `pairs`, in their order."""
    low, high = pairs.images[..., 0, 0], pairs.images[..., 0, 1]
    return (low + 256 * high).long().flatten().tolist()


@pytest.fixture
def numbered(make_pairs: Make, serve_mnist: Callable[[Mnist], None]) -> Make:
    """Makes data modules of digits that can be told apart: 0-599 for training, 600-899 for test."""
    serve_mnist(Mnist(numbered_digits(600, 0), numbered_digits(300, 600), "mnist", "0" * 64))

    def make(**changes: Any) -> MnistPairs:
        data = make_pairs(**({"normalise": False} | changes))
        data.setup()
        return data

    return make


def contents(data: MnistPairs) -> list[Tensor]:
    return [
        tensor
        for pairs in (data.train, data.val, data.test)
        for tensor in (pairs.images, pairs.target, pairs.digits)
    ]


ALL_DIGIT_PAIRS = torch.tensor(list(itertools.product(range(10), repeat=2)))


def test_the_target_is_1_where_the_first_digit_is_lesser_or_equal_else_0() -> None:
    pairs = Pairs(torch.zeros(100, 2, 14, 14), ALL_DIGIT_PAIRS)
    expected = [1 if first <= second else 0 for first, second in ALL_DIGIT_PAIRS.tolist()]
    assert pairs.target.tolist() == expected
    assert pairs.target.dtype == torch.int64
    assert sum(expected) == 55


def test_swapping_the_digits_reverses_the_target_except_for_ties() -> None:
    images = torch.zeros(100, 2, 14, 14)
    target = Pairs(images, ALL_DIGIT_PAIRS).target
    swapped = Pairs(images, ALL_DIGIT_PAIRS.flip(1)).target
    ties = ALL_DIGIT_PAIRS[:, 0] == ALL_DIGIT_PAIRS[:, 1]
    assert torch.equal(swapped, torch.where(ties, 1, 1 - target))


def test_pixels_are_the_mean_of_two_by_two() -> None:
    image = torch.zeros(1, 28, 28, dtype=torch.uint8)
    image[0, :2, :2] = torch.tensor([[1, 2], [3, 5]])
    image[0, 2:4, :2] = 255
    image[0, 26, 27] = 1
    expected = torch.zeros(1, 14, 14)
    expected[0, 0, 0] = 2.75
    expected[0, 1, 0] = 255.0
    expected[0, 13, 13] = 0.25
    assert torch.equal(scaled(image, 14), expected)


def test_digits_of_another_size_are_refused() -> None:
    with pytest.raises(DataError) as error:
        scaled(torch.zeros(3, 20, 20, dtype=torch.uint8), 14)
    assert str(error.value) == (
        "data.image_size=14 takes digits of 14x14 or 28x28 pixels, and these have 20x20"
    )


@pytest.mark.parametrize("size", [14, 28])
def test_digits_of_the_size_that_is_asked_for_stay_as_they_are(size: int) -> None:
    images = torch.arange(2 * size**2).view(2, size, size).to(torch.uint8)
    assert torch.equal(scaled(images, size), images.float())


def test_no_digit_is_used_twice_and_none_of_the_test_is_seen_in_training(numbered: Make) -> None:
    data = numbered(train_pairs=150, val_pairs=150, test_pairs=150)
    assert sorted(numbers_of(data.train) + numbers_of(data.val)) == list(range(600))
    assert sorted(numbers_of(data.test)) == list(range(600, 900))


def test_an_image_keeps_its_own_class(numbered: Make) -> None:
    data = numbered()
    for pairs in (data.train, data.val, data.test):
        assert pairs.digits.flatten().tolist() == [number % 10 for number in numbers_of(pairs)]
        assert torch.equal(pairs.target, (pairs.digits[:, 0] <= pairs.digits[:, 1]).long())


def test_the_sets_have_the_sizes_asked_for(numbered: Make) -> None:
    data = numbered(train_pairs=7, val_pairs=0, test_pairs=3)
    assert [len(data.train), len(data.val), len(data.test)] == [7, 0, 3]
    assert data.train.images.shape == (7, 2, 14, 14)
    assert data.val.images.shape == (0, 2, 14, 14)


def test_the_same_seed_draws_the_same_pairs_and_another_one_others(numbered: Make) -> None:
    first, again, other = numbered(seed=0), numbered(seed=0), numbered(seed=1)
    for one, same in zip(contents(first), contents(again), strict=True):
        assert torch.equal(one, same)
    for name in ("train", "val", "test"):
        assert numbers_of(getattr(first, name)) != numbers_of(getattr(other, name))


def test_the_digits_are_not_drawn_in_their_order_of_storage(numbered: Make) -> None:
    data = numbered()
    for pairs in (data.train, data.val, data.test):
        assert numbers_of(pairs) != sorted(numbers_of(pairs))


def test_other_validation_and_test_sizes_leave_the_training_pairs_alone(numbered: Make) -> None:
    plain = numbered(val_pairs=20, test_pairs=20)
    other = numbered(val_pairs=100, test_pairs=5)
    assert numbers_of(plain.train) == numbers_of(other.train)
    assert numbers_of(plain.val) == numbers_of(other.val)[:40]
    assert numbers_of(plain.test)[:10] == numbers_of(other.test)


def test_a_larger_training_set_contains_the_smaller_one(numbered: Make) -> None:
    small, large = numbered(train_pairs=40), numbered(train_pairs=80)
    assert numbers_of(large.train)[:80] == numbers_of(small.train)


def test_setting_up_twice_changes_nothing(make_pairs: Make) -> None:
    data = make_pairs()
    data.setup("fit")
    before = [tensor.clone() for tensor in contents(data)]
    data.setup("test")
    for one, same in zip(before, contents(data), strict=True):
        assert torch.equal(one, same)


def test_normalising_gives_mean_0_and_deviation_1_by_the_training_set_alone(
    make_pairs: Make,
) -> None:
    raw, normalised = make_pairs(normalise=False), make_pairs(normalise=True)
    raw.setup()
    normalised.setup()
    pixels = normalised.train.images.double()
    assert pixels.mean().item() == pytest.approx(0, abs=1e-6)
    assert pixels.std().item() == pytest.approx(1, abs=1e-6)
    train = raw.train.images.double()
    for name in ("train", "val", "test"):
        expected = (getattr(raw, name).images.double() - train.mean()) / train.std()
        found = getattr(normalised, name).images.double()
        assert torch.allclose(found, expected, rtol=0, atol=1e-5), name


def test_raw_pixels_stay_between_0_and_255(make_pairs: Make) -> None:
    data = make_pairs(normalise=False)
    data.setup()
    assert data.train.images.min() >= 0
    assert 200 < data.train.images.max() <= 255


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"train_pairs": 81, "val_pairs": 20},
            "data.train_pairs + data.val_pairs = 101, but mnist holds 200 digits for them, which "
            "make 100 pairs; ask for fewer pairs",
        ),
        (
            {"test_pairs": 51},
            "data.test_pairs = 51, but mnist holds 100 digits for them, which make 50 pairs; ask "
            "for fewer pairs",
        ),
    ],
)
def test_too_many_pairs_are_refused_by_the_name_of_their_key(
    make_pairs: Make, changes: dict[str, int], message: str
) -> None:
    with pytest.raises(DataError) as error:
        make_pairs(**changes).setup()
    assert str(error.value) == message


def test_exactly_as_many_pairs_as_there_are_can_be_had(make_pairs: Make) -> None:
    data = make_pairs(train_pairs=80, val_pairs=20, test_pairs=50)
    data.setup()
    assert [len(data.train), len(data.val), len(data.test)] == [80, 20, 50]


def batches(
    seed: int = 0, epoch: int = 0, shuffle: bool = True, pairs: int = 10
) -> list[list[int]]:
    sampler = BatchIndexSampler(pairs, batch_size=4, seed=seed, shuffle=shuffle)
    sampler.set_epoch(epoch)
    return [batch.tolist() for batch in sampler]


def test_without_shuffling_the_order_is_fixed_and_the_last_batch_shorter() -> None:
    for epoch in (0, 1):
        assert batches(epoch=epoch, shuffle=False) == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9]]


def test_shuffling_is_a_permutation_that_depends_on_seed_and_epoch_only() -> None:
    orders = [batches(seed, epoch) for seed in (0, 1) for epoch in (0, 1)]
    for order in orders:
        assert [len(batch) for batch in order] == [4, 4, 2]
        assert sorted(itertools.chain(*order)) == list(range(10))
    for one, other in itertools.combinations(orders, 2):
        assert one != other
    torch.rand(17)
    assert batches(1, 1) == orders[3]


def test_the_order_of_an_epoch_does_not_depend_on_the_epochs_before() -> None:
    sampler = BatchIndexSampler(10, batch_size=4, seed=0, shuffle=True)
    for epoch in range(3):
        sampler.set_epoch(epoch)
        visited = [batch.tolist() for batch in sampler]
    assert visited == batches(epoch=2)


@given(pairs=st.integers(0, 30), batch_size=st.integers(1, 12), shuffle=st.booleans())
def test_the_length_is_the_number_of_batches(pairs: int, batch_size: int, shuffle: bool) -> None:
    sampler = BatchIndexSampler(pairs, batch_size, seed=0, shuffle=shuffle)
    drawn = list(sampler)
    assert len(sampler) == len(drawn)
    assert all(1 <= len(batch) <= batch_size for batch in drawn)
    assert sorted(torch.cat([*drawn, torch.tensor([], dtype=torch.int64)]).tolist()) == list(
        range(pairs)
    )


def test_a_batch_of_the_loader_is_the_pairs_at_the_samplers_indices(make_pairs: Make) -> None:
    data = make_pairs(seed=3)
    data.setup()
    order = list(BatchIndexSampler(40, batch_size=16, seed=3, shuffle=True))
    loaded = list(data.train_dataloader())
    assert [len(target) for _, target, _ in loaded] == [16, 16, 8]
    for index, batch in zip(order, loaded, strict=True):
        expected = (data.train.images[index], data.train.target[index], data.train.digits[index])
        for found, wanted in zip(batch, expected, strict=True):
            assert torch.equal(found, wanted)


def test_validation_and_test_pairs_come_in_order_and_once(make_pairs: Make) -> None:
    data = make_pairs(shuffle=True)
    data.setup()
    for loader, pairs in (
        (data.val_dataloader(), data.val),
        (data.test_dataloader(), data.test),
    ):
        assert torch.equal(torch.cat([images for images, _, _ in loader]), pairs.images)


def test_serving_pairs_draws_nothing_from_the_default_generator(make_pairs: Make) -> None:
    before = torch.get_rng_state()
    data = make_pairs()
    data.setup()
    for loader in (data.train_dataloader(), data.val_dataloader(), data.test_dataloader()):
        list(loader)
    assert torch.equal(before, torch.get_rng_state())


def test_the_order_has_a_seed_of_its_own(make_pairs: Callable[..., MnistPairs]) -> None:
    data = make_pairs(seed=1)
    data.setup()
    same_digits_other_order = make_pairs(seed=1)
    same_digits_other_order.order_seed = 2
    same_digits_other_order.setup()
    assert torch.equal(data.train.images, same_digits_other_order.train.images)
    orders = [
        torch.cat(list(each.train_dataloader().sampler)) for each in (data, same_digits_other_order)
    ]
    assert not torch.equal(*orders)


def batches_of(data: MnistPairs, epoch: int) -> list[list[list[int]]]:
    """The numbers of the digits in the training batches of an epoch."""
    loader = data.train_dataloader()
    loader.sampler.set_epoch(epoch)  # type: ignore[union-attr]
    return [
        (images[:, :, 0, 0] + 256 * images[:, :, 0, 1]).long().tolist() for images, _, _ in loader
    ]


def test_digits_that_are_paired_anew_are_the_training_digits_once_in_every_epoch(
    numbered: Make,
) -> None:
    plain, data = numbered(), numbered(resample_pairs=True)
    digits = sorted(numbers_of(plain.train))
    epochs = [batches_of(data, epoch) for epoch in range(3)]
    for batches in epochs:
        assert [len(batch) for batch in batches] == [16, 16, 8]
        found = [number for batch in batches for pair in batch for number in pair]
        assert sorted(found) == digits
    pairs = [{tuple(pair) for batch in batches for pair in batch} for batches in epochs]
    assert all(len(one & other) < 5 for one, other in itertools.combinations(pairs, 2))
    assert batches_of(data, 1) == epochs[1]  # an epoch's pairs are a function of its number
    assert numbers_of(data.val) == numbers_of(plain.val)
    assert numbers_of(data.test) == numbers_of(plain.test)


def test_targets_and_classes_are_those_of_the_new_pairs(numbered: Make) -> None:
    for images, target, digits in numbered(resample_pairs=True).train_dataloader():
        numbers = (images[:, :, 0, 0] + 256 * images[:, :, 0, 1]).long()
        assert torch.equal(digits, numbers % 10)
        assert torch.equal(target, (digits[:, 0] <= digits[:, 1]).long())
