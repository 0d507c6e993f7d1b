"""Experiments that are sound, and have another form than most."""

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor
from torch.optim import SGD
from torch.optim.lr_scheduler import StepLR
from torch.utils.data import DataLoader, IterableDataset, TensorDataset

from tests.checks.experiment import Blobs, Classification


class ManualSteps(Classification):
    """It steps two optimizers and a scheduler by itself."""

    def __init__(self, net: torch.nn.Module) -> None:
        super().__init__(net, None)
        self.automatic_optimization = False

    def configure_optimizers(self) -> Any:
        optimizers = [
            SGD(self.net.get_submodule(name).parameters(), 0.1) for name in ("hidden", "scores")
        ]
        return optimizers, [StepLR(optimizers[0], 100)]

    def training_step(self, batch: Any, batch_idx: int) -> Any:
        loss = self.measure(batch, "train")
        for optimizer in self.optimizers():  # type: ignore[union-attr]
            optimizer.zero_grad()
        self.manual_backward(loss)
        for optimizer in self.optimizers():  # type: ignore[union-attr]
            optimizer.step()
        self.lr_schedulers().step()  # type: ignore[union-attr]


class Named(Classification):
    """Its batches are dictionaries."""

    def measure(self, batch: Any, stage: str) -> Tensor:
        return super().measure((batch["image"], batch["label"]), stage)

    def shuffle_targets(self, batch: Any) -> Any:
        labels = batch["label"]
        return batch | {"label": labels[torch.randperm(len(labels))]}


class NamedExamples(TensorDataset):
    """Examples as dictionaries."""

    def __getitem__(self, index: int) -> Any:
        image, label = super().__getitem__(index)
        return {"image": image, "label": label, "name": f"example {index}"}


class NamedBlobs(Blobs):
    """Serves dictionaries."""

    def examples(self, images: Tensor, labels: Tensor) -> Any:
        return NamedExamples(images, labels)


class Stream(IterableDataset[Any]):
    """Examples one after the other, of unknown number."""

    def __init__(self, images: Tensor, labels: Tensor) -> None:
        self.images = images
        self.labels = labels

    def __iter__(self) -> Iterator[Any]:
        for index in torch.randperm(len(self.images)).tolist():
            yield self.images[index], self.labels[index]


class Streamed(Blobs):
    """Serves streams."""

    def examples(self, images: Tensor, labels: Tensor) -> Any:
        return Stream(images, labels)

    def train_dataloader(self) -> Any:
        return DataLoader(self.parts["train"], self.batch_size)


class TwoLoaders(Classification):
    """It trains on batches of two loaders at once."""

    def training_step(self, batch: Any, batch_idx: int) -> Any:
        return super().training_step(batch["first"], batch_idx) + self.measure(
            batch["second"], "other"
        )

    def validation_step(self, batch: Any, batch_idx: int, dataloader_idx: int = 0) -> None:
        self.measure(batch, "val")


class TwoBlobs(Blobs):
    """Serves two training loaders."""

    def train_dataloader(self) -> Any:
        return {name: self.loader("train", shuffle=self.shuffle) for name in ("first", "second")}
