"""The LightningModule that trains any of the nets: main loss, auxiliary losses, errors."""

from collections.abc import Callable, Iterable
from typing import Any

import torch
from pytorch_lightning import LightningModule
from torch import Tensor, nn
from torch.nn.functional import cross_entropy
from torch.optim import Optimizer

from project.data.pairs import Batch
from project.models import Prediction
from project.seeding import seed_noise

OptimizerFactory = Callable[[Iterable[nn.Parameter]], Optimizer]


class NonFiniteLossError(Exception):
    """The loss became infinite or NaN: the run failed."""

    exit_code = 1


class EpochSums:
    """Sums over the pairs of an epoch; means are taken, and logged, once per epoch.

    Logging every step through Lightning costs more than the step's own arithmetic at this size.
    """

    def __init__(self) -> None:
        self.pairs = 0
        self.sums: dict[str, Tensor] = {}

    def add(self, pairs: int, **per_batch_sums: Tensor) -> None:
        self.pairs += pairs
        for name, value in per_batch_sums.items():
            self.sums[name] = self.sums[name] + value if name in self.sums else value

    def means(self, stage: str) -> dict[str, Tensor]:
        return {f"{stage}/{name}": total / self.pairs for name, total in self.sums.items()}


class PairClassifier(LightningModule):
    """Cross-entropy of the comparison plus `auxiliary_weight` times that of every digit output.

    Logged per epoch and stage (`train`, `val`, `test`), means over the stage's pairs:
    `<stage>/loss` (main + auxiliary), `<stage>/comparison_loss`, `<stage>/error` (share of wrong
    comparisons) and, if the net names digits, `<stage>/auxiliary_loss` and `<stage>/digit_error`
    (share of wrong digits). Training values are taken during the epoch, as the optimizer sees them.
    """

    def __init__(
        self,
        net: nn.Module,
        optimizer_factory: OptimizerFactory,
        auxiliary_weight: float,
        seed: int,
    ) -> None:
        super().__init__()
        # Max-pooling and convolutions are about 1.5 times faster on CPUs in this memory layout.
        self.net = net.to(memory_format=torch.channels_last)
        self.optimizer_factory = optimizer_factory
        self.auxiliary_weight = auxiliary_weight
        self.seed = seed
        self.epoch_sums = self.new_sums()

    def new_sums(self) -> EpochSums:
        """The sums of an epoch that begins."""
        return EpochSums()

    def forward(self, pairs: Tensor) -> Prediction:
        """Pairs (N, 2, 14, 14) to the net's Prediction."""
        return self.net(pairs)

    def loss(self, batch: Batch) -> Tensor:
        """The batch's mean loss, a scalar; adds the batch to the epoch's sums."""
        images, target, digits = batch
        prediction = self.net(images.contiguous(memory_format=torch.channels_last))
        comparison_loss = cross_entropy(prediction.comparison, target)
        loss = comparison_loss
        pairs = len(target)
        sums = {"error": (prediction.comparison.detach().argmax(1) != target).sum()}
        if prediction.digits:
            # The sum over both digits, as in the report; a mean would halve the weight.
            auxiliary_loss = (
                2
                * torch.stack(
                    [
                        cross_entropy(each.flatten(0, 1), digits.flatten())
                        for each in prediction.digits
                    ]
                ).sum()
            )
            loss = comparison_loss + self.auxiliary_weight * auxiliary_loss
            wrong = prediction.digits[-1].detach().argmax(2) != digits
            sums["auxiliary_loss"] = pairs * auxiliary_loss.detach()
            sums["digit_error"] = wrong.sum() / 2
        sums["comparison_loss"] = pairs * comparison_loss.detach()
        self.epoch_sums.add(pairs, loss=pairs * loss.detach(), **sums)
        return loss

    def on_train_batch_start(self, batch: Batch, batch_idx: int) -> None:
        seed_noise(self.seed, self.global_step)

    def training_step(self, batch: Batch, batch_idx: int) -> Tensor:
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

    # Lightning runs validation inside the training epoch: the training sums are set aside for it.

    def on_train_epoch_start(self) -> None:
        self.epoch_sums = self.new_sums()

    def on_validation_epoch_start(self) -> None:
        self.training_sums, self.epoch_sums = self.epoch_sums, self.new_sums()

    def on_validation_epoch_end(self) -> None:
        self.log_dict(self.epoch_sums.means("val"))
        self.epoch_sums = self.training_sums

    def on_train_epoch_end(self) -> None:
        self.log_dict(self.epoch_sums.means("train"))

    def on_test_epoch_start(self) -> None:
        self.epoch_sums = self.new_sums()

    def on_test_epoch_end(self) -> None:
        self.log_dict(self.epoch_sums.means("test"))

    def configure_optimizers(self) -> Any:
        return self.optimizer_factory(self.parameters())
