"""The benchmark of the framework's steps measures steps that train the same net alike."""

from collections.abc import Iterator

import pytest
import torch

from tests.benchmarks.framework_step import disk_ratio, net_ratios, net_steps

torch.set_grad_enabled(True)  # the framework's import turned it off for the process


@pytest.fixture(autouse=True)
def autograd_is_left_as_it_was() -> Iterator[None]:
    yield
    assert torch.is_grad_enabled()


def test_the_disks_step_can_be_timed() -> None:
    ratio = disk_ratio(rounds=3, steps=1)
    assert len(ratio.ratios) == 3
    assert min(ratio.ratios) > 0


def test_the_step_of_a_net_can_be_timed() -> None:
    plain, faster = net_ratios("ws_al_bn_do", rounds=1, steps=1)
    assert plain.ours == faster.ours > 0
    assert (plain.limit, faster.limit) == (3.0, None)


def test_all_sides_make_the_same_step() -> None:
    ours, *theirs = net_steps("ws_al_bn_do")
    with torch.no_grad():
        losses = [ours() for _ in range(3)]
    for step in theirs:
        assert [step() for _ in range(3)] == pytest.approx(losses, rel=1e-5)
