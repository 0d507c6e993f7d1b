"""The benchmark of a step measures steps that train."""

from pathlib import Path

import pytest

from tests.benchmarks.steps import bare_loop, our_step, plain_step, seconds_per_step, spec_of
from tests.small_runs import SMALL


@pytest.mark.parametrize("model", ["ws_al_bn_do", "resnet"])
def test_both_steps_of_a_composed_model_can_be_timed(model: str, small_mnist: Path) -> None:
    small = [word for word in SMALL if not word.startswith("model")]
    spec = spec_of(small_mnist, Path("nowhere"), *small, f"model={model}")
    assert all(seconds_per_step(make(spec), 1) > 0 for make in (our_step, plain_step))


def test_the_bare_loop_of_a_run_can_be_timed(small_mnist: Path) -> None:
    assert bare_loop(spec_of(small_mnist, Path("nowhere"), *SMALL)) > 0
