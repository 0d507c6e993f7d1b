"""The benchmark of a step measures steps that train."""

from pathlib import Path

import pytest

from project.composition import compose_values
from tests.benchmarks.steps import our_step, pairs_of, plain_step, seconds_per_step
from tests.commands import SMALL


@pytest.mark.parametrize("model", ["ws_al_bn_do", "resnet"])
def test_both_steps_of_a_composed_model_can_be_timed(model: str, tmp_path: Path) -> None:
    values = compose_values("train", [f"model={model}", *SMALL])
    data = pairs_of(values, tmp_path)
    assert all(seconds_per_step(make(values, data), 1) > 0 for make in (our_step, plain_step))
