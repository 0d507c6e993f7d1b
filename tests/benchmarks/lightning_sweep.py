"""The same ten nets in Lightning as its tutorials show it: all defaults, validation every epoch.

python -m tests.benchmarks.lightning_sweep MNIST_FOLDER [seeds]    (writes to the current folder)
"""

import statistics
import sys

import pytorch_lightning as pl
import torch
from torch import Tensor
from torch.utils.data import DataLoader, TensorDataset

from tests.benchmarks.student import BATCH, EPOCHS, Net, draw_pairs, pair_loss


class Model(pl.LightningModule):
    """Logs loss and error of every step, as the tutorials do."""

    def __init__(self) -> None:
        super().__init__()
        self.net = Net()

    def step(self, batch: tuple[Tensor, Tensor, Tensor], stage: str) -> Tensor:
        loss = pair_loss(self.net, *batch)
        self.log(f"{stage}/loss", loss)
        return loss

    def training_step(self, batch: tuple[Tensor, Tensor, Tensor], batch_idx: int) -> Tensor:
        return self.step(batch, "train")

    def validation_step(self, batch: tuple[Tensor, Tensor, Tensor], batch_idx: int) -> None:
        self.step(batch, "val")

    def test_step(self, batch: tuple[Tensor, Tensor, Tensor], batch_idx: int) -> None:
        images, target, _ = batch
        self.log("test/error", (self.net(images)[0].argmax(1) != target).float().mean())

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.Adadelta(self.parameters(), lr=1.0)


def train_and_test(root: str, seed: int) -> float:
    """The test error of one net."""
    pl.seed_everything(seed, verbose=False)
    train, val, test = (TensorDataset(*draw_pairs(root, train)) for train in (True, True, False))
    trainer = pl.Trainer(max_epochs=EPOCHS)
    model = Model()
    trainer.fit(model, DataLoader(train, BATCH, shuffle=True), DataLoader(val, BATCH))
    return trainer.test(model, DataLoader(test, BATCH))[0]["test/error"]


def main() -> None:
    root, seeds = sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 10
    errors = [train_and_test(root, seed) for seed in range(seeds)]
    print(f"test error {100 * statistics.mean(errors):.2f} % ({seeds} nets)")


if __name__ == "__main__":
    main()
