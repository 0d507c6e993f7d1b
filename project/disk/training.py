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

Row = dict[str, float]


@dataclass(frozen=True)
class Outcome:
    """The result of a training.

    Attributes:
        parameters: The number of trainable parameters.
        metrics: Those of the last epoch and of the final test, `<stage>/accuracy` and so on.
        history: A row for each epoch.
        predictions: The predicted classes of the test points, (N,).
        state: The weights and the normalisation, by name.
        training_seconds: The time for training and validation, without start-up and test.
    """

    parameters: int
    metrics: dict[str, float]
    history: list[Row]
    predictions: Tensor
    state: dict[str, Tensor]
    training_seconds: float


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


@dataclass(frozen=True)
class Stage:
    """The N points of a stage as net and loss take them."""

    name: str
    inputs: Tensor  # (N, 2), normalised
    labels: Tensor  # (N,)
    targets: Tensor  # the labels, one-hot (N, 2) for the loss mse

    def ordered(self, order: Tensor) -> "Stage":
        """Return the same points in the order of indices (N,)."""
        return Stage(self.name, self.inputs[order], self.labels[order], self.targets[order])

    def measures(self, outputs: Tensor, criterion: Module) -> Row:
        """Return `<stage>/accuracy`, `<stage>/error` and `<stage>/loss` of outputs (N, 2)."""
        count = len(self.labels)
        right = int((outputs.argmax(1) == self.labels).sum())
        return {
            f"{self.name}/accuracy": right / count,
            f"{self.name}/error": (count - right) / count,
            f"{self.name}/loss": criterion.forward(outputs, self.targets).item(),
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
    Its `train/...` metrics are of the outputs computed during the epoch.

    Args:
        net: The net.
        optimizer: Of its parameters.
        loss: `mse` (on one-hot targets) or `cross_entropy`.
        stages: The points of `train`, `val` and `test`, in this order.
        normalise: Whether to normalise by the mean and std of the training points.
        seed: The seed of the streams that order the training points.
        max_epochs: The number of epochs.
        batch_size: The number of training points in a batch.
        check_stop: Called before each step; may raise to end training.

    Raises:
        DivergedError: A loss became NaN or infinite.
    """
    torch.set_num_threads(1)  # enough for small tensors, and independent of the number of cores
    mean, std = mean_and_std(stages["train"].coordinates)
    if not normalise:
        mean, std = torch.zeros(INPUTS), torch.ones(INPUTS)
    one_hot = torch.eye(CLASSES)
    train, val, test = (
        Stage(
            name,
            (points.coordinates - mean) / std,
            points.labels,
            one_hot[points.labels] if loss == "mse" else points.labels,
        )
        for name, points in stages.items()
    )
    criterion = LOSSES[loss]()
    started = time.monotonic()
    history: list[Row] = []
    step = 0
    for epoch in range(max_epochs):
        stream = generator(seed, "order", epoch)
        ordered = train.ordered(torch.randperm(len(train.labels), generator=stream))
        batches = ordered.inputs.split(batch_size), ordered.targets.split(batch_size)
        outputs = []
        for inputs, targets in zip(*batches, strict=True):
            check_stop()
            step += 1
            outputs.append(net.forward(inputs))
            require_finite(criterion.forward(outputs[-1], targets).item(), epoch, step)
            optimizer.gradient_reset()
            net.backward(criterion.backward())
            optimizer.step()
        measured = ordered.measures(torch.cat(outputs), criterion)
        measured |= val.measures(net.forward(val.inputs), criterion)
        # The training loss of a step is taken before its update; this checks the last update.
        require_finite(measured["val/loss"], epoch, step)
        history.append({"epoch": epoch + 1, "lr": optimizer.lr} | measured)
    training_seconds = time.monotonic() - started
    outputs = net.forward(test.inputs)
    last = {name: value for name, value in history[-1].items() if "/" in name}
    return Outcome(
        parameters=sum(parameter.numel() for parameter, _ in net.param()),
        metrics=last | test.measures(outputs, criterion),
        history=history,
        predictions=outputs.argmax(1),
        state={f"net.{name}": tensor for name, tensor in net.state().items()}
        | {"normalisation.mean": mean, "normalisation.std": std},
        training_seconds=training_seconds,
    )
