"""Schedules have a rate for every step, however few there are."""

import math
from typing import Any

import pytest
import torch
from torch import nn

from project.training.schedulers import cosine, one_cycle

CYCLE: dict[str, Any] = {"pct_start": 0.25, "div_factor": 25.0, "final_div_factor": 1e4}


def rates(make: Any, steps: int, **keys: Any) -> list[float]:
    optimizer = torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=0.5)
    schedule = make(optimizer, steps, **keys)
    found = [optimizer.param_groups[0]["lr"]]
    for _ in range(steps - 1):
        optimizer.step()
        schedule.step()
        found.append(optimizer.param_groups[0]["lr"])
    return found


@pytest.mark.parametrize("steps", [2, 3, 4, 5, 100])
def test_one_cycle_rises_to_the_optimizers_rate_and_falls(steps: int) -> None:
    found = rates(one_cycle, steps, **CYCLE)
    peak = found.index(max(found))
    assert found[: peak + 1] == sorted(found[: peak + 1])
    assert found[peak:] == sorted(found[peak:], reverse=True)
    assert found[-1] == pytest.approx(0.5 / 25 / 1e4)
    if steps == 4:  # the rise has one step, and that is the top
        assert found[0] == pytest.approx(0.5)
    if steps == 100:
        assert (found[0], found[peak], peak) == (pytest.approx(0.5 / 25), pytest.approx(0.5), 24)


def test_a_cosine_falls_after_its_warm_up() -> None:
    found = rates(cosine, 11, warmup_share=0.0, min_share=0.1)
    assert found == pytest.approx(
        [0.5 * (0.1 + 0.9 * (1 + math.cos(math.pi * step / 11)) / 2) for step in range(11)]
    )
    assert rates(cosine, 10, warmup_share=0.4)[:5] == pytest.approx([0.125, 0.25, 0.375, 0.5, 0.5])


@pytest.mark.parametrize(
    ("make", "change", "message"),
    [
        (one_cycle, {"div_factor": 0.5}, "div_factor must be at least 1, got 0.5"),
        (one_cycle, {"pct_start": 1.0}, "pct_start must be above 0 and below 1, got 1.0"),
        (cosine, {"warmup_share": 1.0}, "warmup_share must be at least 0 and below 1, got 1.0"),
        (cosine, {"min_share": -0.1}, r"min_share must be in \[0, 1\], got -0.1"),
    ],
)
def test_values_out_of_range_are_refused(make: Any, change: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        rates(make, 10, **((CYCLE if make is one_cycle else {}) | change))
