"""The base class of the project's supervised tasks: optimizer, schedule, metrics of an epoch."""

from collections.abc import Callable
from typing import Any

import torch
from pytorch_lightning import LightningModule
from torch import Tensor, nn
from torch.optim import Optimizer

from project.tasks.metrics import EpochMetrics

# OptimizerFactory maps a module or its parameters to the optimizer. SchedulerFactory maps the
# optimizer and the total number of steps to Lightning's `lr_scheduler` dictionary.
OptimizerFactory = Callable[[Any], Optimizer]
SchedulerFactory = Callable[[Optimizer, int], dict[str, Any]]
Augmentation = Callable[[Tensor], Tensor]


class Supervised(LightningModule):
    """Base class of supervised tasks; subclasses define `loss_of`.

    Args:
        net: Maps inputs to the outputs that `loss_of` expects.
        optimizer: Factory that builds the optimizer.
        scheduler: Factory that builds the learning-rate schedule; None for a constant rate.
        augmentation: Applied to the inputs of a training batch in every step; None for none.
        label_smoothing: In training, the share of a target that is spread evenly over all classes;
            in [0, 1).
    """

    def __init__(
        self,
        net: nn.Module,
        optimizer: OptimizerFactory,
        scheduler: SchedulerFactory | None = None,
        augmentation: Augmentation | None = None,
        label_smoothing: float = 0.0,
    ) -> None:
        if not 0 <= label_smoothing < 1:
            raise ValueError(f"label_smoothing must be at least 0, below 1, got {label_smoothing}")
        super().__init__()
        # Max-pooling and convolutions are about 1.5 times faster on CPUs in this memory layout.
        self.net = net.to(memory_format=torch.channels_last)
        self.optimizer = optimizer
        self.scheduler = scheduler
        self.augmentation = augmentation
        self.label_smoothing = label_smoothing
        self.epoch_metrics = {stage: EpochMetrics() for stage in ("train", "val", "test")}

    def forward(self, inputs: Tensor) -> Any:
        """Return the net's output."""
        return self.net(inputs)

    def loss_of(self, batch: Any, stage: str) -> tuple[Tensor, Any]:
        """Return a batch's mean loss, a scalar, and the net's output; update the stage's metrics.

        `stage` is `train`, `val` or `test`; only `train` uses augmentation and label smoothing.
        """
        raise NotImplementedError

    def augmented(self, inputs: Tensor, stage: str) -> Tensor:
        """Return the inputs of a training batch augmented, those of other stages unchanged."""
        return self.augmentation(inputs) if self.augmentation and stage == "train" else inputs

    def smoothing(self, stage: str) -> float:
        """Return `label_smoothing` for training, 0 for other stages."""
        return self.label_smoothing if stage == "train" else 0.0

    def shuffle_targets(self, batch: Any) -> Any:
        """Return the batch with its targets assigned to other examples; used by `project.check`.

        All parts but the first (the inputs) get the same permutation, drawn from torch's global
        generator.
        """
        inputs, *targets = batch
        order = torch.randperm(len(inputs))
        return (inputs, *(each[order.to(each.device)] for each in targets))

    def training_step(self, batch: Any, batch_idx: int) -> Tensor:
        """Return the mean loss of a training batch."""
        return self.loss_of(batch, "train")[0]

    def validation_step(self, batch: Any, batch_idx: int) -> None:
        """Add a validation batch to the metrics."""
        self.loss_of(batch, "val")

    def on_train_epoch_end(self) -> None:
        """Log the mean losses and metrics over the training examples."""
        self.epoch_metrics["train"].log(self, "train")

    def on_validation_epoch_end(self) -> None:
        """Log the mean losses and metrics over the validation examples."""
        self.epoch_metrics["val"].log(self, "val")

    def on_test_epoch_end(self) -> None:
        """Log the mean losses and metrics over the test examples."""
        self.epoch_metrics["test"].log(self, "test")

    def configure_optimizers(self) -> Any:
        """Return the optimizer, together with its schedule if there is one."""
        optimizer = self.optimizer(self.net)
        if self.scheduler is None:
            return optimizer
        steps = int(self.trainer.estimated_stepping_batches)
        return {"optimizer": optimizer, "lr_scheduler": self.scheduler(optimizer, steps)}
