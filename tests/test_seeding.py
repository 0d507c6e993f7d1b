"""Streams depend on (seed, name, index) alone, and the derivation never changes unnoticed."""

import itertools
import random
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from project.models import Basic, ResNet, Siamese
from project.seeding import generator, initialise, start, stream_key


def siamese(**changes: Any) -> Siamese:
    arguments: dict[str, Any] = {
        "channels": [4, 6],
        "hidden_digit": 8,
        "hidden_comparison": 7,
        "batch_norm": False,
        "dropout_conv": 0.0,
        "dropout_linear": 0.0,
        "auxiliary": "late",
        "auxiliary_input": "probabilities",
    }
    return Siamese(**(arguments | changes))


def test_the_derivation_of_a_key_is_the_published_one() -> None:
    # Golden values: whoever changes the derivation changes every number ever reported.
    assert stream_key(0, "pairs/train") == 5163490988037046246
    assert stream_key(7, "order", 3) == 5278311296393126274
    assert stream_key(2**32 - 1, "noise", 0) == 8428452668661300481


def test_the_numbers_of_a_stream_are_the_published_ones() -> None:
    drawn = torch.randint(0, 256, (8,), generator=generator(0, "pairs/train"))
    assert bytes(drawn.tolist()) == bytes([190, 144, 1, 9, 48, 120, 120, 152])
    order = torch.randperm(10, generator=generator(0, "pairs/train"))
    assert order.tolist() == [6, 4, 3, 7, 8, 9, 0, 5, 2, 1]


def test_streams_differ_by_seed_name_and_index() -> None:
    keys = [
        stream_key(seed, name, index)
        for seed, name, index in itertools.product(
            (0, 1, 2, 10, 2**32 - 1), ("pairs/train", "pairs/val", "order"), (None, 0, 1, 10)
        )
    ]
    assert len(set(keys)) == 5 * 3 * 4
    first_draws = {
        torch.randint(0, 2**60, (), generator=generator(seed, name)).item()
        for seed, name in itertools.product(range(5), ("pairs/train", "pairs/val"))
    }
    assert len(first_draws) == 10


def test_seed_and_name_do_not_run_into_each_other() -> None:
    assert stream_key(1, "1") != stream_key(11, "")
    assert stream_key(1, "order/1") == stream_key(1, "order", 1)


def test_a_stream_can_be_opened_again_at_its_start() -> None:
    first = torch.rand(5, generator=generator(3, "pairs/val"))
    assert torch.equal(first, torch.rand(5, generator=generator(3, "pairs/val")))


def test_seed_0_is_a_seed_and_so_is_the_largest() -> None:
    assert stream_key(0, "x") != stream_key(1, "x")
    assert stream_key(2**32 - 1, "x") != stream_key(2**32 - 2, "x")


@pytest.mark.parametrize("seed", [True, False, 1.0, 1.7, -1, 2**32, "1", None])
def test_what_is_no_integer_in_32_bits_is_refused_as_a_seed(seed: Any) -> None:
    with pytest.raises(ValueError, match=r"seed must be an integer in \[0, 2\^32\), got ") as error:
        stream_key(seed, "x")
    assert str(error.value).endswith(f"got {seed!r}")


def test_a_stream_starts_all_global_generators() -> None:
    def draw(*stream: Any) -> tuple[float, float, float]:
        torch.rand(3), np.random.rand(3), random.random()
        start(*stream)
        return torch.rand(()).item(), float(np.random.rand()), random.random()

    first = draw(5, "noise", 7)
    assert draw(5, "noise", 7) == draw(5, "noise/7") == first
    for other in ((5, "noise", 8), (6, "noise", 7), (5, "order", 7)):
        assert all(one != another for one, another in zip(draw(*other), first, strict=True))


def test_the_numbers_of_torchs_generator_are_those_of_a_generator_of_the_stream() -> None:
    start(3, "noise", 2)
    assert torch.equal(torch.rand(5), torch.rand(5, generator=generator(3, "noise", 2)))


def test_modules_of_the_same_path_start_equal_whatever_else_a_net_contains() -> None:
    plain, rich = siamese(), siamese(batch_norm=True, dropout_conv=0.5, auxiliary="both")
    for net in (plain, rich):
        initialise(net, seed=4)
    ours, theirs = dict(plain.named_parameters()), dict(rich.named_parameters())
    assert set(theirs) - set(ours) == {
        "early.weight",
        "early.bias",
        *(
            f"{name}.{kind}"
            for name in ("convolutions.norm1", "convolutions.norm2", "digit_norm")
            for kind in ("weight", "bias")
        ),
        "comparison_norm.weight",
        "comparison_norm.bias",
    }
    for name, parameter in ours.items():
        assert torch.equal(parameter, theirs[name]), name


def test_modules_of_another_path_or_seed_start_differently() -> None:
    nets = [nn.ModuleDict({"a": nn.Linear(3, 3), "b": nn.Linear(3, 3)}) for _ in range(2)]
    for seed, net in enumerate(nets):
        initialise(net, seed)
    weights = [net.get_parameter(f"{name}.weight") for net in nets for name in ("a", "b")]
    for one, other in itertools.combinations(weights, 2):
        assert not torch.equal(one, other)


@pytest.mark.parametrize(
    "make", [lambda: Basic([4, 6], 8), siamese, lambda: ResNet([4], [1])], ids=["b", "s", "r"]
)
def test_every_parameter_of_a_net_is_drawn_anew(make: Any) -> None:
    trained, fresh = make(), make()
    with torch.no_grad():
        for tensor in trained.state_dict().values():
            tensor.fill_(7)
    for net in (trained, fresh):
        initialise(net, seed=0)
    for name, tensor in trained.state_dict().items():
        assert torch.equal(tensor, fresh.state_dict()[name]), name


def test_initialise_does_not_disturb_the_global_generator() -> None:
    net = siamese()  # torch's constructors draw weights, which nobody uses
    before = torch.get_rng_state()
    initialise(net, seed=0)
    assert torch.equal(before, torch.get_rng_state())


def test_a_module_with_parameters_that_come_from_no_stream_is_refused() -> None:
    class Scale(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.scale = nn.Parameter(torch.ones(1))

    with pytest.raises(TypeError, match="Scale at '1' owns parameters but has no reset_parameters"):
        initialise(nn.Sequential(nn.Linear(1, 1), Scale()), seed=0)
    with pytest.raises(TypeError, match="Scale at 'the top' owns parameters"):
        initialise(Scale(), seed=0)
