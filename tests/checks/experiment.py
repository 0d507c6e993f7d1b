"""An experiment as a user would write it, which keeps every promise."""

from typing import Any

import torch
from pytorch_lightning import LightningDataModule, LightningModule
from torch import Tensor, nn
from torch.nn.functional import cross_entropy
from torch.utils.data import DataLoader, TensorDataset

CLASSES, SIDE = 3, 8


class Blobs(LightningDataModule):
    """Noisy copies of three patterns (8, 8), new ones for every seed."""

    def __init__(
        self, seed: int, batch_size: int = 20, workers: int = 0, shuffle: bool = True
    ) -> None:
        super().__init__()
        self.seed = seed
        self.batch_size = batch_size
        self.workers = workers
        self.shuffle = shuffle

    def setup(self, stage: str) -> None:
        generator = torch.Generator().manual_seed(self.seed)
        patterns = torch.randn(CLASSES, 1, SIDE, SIDE, generator=torch.Generator().manual_seed(1))
        self.parts = {}
        for part, count in (("train", 90), ("val", 60), ("test", 60)):
            labels = torch.arange(count) % CLASSES
            noise = torch.randn(count, 1, SIDE, SIDE, generator=generator)
            self.parts[part] = self.examples(patterns[labels] + noise, labels)

    def examples(self, images: Tensor, labels: Tensor) -> Any:
        """Return the data set of a part."""
        return TensorDataset(images, labels)

    def loader(self, part: str, **options: Any) -> DataLoader[Any]:
        """Return the loader of a part."""
        return DataLoader(self.parts[part], self.batch_size, num_workers=self.workers, **options)

    def train_dataloader(self) -> Any:
        return self.loader("train", shuffle=self.shuffle)

    def val_dataloader(self) -> Any:
        return self.loader("val")

    def test_dataloader(self) -> Any:
        return self.loader("test")


class Net(nn.Module):
    """Images (N, 1, 8, 8) to scores (N, 3)."""

    def __init__(self, hidden: int = 16) -> None:
        super().__init__()
        self.hidden = nn.Linear(SIDE * SIDE, hidden)
        self.dropout = nn.Dropout(0.1)
        self.scores = nn.Linear(hidden, CLASSES)

    def forward(self, images: Tensor) -> Tensor:
        return self.scores(self.dropout(self.hidden(images.flatten(1)).relu()))


class Classification(LightningModule):
    """Cross-entropy, judged by accuracy."""

    def __init__(self, net: nn.Module, optimizer: Any, scheduler: Any = None) -> None:
        super().__init__()
        self.net = net
        self.optimizer = optimizer
        self.scheduler = scheduler

    def forward(self, images: Tensor) -> Tensor:
        return self.net(images)

    def measure(self, batch: Any, stage: str) -> Tensor:
        """Log loss and accuracy of a batch; return its loss."""
        images, labels = batch
        scores = self(images)
        loss = self.loss(scores, labels)
        accuracy = (scores.argmax(1) == labels).float().mean()
        self.log_dict(
            {f"{stage}/loss": loss, f"{stage}/accuracy": accuracy}, on_epoch=True, on_step=False
        )
        return loss

    def loss(self, scores: Tensor, labels: Tensor) -> Tensor:
        """Return the loss of scores (N, 3)."""
        return cross_entropy(scores, labels)

    def training_step(self, batch: Any, batch_idx: int) -> Any:
        return self.measure(batch, "train")

    def validation_step(self, batch: Any, batch_idx: int) -> None:
        self.measure(batch, "val")

    def test_step(self, batch: Any, batch_idx: int) -> None:
        self.measure(batch, "test")

    def shuffle_targets(self, batch: Any) -> Any:
        """Return the batch with other labels."""
        images, labels = batch
        return images, labels[torch.randperm(len(labels))]

    def configure_optimizers(self) -> Any:
        optimizer = self.optimizer(self.parameters())
        if self.scheduler is None:
            return optimizer
        steps = int(self.trainer.estimated_stepping_batches)
        return {"optimizer": optimizer, "lr_scheduler": self.scheduler(optimizer, steps)}
