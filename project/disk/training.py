"""Train one net of the framework on the disk's points, and measure it: no autograd, no Lightning.

A run takes about a second, so nothing is kept to resume from: one that did not finish begins
again, and, every random number coming from a stream of its seed, ends with the same bytes.
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
    """What a finished training leaves.

    metrics: accuracy, error and loss of the last epoch's training and validation, and of the test
    points, which are measured once, at the end. history: a row per epoch. predictions: the test
    points' classes (N,). state: the weights and the normalisation. training_seconds:
    without start-up and the final test.
    """

    parameters: int
    metrics: dict[str, float]
    history: list[Row]
    predictions: Tensor
    state: dict[str, Tensor]
    training_seconds: float


def build_net(hidden: list[int], activation: str, initialisation: str, seed: int) -> Sequential:
    """(N, 2) to (N, 2): Linear layers with `activation` between them.

    The layer at position k draws its weights from the stream `init/<k>`: at one seed, nets of
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
    """The optimizer `name` on the net's parameters; momentum belongs to SGD alone."""
    if name == "sgd":
        return SGD(net.param(), lr, momentum=momentum, weight_decay=weight_decay)
    return {"adadelta": Adadelta, "adam": Adam}[name](net.param(), lr, weight_decay=weight_decay)


class Trainer:
    """Net, loss and optimizer, and the points of the stages as what net and loss take."""

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
        """Every training point once, in the order of the stream `order/<epoch>`, from epoch 0.

        The training loss and accuracy are those of the outputs that the steps were made from.
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
        """The stage's measures with the weights as they are, and its predicted classes (N,)."""
        outputs = self.net.forward(self.inputs[stage])
        measures = self._measures(stage, outputs, self.targets[stage], self.labels[stage])
        return measures, outputs.argmax(1)

    def _measures(self, stage: str, outputs: Tensor, targets: Tensor, labels: Tensor) -> Row:
        """Outputs (N, 2) to `<stage>/accuracy`, `<stage>/error` and `<stage>/loss`."""
        count = len(labels)
        right = int((outputs.argmax(1) == labels).sum())
        return {
            f"{stage}/accuracy": right / count,
            f"{stage}/error": (count - right) / count,
            f"{stage}/loss": self.criterion.forward(outputs, targets).item(),
        }


def require_finite(loss: float, epoch: int, step: int) -> None:
    """Raise DivergedError naming the epoch, counted from 0 here, and the step, from 1."""
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
    """Train `net`, then measure it on the test points, once.

    check_stop: called before every step; may raise to end the run. Raises DivergedError.
    """
    torch.set_num_threads(1)  # the tensors are small, and the numbers the same on every machine
    normalisation = Normalisation.of(stages["train"].coordinates, normalise)
    trainer = Trainer(net, optimizer, loss, stages, normalisation, seed, batch_size)
    started = time.monotonic()
    history: list[Row] = []
    for epoch in range(max_epochs):
        trained = trainer.train_epoch(epoch, check_stop)
        measured = trained | trainer.measure("val")[0]
        # What the last step has done to the weights shows here first.
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
