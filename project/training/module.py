"""The LightningModule that trains any of the nets: main loss, auxiliary losses, errors."""

from collections.abc import Callable, Iterable
from typing import Any

import torch
from pytorch_lightning import LightningModule
from torch import Tensor, nn
from torch.nn.functional import cross_entropy
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler

from project.data.pairs import Batch
from project.models import Prediction
from project.seeding import seed_noise
from project.training.flat import FlatParameters

OptimizerFactory = Callable[[Iterable[nn.Parameter]], Optimizer]
# The optimizer and the number of all steps to the schedule of its learning rate.
ScheduleFactory = Callable[[Optimizer, int], LRScheduler]
Augmentation = Callable[[Tensor], Tensor]


class NonFiniteLossError(Exception):
    """The loss became infinite or NaN: the run failed."""

    exit_code = 1


class EpochMeans:
    """Losses and answers of an epoch so far; means over its pairs are taken once, at its end.

    So a step is spared a dozen small operations.
    """

    def __init__(self) -> None:
        self.pairs: list[int] = []
        self.losses: dict[str, list[Tensor]] = {}
        self.answers: dict[str, list[tuple[Tensor, Tensor]]] = {}

    def add(self, pairs: int, losses: dict[str, Tensor], **answers: tuple[Tensor, Tensor]) -> None:
        """losses: means over the batch. answers: scores (..., classes) and right class (...)."""
        self.pairs.append(pairs)
        for name, loss in losses.items():
            self.losses.setdefault(name, []).append(loss.detach())
        for name, (scores, right) in answers.items():
            self.answers.setdefault(name, []).append((scores.detach(), right))

    def means(self, stage: str) -> dict[str, Tensor]:
        """`<stage>/<name>`: a loss, or the share of wrong answers; scalars."""
        means = {}
        for name, batches in self.losses.items():
            losses = torch.stack(batches)
            means[f"{stage}/{name}"] = losses @ losses.new_tensor(self.pairs) / sum(self.pairs)
        for name, given in self.answers.items():
            scores, right = (torch.cat(parts) for parts in zip(*given, strict=True))
            wrong = scores.argmax(-1) != right
            means[f"{stage}/{name}"] = wrong.sum() / wrong.numel()
        return means


class PairClassifier(LightningModule):
    """Cross-entropy of the comparison plus `auxiliary_weight` times that of every digit output.

    Logged per epoch and stage (`train`, `val`, `test`), means over the stage's pairs:
    `<stage>/loss` (main + auxiliary), `<stage>/comparison_loss`, `<stage>/error` (share of wrong
    comparisons) and, if the net names digits, `<stage>/auxiliary_loss` and `<stage>/digit_error`
    (share of wrong digits). Training values are taken during the epoch, as the optimizer sees them:
    with `label_smoothing`, which is for the digits and for training alone.
    """

    def __init__(
        self,
        net: nn.Module,
        optimizer_factory: OptimizerFactory,
        auxiliary_weight: float,
        seed: int,
        label_smoothing: float = 0.0,
        schedule_factory: ScheduleFactory | None = None,
        augmentation: Augmentation | None = None,
    ) -> None:
        super().__init__()
        # Max-pooling and convolutions are about 1.5 times faster on CPUs in this memory layout.
        self.net = net.to(memory_format=torch.channels_last)
        self.optimizer_factory = optimizer_factory
        self.auxiliary_weight = auxiliary_weight
        self.seed = seed
        self.label_smoothing = label_smoothing
        self.schedule_factory = schedule_factory
        self.augmentation = augmentation
        self.epoch_means = self.new_means()

    def new_means(self) -> EpochMeans:
        """Of an epoch that begins."""
        return EpochMeans()

    def forward(self, pairs: Tensor) -> Prediction:
        """Pairs (N, 2, 14, 14) to the net's Prediction."""
        return self.net(pairs)

    def loss(self, batch: Batch) -> Tensor:
        """The batch's mean loss, a scalar; adds the batch to the epoch's means."""
        images, target, digits = batch
        prediction = self.net(images)
        comparison_loss = cross_entropy(prediction.comparison, target)
        loss = comparison_loss
        losses = {"comparison_loss": comparison_loss}
        answers = {"error": (prediction.comparison, target)}
        if prediction.digits:
            # The sum over both digits, as in the report; a mean would halve the weight.
            smoothing = self.label_smoothing if self.training else 0.0
            each_loss = [
                cross_entropy(each.flatten(0, 1), digits.flatten(), label_smoothing=smoothing)
                for each in prediction.digits
            ]
            auxiliary_loss = 2 * sum(each_loss[1:], each_loss[0])
            loss = comparison_loss + self.auxiliary_weight * auxiliary_loss
            losses["auxiliary_loss"] = auxiliary_loss
            answers["digit_error"] = (prediction.digits[-1], digits)
        self.epoch_means.add(len(target), losses | {"loss": loss}, **answers)
        return loss

    def on_train_batch_start(self, batch: Batch, batch_idx: int) -> None:
        seed_noise(self.seed, self.global_step)

    def training_step(self, batch: Batch, batch_idx: int) -> Tensor:
        if self.augmentation is not None:
            images, target, digits = batch
            batch = self.augmentation(images), target, digits
        loss = self.loss(batch)
        if not torch.isfinite(loss):
            raise NonFiniteLossError(
                f"the loss became {loss.item()} in epoch {self.current_epoch + 1}, step "
                f"{self.global_step + 1}; a smaller optimizer.lr usually helps"
            )
        return loss

    def validation_step(self, batch: Batch, batch_idx: int) -> None:
        self.loss(batch)

    def test_step(self, batch: Batch, batch_idx: int) -> None:
        self.loss(batch)

    def publish(self, stage: str) -> None:
        """Put the stage's means where Lightning's callbacks look for them.

        Not `self.log`: it is made for reckoning over steps, and costs 3 % of a run.
        """
        self.trainer.callback_metrics.update(self.epoch_means.means(stage))

    # Lightning runs validation inside the training epoch: the training means are set aside for it.

    def on_train_epoch_start(self) -> None:
        self.epoch_means = self.new_means()

    def on_validation_epoch_start(self) -> None:
        self.training_means, self.epoch_means = self.epoch_means, self.new_means()

    def on_validation_epoch_end(self) -> None:
        self.publish("val")
        self.epoch_means = self.training_means

    def on_train_epoch_end(self) -> None:
        self.publish("train")

    def on_test_epoch_start(self) -> None:
        self.epoch_means = self.new_means()

    def on_test_epoch_end(self) -> None:
        self.publish("test")

    def configure_optimizers(self) -> Any:
        # Here and not earlier: by now Lightning has put the net on its device.
        self.flat_parameters = FlatParameters(self.net.parameters())
        optimizer = self.optimizer_factory([self.flat_parameters.vector])
        if self.schedule_factory is None:
            return optimizer
        schedule = self.schedule_factory(optimizer, int(self.trainer.estimated_stepping_batches))
        return [optimizer], [{"scheduler": schedule, "interval": "step"}]

    def on_before_optimizer_step(self, optimizer: Optimizer) -> None:
        self.flat_parameters.gather()

    def optimizer_zero_grad(self, epoch: int, batch_idx: int, optimizer: Optimizer) -> None:
        self.flat_parameters.forget_gradients()
