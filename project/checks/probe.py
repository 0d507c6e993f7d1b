"""A callback that records a short training: losses, gradients, weights, times, schedules."""

import time
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any

import torch
from pytorch_lightning import LightningModule, Trainer
from pytorch_lightning.callbacks import Callback
from pytorch_lightning.utilities.types import LRSchedulerConfig
from torch import Tensor

from project.checks.batches import clone
from project.checks.layers import LayerWatch


@dataclass(eq=False)
class Probe(Callback):
    """Callback that records what happens in a training."""

    losses: list[float] = field(default_factory=list)  # of each backward pass
    # The norm of each parameter's first gradient.
    norms: dict[str, float] = field(default_factory=dict)
    # Names of the trainable parameters that end with exactly their initial values.
    unchanged: list[str] = field(default_factory=list)
    # Seconds of each training batch but the last, and of each wait but the first of an epoch.
    step_seconds: list[float] = field(default_factory=list)
    wait_seconds: list[float] = field(default_factory=list)
    # Seconds of each validation and test batch, without the wait for it.
    evaluation_seconds: list[float] = field(default_factory=list)
    # A copy of the first batch of each stage (train, val, test), as the task gets it.
    batches: dict[str, Any] = field(default_factory=dict)
    # Once training has ended, its schedulers, epochs, and steps of each optimizer.
    schedules: list[LRSchedulerConfig] = field(default_factory=list)
    epochs: int = 0
    steps: int = 0
    layers: LayerWatch | None = None  # what the layers answer to the last training batch
    _watching: ExitStack = field(default_factory=ExitStack)
    _began: float = 0.0
    _ended: float = 0.0

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Copy the initial values of the trainable parameters."""
        named = pl_module.named_parameters()
        self._initial = {name: clone(each) for name, each in named if each.requires_grad}

    def on_train_epoch_start(self, *args: Any, **kwargs: Any) -> None:
        """Leave the epoch's first wait out of `wait_seconds`, as it includes starting workers."""
        self._ended = 0.0

    def on_train_batch_start(
        self, trainer: Trainer, pl_module: LightningModule, batch: Any, batch_idx: int
    ) -> None:
        """Record the wait for the batch; from the last batch on, watch the layers."""
        if self._ended:
            self.wait_seconds.append(time.monotonic() - self._ended)
        if "train" not in self.batches:
            self.batches["train"] = clone(batch)
        if trainer.is_last_batch and trainer.current_epoch + 1 == trainer.max_epochs:
            self.layers = self._watching.enter_context(LayerWatch(pl_module))
        self._began = time.monotonic()

    def on_before_backward(
        self, trainer: Trainer, pl_module: LightningModule, loss: Tensor
    ) -> None:
        """Record the loss."""
        self.losses.append(float(loss.detach().sum()))

    def on_before_optimizer_step(
        self, trainer: Trainer, pl_module: LightningModule, optimizer: Any
    ) -> None:
        """Record the norm of each parameter's first gradient."""
        for name, parameter in pl_module.named_parameters():
            if parameter.grad is not None and name not in self.norms:
                self.norms[name] = float(parameter.grad.norm())

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, *args: Any, **kwargs: Any
    ) -> None:
        """Record the seconds of the step, except of the last one: watching takes time."""
        if trainer.strategy.root_device.type == "cuda":
            torch.cuda.synchronize()
        self._ended = time.monotonic()
        if self.layers is None:
            self.step_seconds.append(self._ended - self._began)
        self._watching.close()

    def on_exception(self, *args: Any, **kwargs: Any) -> None:
        """Stop watching the layers."""
        self._watching.close()

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Record which parameters have not changed, and how long the training was."""
        for name, parameter in pl_module.named_parameters():
            if name in self._initial and torch.equal(parameter.detach(), self._initial[name]):
                self.unchanged.append(name)
        del self._initial
        self.schedules = list(trainer.lr_scheduler_configs)
        self.epochs = trainer.current_epoch
        self.steps = trainer.global_step // max(1, len(trainer.optimizers))

    def on_validation_batch_start(
        self, trainer: Trainer, pl_module: LightningModule, batch: Any, *args: Any, **kwargs: Any
    ) -> None:
        """Copy the stage's first batch, and start the clock."""
        stage = "test" if trainer.testing else "val"
        if stage not in self.batches:
            self.batches[stage] = clone(batch)
        self._began = time.monotonic()

    def on_validation_batch_end(self, *args: Any, **kwargs: Any) -> None:
        """Record the seconds of the batch."""
        self.evaluation_seconds.append(time.monotonic() - self._began)

    on_test_batch_start = on_validation_batch_start
    on_test_batch_end = on_validation_batch_end
