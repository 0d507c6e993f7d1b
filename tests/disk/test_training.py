"""The net is the report's, learns, and depends on nothing but its configuration and its seed."""

import math
from typing import Any

import pytest
import torch

from project.disk.data import STAGES, Points, draw_points
from project.disk.training import Outcome, build_net, build_optimizer, fit
from project.framework import SGD, Adadelta, Adam, Linear, ReLU, Sequential, Tanh
from project.runs.lifecycle import DivergedError


def never_stop() -> None:
    pass


def train(seed: int = 0, lr: float = 0.1, **settings: Any) -> Outcome:
    """A training of 60 points in batches of 25, 25 and 10, for 3 epochs unless said otherwise."""
    net = build_net([8, 8], settings.pop("activation", "tanh"), "normal", seed)
    arguments: dict[str, Any] = {
        "loss": "mse",
        "stages": {stage: draw_points(60, seed, stage) for stage in STAGES},
        "normalise": True,
        "max_epochs": 3,
        "batch_size": 25,
        "check_stop": never_stop,
    }
    optimizer = build_optimizer(net, settings.pop("optimizer", "sgd"), lr, 0.0, 0.0)
    return fit(net=net, optimizer=optimizer, seed=seed, **(arguments | settings))


@pytest.mark.parametrize(("activation", "module"), [("tanh", Tanh), ("relu", ReLU)])
def test_the_reports_net_has_three_hidden_layers_of_25_and_1427_parameters(
    activation: str, module: type
) -> None:
    net = build_net([25, 25, 25], activation, "normal", seed=0)
    layers = [each for each in net.modules if isinstance(each, Linear)]
    assert [tuple(each.weight.shape) for each in layers] == [(25, 2), (25, 25), (25, 25), (2, 25)]
    assert [type(each) for each in net.modules] == [Linear, module] * 3 + [Linear]
    by_hand = (2 * 25 + 25) + (25 * 25 + 25) + (25 * 25 + 25) + (25 * 2 + 2)
    assert sum(parameter.numel() for parameter, _ in net.param()) == by_hand == 1427
    assert all(parameter.dtype == torch.float32 for parameter, _ in net.param())


def weights(net: Sequential) -> dict[str, list[float]]:
    return {name: tensor.flatten().tolist() for name, tensor in net.state().items()}


def test_at_one_seed_tanh_and_relu_start_from_the_same_weights() -> None:
    tanh, relu, other = (
        weights(build_net([25, 25], activation, "normal", seed))
        for activation, seed in (("tanh", 3), ("relu", 3), ("tanh", 4))
    )
    assert tanh == relu
    assert tanh != other


def test_the_initialisation_is_the_one_that_is_asked_for() -> None:
    weight = build_net([2000], "tanh", "uniform", 0).state()["0.weight"]
    assert weight.abs().max() <= math.sqrt(3 / 2)
    assert build_net([2000], "tanh", "normal", 0).state()["0.weight"].abs().max() > math.sqrt(3 / 2)


def test_optimizers_get_their_settings() -> None:
    net = build_net([4], "tanh", "normal", 0)
    sgd = build_optimizer(net, "sgd", 0.3, 0.9, 0.01)
    assert isinstance(sgd, SGD)
    assert (sgd.lr, sgd.momentum, sgd.weight_decay) == (0.3, 0.9, 0.01)
    for name, kind in (("adadelta", Adadelta), ("adam", Adam)):
        other = build_optimizer(net, name, 0.3, 0.0, 0.01)
        assert isinstance(other, kind)
        assert (other.lr, other.weight_decay) == (0.3, 0.01)


@pytest.mark.parametrize("loss", ["mse", "cross_entropy"])
@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
@pytest.mark.parametrize("activation", ["tanh", "relu"])
def test_every_loss_optimizer_and_activation_learns(
    loss: str, optimizer: str, activation: str
) -> None:
    lr = {"sgd": 0.1, "adam": 0.01}[optimizer]
    outcome = train(
        loss=loss, optimizer=optimizer, activation=activation, lr=lr, max_epochs=100, batch_size=10
    )
    first, last = outcome.history[0], outcome.history[-1]
    assert last["train/loss"] < 0.6 * first["train/loss"]
    assert outcome.metrics["train/accuracy"] > 0.85


def test_one_epoch_of_full_batches_is_one_step_against_the_gradient() -> None:
    """Against a step that is written out with autograd."""
    stages = {stage: draw_points(60, 0, stage) for stage in STAGES}
    outcome = train(max_epochs=1, batch_size=60)
    start = build_net([8, 8], "tanh", "normal", 0).state()
    leaves = {name: tensor.requires_grad_() for name, tensor in start.items()}
    coordinates = stages["train"].coordinates
    x = (coordinates - coordinates.mean(0)) / coordinates.std(0, correction=0)
    for layer in (0, 2, 4):
        x = x @ leaves[f"{layer}.weight"].T + leaves[f"{layer}.bias"]
        x = x.tanh() if layer < 4 else x
    one_hot = torch.nn.functional.one_hot(stages["train"].labels, 2).float()
    ((x - one_hot) ** 2).mean().backward()
    for name, leaf in leaves.items():
        assert leaf.grad is not None
        expected = leaf.detach() - 0.1 * leaf.grad
        torch.testing.assert_close(outcome.state[f"net.{name}"], expected, atol=1e-6, rtol=1e-5)


def test_every_epoch_has_an_order_of_its_own() -> None:
    shuffled = [train(max_epochs=epochs).state["net.0.weight"] for epochs in (1, 2)]
    assert not shuffled[0].equal(shuffled[1])
    # With a learning rate of (almost) nothing, every epoch sees all points: the loss stays.
    still = train(lr=1e-12, max_epochs=3).history
    assert [row["train/loss"] for row in still] == pytest.approx([still[0]["train/loss"]] * 3)


def test_equal_trainings_are_equal_to_the_last_bit_and_other_seeds_differ() -> None:
    first, again, other = train(), train(), train(seed=1)
    assert first.history == again.history
    assert first.metrics == again.metrics
    assert all(tensor.equal(again.state[name]) for name, tensor in first.state.items())
    assert first.history != other.history


def test_without_normalisation_inputs_are_the_coordinates() -> None:
    state = train(normalise=False).state
    assert state["normalisation.mean"].tolist() == [0.0, 0.0]
    assert state["normalisation.std"].tolist() == [1.0, 1.0]


def test_what_was_drawn_before_does_not_matter() -> None:
    first = train()
    torch.rand(17)
    assert train().history == first.history


def test_the_test_points_change_nothing_but_the_test_metrics() -> None:
    stages = {stage: draw_points(60, 0, stage) for stage in STAGES}
    other = train(stages=stages | {"test": draw_points(60, 1, "test")})
    assert other.history == train().history
    assert other.metrics["test/loss"] != train().metrics["test/loss"]


def test_metrics_are_those_of_the_predictions() -> None:
    labels = draw_points(60, 0, "test").labels
    outcome = train()
    right = int((outcome.predictions == labels).sum())
    assert outcome.metrics["test/accuracy"] == right / 60
    assert outcome.metrics["test/error"] == (60 - right) / 60
    assert set(outcome.metrics) == {
        f"{stage}/{name}" for stage in STAGES for name in ("accuracy", "error", "loss")
    }


def test_history_has_a_row_per_epoch_and_no_test_numbers() -> None:
    history = train().history
    assert [row["epoch"] for row in history] == [1, 2, 3]
    assert not any(name.startswith("test") for row in history for name in row)


def test_a_loss_that_is_not_finite_ends_the_run_naming_epoch_and_step() -> None:
    with pytest.raises(DivergedError, match=r"became (inf|nan) in epoch \d+, step \d+; a sm"):
        train(lr=1e30)


def test_the_step_of_a_bad_loss_is_counted_over_all_epochs() -> None:
    bad = {stage: draw_points(60, 0, stage) for stage in STAGES}
    coordinates = bad["train"].coordinates.clone()
    coordinates[:] = math.nan
    bad["train"] = Points(coordinates, bad["train"].labels)
    with pytest.raises(DivergedError, match="became nan in epoch 1, step 1;"):
        train(stages=bad)


def test_a_last_step_that_spoils_the_weights_is_noticed() -> None:
    with pytest.raises(DivergedError, match=r"became (inf|nan) in epoch 1, step 1;"):
        train(lr=1e30, max_epochs=1, batch_size=60)


def test_a_stop_is_asked_for_before_every_step() -> None:
    asked = []
    train(check_stop=lambda: asked.append(None))
    assert len(asked) == 3 * 3  # epochs x batches
