"""An experiment of one's own: benign or malignant, from thirty measurements of a tumour's cells.

Nothing here knows of the platform: a LightningModule, a LightningDataModule and a Callback as
Lightning's documentation has them. The files of `conf/` name them.
"""

from pathlib import Path
from typing import Any

import pandas
import sklearn.datasets
import torch
from pytorch_lightning import Callback, LightningDataModule, LightningModule, Trainer
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits
from torch.utils.data import DataLoader, TensorDataset, random_split
from torchmetrics.classification import BinaryAUROC

Batch = tuple[Tensor, Tensor]  # measurements (N, 30) and whether the tumour is benign (N,)


class BreastCancer(LightningDataModule):
    """The 569 tumours that scikit-learn ships, split anew for every seed.

    Args:
        batch_size: Of training batches.
        val_examples: How many are held out for validation.
        test_examples: How many are held out for the test.
        num_workers: Processes that load the training batches.
    """

    def __init__(
        self,
        batch_size: int = 32,
        val_examples: int = 110,
        test_examples: int = 110,
        num_workers: int = 2,
    ) -> None:
        super().__init__()
        self.batch_size = batch_size
        self.val_examples = val_examples
        self.test_examples = test_examples
        self.num_workers = num_workers
        # Optional: a change of these files is noticed.
        folder = Path(sklearn.datasets.__file__).parent
        self.files = [folder / "data" / "breast_cancer.csv"]

    def setup(self, stage: str | None = None) -> None:
        table = pandas.read_csv(self.files[0], skiprows=1, header=None)
        measurements = torch.tensor(table.iloc[:, :-1].to_numpy(), dtype=torch.float32)
        benign = torch.tensor(table.iloc[:, -1].to_numpy(), dtype=torch.float32)
        left = len(table) - self.val_examples - self.test_examples
        # Drawn from torch's global generator, which the platform has seeded.
        sizes = [left, self.val_examples, self.test_examples]
        train, val, test = random_split(TensorDataset(measurements, benign), sizes)
        std, mean = torch.std_mean(measurements[train.indices], dim=0)
        self.train, self.val, self.test = (
            TensorDataset((measurements[part.indices] - mean) / std, benign[part.indices])
            for part in (train, val, test)
        )

    def train_dataloader(self) -> DataLoader[Any]:
        return DataLoader(self.train, self.batch_size, shuffle=True, num_workers=self.num_workers)

    def val_dataloader(self) -> DataLoader[Any]:
        return DataLoader(self.val, batch_size=128)

    def test_dataloader(self) -> DataLoader[Any]:
        return DataLoader(self.test, batch_size=128)


class Tumours(LightningModule):
    """A net with its loss, its metric and its optimizer.

    Args:
        hidden: The width of the hidden layer.
        dropout: The probability of dropping a hidden unit.
        lr: The learning rate of Adam.
    """

    def __init__(self, hidden: int = 16, dropout: float = 0.0, lr: float = 3e-3) -> None:
        super().__init__()
        self.save_hyperparameters()
        self.net = nn.Sequential(
            nn.Linear(30, hidden), nn.ReLU(), nn.Dropout(dropout), nn.Linear(hidden, 1)
        )
        self.val_auc = BinaryAUROC()
        self.test_auc = BinaryAUROC()

    def forward(self, measurements: Tensor) -> Tensor:
        return self.net(measurements).squeeze(1)

    def training_step(self, batch: Batch, batch_idx: int) -> Tensor:
        measurements, benign = batch
        loss = binary_cross_entropy_with_logits(self(measurements), benign)
        self.log("train/loss", loss, on_step=False, on_epoch=True)
        return loss

    def validation_step(self, batch: Batch, batch_idx: int) -> None:
        measurements, benign = batch
        scores = self(measurements)
        self.val_auc(scores, benign.int())
        self.log("val/loss", binary_cross_entropy_with_logits(scores, benign))
        self.log("val/auc", self.val_auc)

    def test_step(self, batch: Batch, batch_idx: int) -> None:
        measurements, benign = batch
        self.test_auc(self(measurements), benign.int())
        self.log("test/auc", self.test_auc)

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.Adam(self.parameters(), lr=self.hparams["lr"])


class InputNoise(Callback):
    """Adds noise to the measurements of each training batch.

    Args:
        std: Of the noise.
    """

    def __init__(self, std: float) -> None:
        self.std = std

    def on_train_batch_start(
        self, trainer: Trainer, pl_module: LightningModule, batch: Batch, batch_idx: int
    ) -> None:
        measurements, _ = batch
        measurements += self.std * torch.randn_like(measurements)
