"""What a stranger brings: a LightningModule and a DataModule that know nothing of this platform.

They draw from every global generator, at every place where Lightning lets one.
"""

import random
from typing import Any

import numpy as np
import torch
from pytorch_lightning import LightningDataModule, LightningModule
from pytorch_lightning.callbacks import Callback
from torch import Tensor, nn
from torch.nn.functional import cross_entropy
from torch.utils.data import DataLoader, Dataset, IterableDataset

FEATURES, CLASSES = 4, 2


def noise() -> float:
    """A number to which torch, numpy and Python each contribute."""
    return float(torch.rand(())) + float(np.random.rand()) + random.random()


class NoisyPoints(Dataset[tuple[Tensor, Tensor]]):
    """Points of two classes, moved anew whenever one is taken."""

    def __init__(self, count: int, scale: float, moved: float = 0.1) -> None:
        self.moved = moved
        self.points = scale * torch.randn(count, FEATURES) + 0.1 * noise()
        self.labels = (self.points.sum(1) > 0).long()

    def __len__(self) -> int:
        return len(self.points)

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor]:
        return self.points[index] + self.moved * noise(), self.labels[index]


class Endless(IterableDataset[tuple[Tensor, Tensor]]):
    """The same points as a stream that does not know how long it is."""

    def __init__(self, points: NoisyPoints) -> None:
        self.points = points

    def __iter__(self) -> Any:
        order = torch.randperm(len(self.points)).tolist()
        return (self.points[index] for index in order)


class Points(LightningDataModule):
    """Plain DataLoaders; everything that is drawn comes from the global generators."""

    def __init__(
        self,
        batch_size: int = 8,
        num_workers: int = 0,
        endless: bool = False,
        moved: float = 0.1,
    ) -> None:
        super().__init__()
        self.save_hyperparameters()
        self.scale = 1 + noise()

    def setup(self, stage: str) -> None:
        shift = noise()
        scale, moved = self.scale + shift, self.hparams["moved"]
        self.parts = {name: NoisyPoints(20, scale, moved) for name in ("train", "val", "test")}

    def _loader(self, part: str, shuffle: bool) -> DataLoader[Any]:
        options: dict[str, Any] = {
            "batch_size": self.hparams["batch_size"],
            "num_workers": self.hparams["num_workers"],
        }
        if self.hparams["endless"]:
            return DataLoader(Endless(self.parts[part]), **options)
        return DataLoader(self.parts[part], shuffle=shuffle, **options)

    def train_dataloader(self) -> DataLoader[Any]:
        return self._loader("train", shuffle=True)

    def val_dataloader(self) -> DataLoader[Any]:
        return self._loader("val", shuffle=False)

    def test_dataloader(self) -> DataLoader[Any]:
        return self._loader("test", shuffle=False)


class SeveralLoaders(Points):
    """Two training loaders of unequal length, side by side."""

    def train_dataloader(self) -> Any:
        return {"long": super().train_dataloader(), "short": self._short()}

    def _short(self) -> DataLoader[Any]:
        return DataLoader(self.parts["val"], batch_size=20, shuffle=True)


class Own(LightningModule):
    """Brings its net and its optimizer, and draws wherever it can."""

    def __init__(self, hidden: int = 6, lr: float = 0.05) -> None:
        super().__init__()
        self.save_hyperparameters()
        self.net = nn.Sequential(
            nn.Linear(FEATURES, hidden), nn.ReLU(), nn.Dropout(0.2), nn.Linear(hidden, CLASSES)
        )
        self.offset = noise()

    def _loss(self, batch: Any, stage: str) -> Tensor:
        if isinstance(batch, dict):
            batch = [torch.cat(parts) for parts in zip(*batch.values(), strict=True)]
        points, labels = batch
        scores = self.net(points + 0.01 * (noise() + self.offset))
        error = (scores.argmax(1) != labels).float().mean()
        self.log(f"{stage}/error", error, on_epoch=True, batch_size=len(labels))
        return cross_entropy(scores, labels)

    def on_train_start(self) -> None:
        self.factor = 1 + 0.1 * noise()

    def on_train_epoch_start(self) -> None:
        self.of_epoch = noise()

    def on_train_batch_start(self, batch: Any, batch_idx: int) -> None:
        self.of_batch = noise()

    def training_step(self, batch: Any, batch_idx: int) -> Tensor:
        loss = (
            self._loss(batch, "train") * self.factor * (1 + 0.01 * (self.of_epoch + self.of_batch))
        )
        self.log("train/loss", loss, on_step=True, on_epoch=True, batch_size=8)
        return loss

    def on_train_epoch_end(self) -> None:
        self.log("train/noise", noise())

    def on_validation_epoch_start(self) -> None:
        self.of_validation = noise()

    def validation_step(self, batch: Any, batch_idx: int) -> None:
        self.log("val/loss", self._loss(batch, "val") + 0.01 * self.of_validation)

    def test_step(self, batch: Any, batch_idx: int) -> None:
        self.log("test/loss", self._loss(batch, "test"))

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.Adam(self.parameters(), lr=self.hparams["lr"])


class Net(nn.Module):
    """A net for the task below; `zero` starts its last layer at zero."""

    def __init__(self, hidden: int = 6, dropout: float = 0.0, zero: bool = False) -> None:
        super().__init__()
        last = nn.Linear(hidden, CLASSES)
        self.layers = nn.Sequential(
            nn.Linear(FEATURES, hidden), nn.ReLU(), nn.Dropout(dropout), last
        )
        if zero:
            nn.init.zeros_(last.weight)

    def forward(self, points: Tensor) -> Tensor:
        return self.layers(points)


class Attention(nn.Module):
    """Torch's own attention, and a parameter that belongs to no layer."""

    def __init__(self) -> None:
        super().__init__()
        self.token = nn.Parameter(torch.randn(1, 1, FEATURES))
        self.attention = nn.MultiheadAttention(FEATURES, 2, batch_first=True)
        self.linear = nn.Linear(FEATURES, CLASSES)

    def forward(self, points: Tensor) -> Tensor:
        tokens = torch.cat([self.token.expand(len(points), -1, -1), points.unsqueeze(1)], 1)
        return self.linear(self.attention(tokens, tokens, tokens)[0][:, 0])


class Classify(LightningModule):
    """Takes net, optimizer and schedule from the configuration."""

    def __init__(self, net: nn.Module, optimizer: Any, scheduler: Any = None) -> None:
        super().__init__()
        self.net, self.optimizer, self.scheduler = net, optimizer, scheduler

    def _loss(self, batch: Any, stage: str) -> Tensor:
        points, labels = batch
        scores = self.net(points)
        loss = cross_entropy(scores, labels)
        error = (scores.argmax(1) != labels).float().mean()
        values = {f"{stage}/loss": loss, f"{stage}/error": error}
        self.log_dict(values, on_step=False, on_epoch=True)
        return loss

    def training_step(self, batch: Any, batch_idx: int) -> Tensor:
        return self._loss(batch, "train")

    def validation_step(self, batch: Any, batch_idx: int) -> None:
        self._loss(batch, "val")

    def test_step(self, batch: Any, batch_idx: int) -> None:
        self._loss(batch, "test")

    def configure_optimizers(self) -> Any:
        optimizer = self.optimizer(self.net)
        if self.scheduler is None:
            return optimizer
        steps = int(self.trainer.estimated_stepping_batches)
        return {"optimizer": optimizer, "lr_scheduler": self.scheduler(optimizer, steps)}


class Counting(Callback):
    """A user's own callback, whose state decides what is logged."""

    def __init__(self) -> None:
        self.batches = 0

    def on_train_batch_end(
        self, trainer: Any, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        self.batches += 1

    def on_train_epoch_end(self, trainer: Any, pl_module: LightningModule) -> None:
        pl_module.log("train/batches", float(self.batches))

    def on_test_epoch_end(self, trainer: Any, pl_module: LightningModule) -> None:
        pl_module.log("test/batches", float(self.batches))

    def state_dict(self) -> dict[str, Any]:
        return {"batches": self.batches}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self.batches = state_dict["batches"]


class Seldom(Own):
    """Logs one of its metrics in every other epoch."""

    def on_train_epoch_end(self) -> None:
        if self.current_epoch % 2 == 0:
            self.log("train/seldom", noise())


class TwoOptimizers(Own):
    """Optimizes by hand, with two optimizers."""

    def __init__(self) -> None:
        super().__init__()
        self.automatic_optimization = False

    def training_step(self, batch: Any, batch_idx: int) -> None:  # type: ignore[override]
        for optimizer in self.optimizers():  # type: ignore[union-attr]
            loss = self._loss(batch, "train")
            optimizer.zero_grad()
            self.manual_backward(loss)
            optimizer.step()
            self.log("train/loss", loss, on_step=True, on_epoch=True)

    def configure_optimizers(self) -> Any:
        parts = (self.net[0], self.net[3])
        return [torch.optim.SGD(part.parameters(), lr=0.1, momentum=0.9) for part in parts]
