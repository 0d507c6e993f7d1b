"""A callback that watches a short training: losses, gradients, weights, times, schedules."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from pytorch_lightning import LightningModule, Trainer
from pytorch_lightning.callbacks import Callback
from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle

from project.checks.batches import clone
from project.checks.relus import ReluWatch


@dataclass(frozen=True)
class ScheduleSteps:
    """How often a scheduler was stepped, and how often it should have been.

    Attributes:
        name: The scheduler's class.
        made: Its own count.
        due: Steps of the optimizer or epochs made, by its interval and frequency.
        unit: `step` or `epoch`.
        is_manual: Whether the task steps it by itself (manual optimization): at most every step.
    """

    name: str
    made: int
    due: int
    unit: str
    is_manual: bool


class Probe(Callback):
    """Watches a training.

    Attributes:
        losses: What was handed to backward, in order.
        norms: By parameter, the norm of its first gradient.
        with_gradient: Parameters that have had a gradient.
        unchanged: Trainable parameters that have the bits with which they started.
        frozen: Parameters that are not trained at all.
        step_seconds: Of each training batch, without waiting for it.
        wait_seconds: Between two training batches of an epoch.
        evaluation_seconds: Of each batch of validation and test, the wait included.
        batches: The first batch of each stage, as the task gets it.
        schedules: The schedulers' counts at the end.
        steps: How many steps the optimizer has made.
        relus: Of the last training batch, which units were never above 0.
        activation: Mean and std of what the first layer answered to the last training batch, and
            its name; None where there is none.
    """

    def __init__(self) -> None:
        self.losses: list[float] = []
        self.norms: dict[str, float] = {}
        self.with_gradient: set[str] = set()
        self.unchanged: list[str] = []
        self.frozen: list[str] = []
        self.step_seconds: list[float] = []
        self.wait_seconds: list[float] = []
        self.evaluation_seconds: list[float] = []
        self.batches: dict[str, Any] = {}
        self.schedules: list[ScheduleSteps] = []
        self.steps = 0
        self.relus: ReluWatch | None = None
        self.activation: tuple[str, float, float] | None = None
        self._began = self._ended = 0.0
        self._hooks: list[RemovableHandle] = []

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Keep the weights as they are."""
        named = dict(pl_module.named_parameters())
        self.frozen = [name for name, each in named.items() if not each.requires_grad]
        self._initial = {name: clone(each) for name, each in named.items() if each.requires_grad}

    def on_train_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Wait for an epoch's first batch, which is not counted: workers start for it."""
        self._ended = 0.0

    def on_train_batch_start(
        self, trainer: Trainer, pl_module: LightningModule, batch: Any, batch_idx: int
    ) -> None:
        """Note how long the batch was waited for; watch the layers in the last one."""
        now = time.monotonic()
        if self._ended:
            self.wait_seconds.append(now - self._ended)
        if "train" not in self.batches:
            self.batches["train"] = clone(batch)
        is_last = trainer.is_last_batch and trainer.current_epoch + 1 == trainer.max_epochs
        if is_last:
            self._hooks = hook_layers(pl_module, self._note_activation)
            self.relus = ReluWatch(pl_module)
            self.relus.begin()
        self._began = time.monotonic()

    def on_before_backward(
        self, trainer: Trainer, pl_module: LightningModule, loss: Tensor
    ) -> None:
        """Note the loss."""
        self.losses.append(float(loss.detach().sum()))

    def on_before_optimizer_step(
        self, trainer: Trainer, pl_module: LightningModule, optimizer: Any
    ) -> None:
        """Note which parameters have a gradient, and of what size."""
        for name, parameter in pl_module.named_parameters():
            if parameter.grad is not None:
                self.with_gradient.add(name)
                if name not in self.norms:
                    self.norms[name] = float(parameter.grad.norm())

    def on_train_batch_end(
        self,
        trainer: Trainer,
        pl_module: LightningModule,
        outputs: Any,
        batch: Any,
        batch_idx: int,
    ) -> None:
        """Note how long the step took."""
        if trainer.strategy.root_device.type == "cuda":
            torch.cuda.synchronize()
        self._ended = time.monotonic()
        if self.relus is not None:
            # Watching takes time: this step is not counted.
            self._stop_watching()
        else:
            self.step_seconds.append(self._ended - self._began)

    def on_exception(
        self, trainer: Trainer, pl_module: LightningModule, exception: BaseException
    ) -> None:
        """Watch the layers no longer."""
        self._stop_watching()

    def _stop_watching(self) -> None:
        if self.relus is not None:
            self.relus.end()
        for hook in self._hooks:
            hook.remove()
        self._hooks = []

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Compare the weights with those at the start, and the schedules with the steps made."""
        self.steps = trainer.global_step
        for name, parameter in pl_module.named_parameters():
            if name in self._initial and torch.equal(parameter.detach(), self._initial[name]):
                self.unchanged.append(name)
        del self._initial
        optimizers = max(1, len(trainer.optimizers))
        is_manual = not pl_module.automatic_optimization
        for config in trainer.lr_scheduler_configs:
            unit = "step" if is_manual else config.interval
            total = self.steps // optimizers if unit == "step" else trainer.current_epoch
            self.schedules.append(
                ScheduleSteps(
                    type(config.scheduler).__name__,
                    int(config.scheduler.last_epoch),
                    total if is_manual else total // config.frequency,
                    unit,
                    is_manual,
                )
            )

    def on_validation_batch_start(
        self,
        trainer: Trainer,
        pl_module: LightningModule,
        batch: Any,
        batch_idx: int,
        dataloader_idx: int = 0,
    ) -> None:
        """Keep the first batch."""
        self._evaluated("val", batch)

    def on_test_batch_start(
        self,
        trainer: Trainer,
        pl_module: LightningModule,
        batch: Any,
        batch_idx: int,
        dataloader_idx: int = 0,
    ) -> None:
        """Keep the first batch."""
        self._evaluated("test", batch)

    def _evaluated(self, stage: str, batch: Any) -> None:
        if stage not in self.batches:
            self.batches[stage] = clone(batch)
        self._began = time.monotonic()

    def on_validation_batch_end(
        self,
        trainer: Trainer,
        pl_module: LightningModule,
        outputs: Any,
        batch: Any,
        batch_idx: int,
        dataloader_idx: int = 0,
    ) -> None:
        """Note how long the batch took."""
        self.evaluation_seconds.append(time.monotonic() - self._began)

    def on_test_batch_end(
        self,
        trainer: Trainer,
        pl_module: LightningModule,
        outputs: Any,
        batch: Any,
        batch_idx: int,
        dataloader_idx: int = 0,
    ) -> None:
        """Note how long the batch took."""
        self.evaluation_seconds.append(time.monotonic() - self._began)

    def _note_activation(self, name: str, answer: Any) -> None:
        if self.activation is None and isinstance(answer, Tensor) and answer.is_floating_point():
            values = answer.detach().float()
            self.activation = (name, float(values.mean()), float(values.std()))


def hook_layers(module: nn.Module, note: Callable[[str, Any], None]) -> list[RemovableHandle]:
    """Have `note` called with the name and the answer of every layer with weights of its own."""
    hooks = []
    for name, layer in module.named_modules():
        if any(True for _ in layer.parameters(recurse=False)):

            def hook(layer: nn.Module, given: Any, answer: Any, name: str = name) -> None:
                note(name, answer)

            hooks.append(layer.register_forward_hook(hook))
    return hooks
