"""Claims: numbers of a size that no net can work with are found."""

import pytest
import torch
from torch import nn
from torch.nn import functional

from project.checks import numbers
from project.checks.layers import LayerWatch
from tests.checks.checking import broken, session_of


@pytest.mark.parametrize(
    ("data", "status", "seen"),
    [
        ("NoisyBlobs", "ok", "mean "),
        ("WithHoles", "failed", "20 of 1,280 numbers of a batch are NaN or infinite"),
        ("Unscaled", "warning", "mean 1000"),
    ],
)
def test_inputs_are_measured(data: str, status: str, seen: str) -> None:
    with session_of(*broken(data=data)) as session:
        (result,) = numbers.check_inputs(session)
        assert result.status == status
        assert result.seen.startswith(seen)


def test_activations_and_living_rectifiers_are_ok() -> None:
    with session_of(trains=True) as session:
        activations, relus = numbers.check_activations(session)
        assert (activations.status, relus.status) == ("ok", "ok")
        assert activations.seen.startswith("net.hidden: mean ")
        assert " of 16 units are 0 for a whole batch" in relus.seen


def test_a_layer_of_dead_rectifiers_is_found() -> None:
    with session_of(*broken(model="Dead"), trains=True) as session:
        result = numbers.check_activations(session)[1]
        assert (result.status, result.seen) == (
            "failed",
            "100 % of 16 units are 0 for a whole batch; all of net",
        )


def test_gradients_that_vanish_are_found() -> None:
    with session_of() as session:
        assert numbers.check_norms(session)[0].status == "ok"
    with session_of(*broken(model="Vanishing")) as session:
        (result,) = numbers.check_norms(session)
        assert result.status == "warning"
        assert result.seen.endswith("small: net.hidden.weight, net.scores.weight")


def test_rectifiers_are_counted_however_they_are_called() -> None:
    class Calls(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.module = nn.ReLU()

        def forward(self, maps: torch.Tensor) -> torch.Tensor:
            maps = self.module(maps).relu()
            return functional.relu(torch.relu_(maps.clone()))

    net = Calls()
    maps = torch.ones(2, 3, 4, 4)
    maps[:, 1] = -1
    with LayerWatch(net) as watch:
        net(maps)
    net(maps)
    assert watch.counts == {
        "module": (1, 3),
        "the task": (1, 3),
        "the task (2)": (1, 3),
        "the task (3)": (1, 3),
    }
