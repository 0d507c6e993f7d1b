"""What all supervised tasks of this project share: optimizer, schedule, metrics of an epoch."""

from collections.abc import Callable
from typing import Any

import torch
from pytorch_lightning import LightningModule
from torch import Tensor, nn
from torch.optim import Optimizer

from project.tasks.metrics import EpochMetrics

# A module or its parameters to the optimizer; the optimizer and the number of all steps to
# Lightning's `lr_scheduler` dictionary.
OptimizerFactory = Callable[[Any], Optimizer]
SchedulerFactory = Callable[[Optimizer, int], dict[str, Any]]

STAGES = ("train", "val", "test")


class Supervised(LightningModule):
    """A net, what is to be minimised, and what is measured; subclasses say `loss_of`.

    Args:
        net: Maps inputs to what `loss_of` understands.
        optimizer: Makes the optimizer.
        scheduler: Makes the schedule of its learning rate; None for a constant one.
    """

    def __init__(
        self, net: nn.Module, optimizer: OptimizerFactory, scheduler: SchedulerFactory | None
    ) -> None:
        super().__init__()
        # Max-pooling and convolutions are about 1.5 times faster on CPUs in this memory layout.
        self.net = net.to(memory_format=torch.channels_last)
        self.optimizer = optimizer
        self.scheduler = scheduler
        self.epoch_metrics = {stage: EpochMetrics() for stage in STAGES}

    def forward(self, inputs: Tensor) -> Any:
        """Return the net's output."""
        return self.net(inputs)

    def loss_of(self, batch: Any, stage: str) -> tuple[Tensor, Any]:
        """Return a batch's mean loss and the net's output; add it to the stage's metrics."""
        raise NotImplementedError

    def shuffle_targets(self, batch: Any) -> Any:
        """Return the batch with the targets of other examples, for `project.check`.

        The inputs, a batch's first part, stay; whatever follows is shuffled with one permutation,
        drawn from torch's global generator.
        """
        inputs, *targets = batch
        order = torch.randperm(len(inputs))
        return (inputs, *(each[order.to(each.device)] for each in targets))

    def training_step(self, batch: Any, batch_idx: int) -> Tensor:
        """Return the loss to minimise."""
        return self.loss_of(batch, "train")[0]

    def validation_step(self, batch: Any, batch_idx: int) -> None:
        """Measure a batch."""
        self.loss_of(batch, "val")

    def on_train_epoch_end(self) -> None:
        """Log the epoch's means."""
        self.epoch_metrics["train"].log(self, "train")

    def on_validation_epoch_end(self) -> None:
        """Log the means over the validation examples."""
        self.epoch_metrics["val"].log(self, "val")

    def on_test_epoch_end(self) -> None:
        """Log the means over the test examples."""
        self.epoch_metrics["test"].log(self, "test")

    def configure_optimizers(self) -> Any:
        """Return the optimizer, and its schedule where there is one."""
        optimizer = self.optimizer(self.net)
        if self.scheduler is None:
            return optimizer
        steps = int(self.trainer.estimated_stepping_batches)
        return {"optimizer": optimizer, "lr_scheduler": self.scheduler(optimizer, steps)}
