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

from project.disk.data import STAGES, Normalisation, Points
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
        metrics: `<stage>/accuracy`, `<stage>/error` and `<stage>/loss`: of the last epoch for
            `train` and `val`, of the final test for `test`.
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

    The layer at position k draws its weights from the stream `init/<k>`. So nets with different
    activations start from the same weights at one seed.

    Args:
        hidden: The widths of the hidden layers.
        activation: `tanh` or `relu`.
        initialisation: A name in `project.framework.INITIALISATIONS`.
        seed: The seed of the streams.
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
    """Build the optimizer `name` (`sgd`, `adadelta`, `adam`) for the net's parameters.

    `momentum` is used by `sgd` only.
    """
    if name == "sgd":
        return SGD(net.param(), lr, momentum=momentum, weight_decay=weight_decay)
    return {"adadelta": Adadelta, "adam": Adam}[name](net.param(), lr, weight_decay=weight_decay)


class Trainer:
    """The net, loss and optimizer of a run, with the inputs and targets of all stages.

    Args:
        net: The net; `train_epoch` changes its weights.
        optimizer: The optimizer of its parameters.
        loss: `mse` (on one-hot targets) or `cross_entropy`.
        stages: The points of each stage.
        normalisation: Applied to all points.
        seed: The seed of the stream that orders the training points.
        batch_size: The number of training points in a batch.
    """

    def __init__(
        self,
        net: Sequential,
        optimizer: Optimizer,
        loss: str,
        stages: dict[str, Points],
        normalisation: Normalisation,
        seed: int,
        batch_size: int,
    ) -> None:
        self.net = net
        self.optimizer = optimizer
        self.criterion = LOSSES[loss]()
        self.labels = {stage: stages[stage].labels for stage in STAGES}
        self.inputs = {stage: normalisation(stages[stage].coordinates) for stage in STAGES}
        one_hot = torch.eye(CLASSES)
        self.targets = {
            stage: one_hot[labels] if loss == "mse" else labels
            for stage, labels in self.labels.items()
        }
        self.seed = seed
        self.batch_size = batch_size
        self.steps_per_epoch = math.ceil(len(self.labels["train"]) / batch_size)

    def train_epoch(self, epoch: int, check_stop: Callable[[], None]) -> Row:
        """Train on every training point once, in an order drawn from the stream `order/<epoch>`.

        Args:
            epoch: The epoch, counted from 0.
            check_stop: Called before each step; may raise to end training.

        Returns:
            `train/accuracy`, `train/error` and `train/loss`, of the outputs computed during the
            epoch.

        Raises:
            DivergedError: The loss became NaN or infinite.
        """
        stream = generator(self.seed, "order", epoch)
        order = torch.randperm(len(self.inputs["train"]), generator=stream)
        inputs, targets = self.inputs["train"][order], self.targets["train"][order]
        batches = zip(inputs.split(self.batch_size), targets.split(self.batch_size), strict=True)
        outputs = []
        for step, (batch, target) in enumerate(batches, start=epoch * self.steps_per_epoch + 1):
            check_stop()
            outputs.append(self.net.forward(batch))
            loss = self.criterion.forward(outputs[-1], target).item()
            require_finite(loss, epoch, step)
            self.optimizer.gradient_reset()
            self.net.backward(self.criterion.backward())
            self.optimizer.step()
        return self._measures("train", torch.cat(outputs), targets, self.labels["train"][order])

    def measure(self, stage: str) -> tuple[Row, Tensor]:
        """Return a stage's accuracy, error and loss with the current weights, and its classes.

        Returns:
            `<stage>/accuracy`, `<stage>/error` and `<stage>/loss`; the predicted classes (N,).
        """
        outputs = self.net.forward(self.inputs[stage])
        measures = self._measures(stage, outputs, self.targets[stage], self.labels[stage])
        return measures, outputs.argmax(1)

    def _measures(self, stage: str, outputs: Tensor, targets: Tensor, labels: Tensor) -> Row:
        """Return `<stage>/accuracy`, `<stage>/error` and `<stage>/loss` of outputs (N, 2)."""
        count = len(labels)
        right = int((outputs.argmax(1) == labels).sum())
        return {
            f"{stage}/accuracy": right / count,
            f"{stage}/error": (count - right) / count,
            f"{stage}/loss": self.criterion.forward(outputs, targets).item(),
        }


def require_finite(loss: float, epoch: int, step: int) -> None:
    """Raise DivergedError if the loss is NaN or infinite.

    Args:
        loss: The loss.
        epoch: The epoch, counted from 0; the message counts from 1.
        step: The step, counted from 1.
    """
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

    Args:
        net: The net.
        optimizer: The optimizer of its parameters.
        loss: `mse` or `cross_entropy`.
        stages: The points of the stages `train`, `val` and `test`.
        normalise: Whether to normalise by the mean and std of the training points.
        seed: The seed of the streams that order the training points.
        max_epochs: The number of epochs.
        batch_size: The number of training points in a batch.
        check_stop: Called before each step; may raise to end training.

    Raises:
        DivergedError: A loss became NaN or infinite.
    """
    torch.set_num_threads(1)  # enough for small tensors, and independent of the number of cores
    normalisation = Normalisation.of(stages["train"].coordinates, normalise)
    trainer = Trainer(net, optimizer, loss, stages, normalisation, seed, batch_size)
    started = time.monotonic()
    history: list[Row] = []
    for epoch in range(max_epochs):
        trained = trainer.train_epoch(epoch, check_stop)
        measured = trained | trainer.measure("val")[0]
        # The training loss of a step is taken before its update; this checks the last update.
        require_finite(measured["val/loss"], epoch, (epoch + 1) * trainer.steps_per_epoch)
        history.append({"epoch": epoch + 1, "lr": optimizer.lr} | measured)
    training_seconds = time.monotonic() - started
    tested, predictions = trainer.measure("test")
    last = {name: value for name, value in history[-1].items() if "/" in name}
    return Outcome(
        parameters=sum(parameter.numel() for parameter, _ in net.param()),
        metrics=last | tested,
        history=history,
        predictions=predictions,
        state={f"net.{name}": tensor for name, tensor in net.state().items()}
        | {f"normalisation.{name}": tensor for name, tensor in vars(normalisation).items()},
        training_seconds=training_seconds,
    )
