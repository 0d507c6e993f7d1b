"""Train and test one net of the mini framework on the disk's points, without autograd or Lightning.

A run takes about a second, so no checkpoints are written. An unfinished run starts again and,
because all random numbers come from named streams of its seed, ends with the same bytes.
"""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor

from project.disk.data import Points, mean_and_std
from project.framework import (
    SGD,
    Adadelta,
    Adam,
    Linear,
    LossCrossEntropy,
    LossMSE,
    Module,
    Optimizer,
    ReLU,
    Sequential,
    Tanh,
)
from project.runs.lifecycle import DivergedError
from project.seeding import generator

ACTIVATIONS: dict[str, type[Module]] = {"tanh": Tanh, "relu": ReLU}
LOSSES: dict[str, type[Module]] = {"mse": LossMSE, "cross_entropy": LossCrossEntropy}
INPUTS = CLASSES = 2

Row = dict[str, float]  # of history.csv, by column


@dataclass(frozen=True)
class Outcome:
    """The result of a training."""

    parameters: int
    metrics: Row  # `<stage>/accuracy` and so on, of the last epoch and of the final test
    history: list[Row]  # by epoch
    predictions: Tensor  # the classes of the test points, (N,)
    state: dict[str, Tensor]  # weights and normalisation
    training_seconds: float  # with validation, without start-up and test


def build_net(hidden: list[int], activation: str, initialisation: str, seed: int) -> Sequential:
    """Build a net (N, 2) to (N, 2): linear layers with an activation between them.

    The layer at position k draws its weights from the stream `init/<k>` of `seed`. So nets with
    different activations start from the same weights.
    """
    modules: list[Module] = []
    for fan_in, fan_out in pairwise([INPUTS, *hidden, CLASSES]):
        if modules:
            modules.append(ACTIVATIONS[activation]())
        stream = generator(seed, "init", len(modules))
        modules.append(Linear(fan_in, fan_out, initialisation=initialisation, generator=stream))
    return Sequential(*modules)


def build_optimizer(
    net: Sequential, name: str, lr: float, momentum: float, weight_decay: float
) -> Optimizer:
    """Build an optimizer for the net's parameters; `momentum` is used by `sgd` only."""
    if name == "sgd":
        return SGD(net.param(), lr, momentum=momentum, weight_decay=weight_decay)
    return {"adadelta": Adadelta, "adam": Adam}[name](net.param(), lr, weight_decay=weight_decay)


def measures(
    stage: str, outputs: Tensor, labels: Tensor, targets: Tensor, criterion: Module
) -> Row:
    """Return `<stage>/accuracy`, `<stage>/error` and `<stage>/loss` of outputs (N, 2)."""
    count, right = len(labels), int((outputs.argmax(1) == labels).sum())
    return {
        f"{stage}/accuracy": right / count,
        f"{stage}/error": (count - right) / count,
        f"{stage}/loss": criterion.forward(outputs, targets).item(),
    }


def require_finite(loss: float, epoch: int, step: int) -> None:
    """Raise DivergedError if the loss of an epoch, from 0, and a step, from 1, is not finite."""
    if not math.isfinite(loss):
        raise DivergedError(
            f"the loss became {loss} in epoch {epoch + 1}, step {step}; a smaller lr usually helps"
        )


def fit(
    net: Sequential,
    optimizer: Optimizer,
    loss: str,
    stages: dict[str, Points],
    normalise: bool,
    seed: int,
    max_epochs: int,
    batch_size: int,
    check_stop: Callable[[], None],
) -> Outcome:
    """Train `net` in place, with validation after each epoch, and test it once at the end.

    Each epoch sees every training point once, in an order drawn from the stream `order/<epoch>`.
    Its `train/...` metrics are of the outputs computed during the epoch. `loss` is `mse` (on
    one-hot targets) or `cross_entropy`; `normalise` goes by the mean and std of the training
    points. `check_stop` is called before each step, and may raise to end training.

    Raises:
        DivergedError: A loss became NaN or infinite.
    """
    torch.set_num_threads(1)  # enough for small tensors, and independent of the number of cores
    mean, std = mean_and_std(stages["train"].coordinates)
    if not normalise:
        mean, std = torch.zeros(INPUTS), torch.ones(INPUTS)
    inputs = {name: (points.coordinates - mean) / std for name, points in stages.items()}
    labels = {name: points.labels for name, points in stages.items()}
    one_hot = torch.eye(CLASSES)
    targets = {name: one_hot[own] if loss == "mse" else own for name, own in labels.items()}
    criterion = LOSSES[loss]()
    started = time.monotonic()
    history: list[Row] = []
    step = 0
    for epoch in range(max_epochs):
        order = torch.randperm(len(labels["train"]), generator=generator(seed, "order", epoch))
        ordered = targets["train"][order]
        outputs = []
        for batch, wanted in zip(
            inputs["train"][order].split(batch_size), ordered.split(batch_size), strict=True
        ):
            check_stop()
            step += 1
            outputs.append(net.forward(batch))
            require_finite(criterion.forward(outputs[-1], wanted).item(), epoch, step)
            optimizer.gradient_reset()
            net.backward(criterion.backward())
            optimizer.step()
        row = {"epoch": epoch + 1, "lr": optimizer.lr}
        row |= measures("train", torch.cat(outputs), labels["train"][order], ordered, criterion)
        answers = net.forward(inputs["val"])
        row |= measures("val", answers, labels["val"], targets["val"], criterion)
        # The training loss of a step is taken before its update; this checks the last update.
        require_finite(row["val/loss"], epoch, step)
        history.append(row)
    training_seconds = time.monotonic() - started
    answers = net.forward(inputs["test"])
    last = {name: value for name, value in history[-1].items() if "/" in name}
    return Outcome(
        parameters=sum(parameter.numel() for parameter, _ in net.param()),
        metrics=last | measures("test", answers, labels["test"], targets["test"], criterion),
        history=history,
        predictions=answers.argmax(1),
        state={f"net.{name}": tensor for name, tensor in net.state().items()}
        | {"normalisation.mean": mean, "normalisation.std": std},
        training_seconds=training_seconds,
    )
