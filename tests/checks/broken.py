"""The same experiment, broken in the ways that the checks are there to find."""

import math
import random
import time
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, dropout
from torch.optim import SGD
from torch.optim.lr_scheduler import LambdaLR
from torch.utils.data import Dataset, Subset, TensorDataset

from tests.checks.experiment import CLASSES, Blobs, Classification, Net

# Drawn from by data and net: what one draws changes what the other gets.
SHARED = torch.Generator().manual_seed(0)


# Tasks.


class NoLoss(Classification):
    """Its training step forgets to return the loss."""

    def training_step(self, batch: Any, batch_idx: int) -> Any:
        self.measure(batch, "train")


class RaisingStep(Classification):
    """Its training step raises an error."""

    def training_step(self, batch: Any, batch_idx: int) -> Any:
        raise RuntimeError("shapes do not fit")


class InfiniteLoss(Classification):
    """Its loss is not finite."""

    def loss(self, scores: Tensor, labels: Tensor) -> Tensor:
        return cross_entropy(scores, labels) - torch.log(torch.zeros(()))


class Detached(Classification):
    """Its loss depends on no weight but one that nothing else uses."""

    def __init__(self, net: nn.Module, optimizer: Any) -> None:
        super().__init__(net, optimizer)
        self.offset = nn.Parameter(torch.zeros(()))

    def loss(self, scores: Tensor, labels: Tensor) -> Tensor:
        return cross_entropy(scores.detach() + self.offset, labels)


class HalfTrained(Classification):
    """Its optimizer has a part of the weights."""

    def configure_optimizers(self) -> Any:
        return SGD(self.net.get_submodule("scores").parameters(), 0.1)


class NothingTrained(Classification):
    """Its learning rate is 0."""

    def configure_optimizers(self) -> Any:
        return SGD(self.parameters(), 0.0)


class SteppedTwice(Classification):
    """It steps the scheduler that Lightning steps too."""

    def configure_optimizers(self) -> Any:
        optimizer = SGD(self.parameters(), 0.1)
        scheduler = LambdaLR(optimizer, lambda step: 0.999**step)
        return {
            "optimizer": optimizer,
            "lr_scheduler": {"scheduler": scheduler, "interval": "step"},
        }

    def on_train_batch_end(self, outputs: Any, batch: Any, batch_idx: int) -> None:
        self.lr_schedulers().step()  # type: ignore[union-attr]


class Resigned(Classification):
    """It logs the number of wrong answers as `score`, which its configuration has as max."""

    def measure(self, batch: Any, stage: str) -> Tensor:
        images, labels = batch
        scores = self(images)
        self.log(f"{stage}/score", (scores.argmax(1) != labels).float().sum(), on_epoch=True)
        return cross_entropy(scores, labels)


class InPercent(Classification):
    """It logs accuracy in percent."""

    def measure(self, batch: Any, stage: str) -> Tensor:
        scores = self(batch[0])
        self.log(f"{stage}/accuracy", 100 * (scores.argmax(1) == batch[1]).float().mean())
        return cross_entropy(scores, batch[1])


class NoTestMetric(Classification):
    """It logs something else in the test."""

    def test_step(self, batch: Any, batch_idx: int) -> None:
        self.log("test/hits", 1.0)


class Undefined(Classification):
    """Its metric is NaN."""

    def measure(self, batch: Any, stage: str) -> Tensor:
        self.log(f"{stage}/accuracy", torch.tensor(math.nan))
        return cross_entropy(self(batch[0]), batch[1])


class Forgetful(Classification):
    """The weight of its loss grows with every batch, and no checkpoint holds it."""

    weight = 1.0

    def training_step(self, batch: Any, batch_idx: int) -> Any:
        self.weight *= 1.05
        return self.weight * super().training_step(batch, batch_idx)


class UpdatedInTests(Classification):
    """It updates statistics whatever it does."""

    def __init__(self, net: nn.Module, optimizer: Any) -> None:
        super().__init__(net, optimizer)
        self.register_buffer("mean", torch.zeros(()))

    def forward(self, images: Tensor) -> Tensor:
        self.mean = 0.9 * self.mean + 0.1 * images.mean()
        return super().forward(images)


class Told(Classification):
    """Its validation step shows the net the labels."""

    def validation_step(self, batch: Any, batch_idx: int) -> None:
        images, labels = batch
        scores = self(images) + 10 * nn.functional.one_hot(labels, CLASSES)
        self.log("val/accuracy", (scores.argmax(1) == labels).float().mean())


class Taught(Classification):
    """Its batches hold the labels twice; only one of both is shuffled."""

    def loss(self, scores: Tensor, labels: Tensor) -> Tensor:
        return super().loss(scores, self.truth)

    def training_step(self, batch: Any, batch_idx: int) -> Any:
        images, labels, self.truth = batch
        return super().training_step((images, labels), batch_idx)

    def validation_step(self, batch: Any, batch_idx: int) -> None:
        images, labels, self.truth = batch
        self.measure((images, labels), "val")

    def test_step(self, batch: Any, batch_idx: int) -> None:
        images, labels, self.truth = batch
        self.measure((images, labels), "test")

    def shuffle_targets(self, batch: Any) -> Any:
        images, labels, truth = batch
        return images, labels[torch.randperm(len(labels))], truth


class LabelsTwice(Blobs):
    """Its examples hold their label twice."""

    def examples(self, images: Tensor, labels: Tensor) -> Any:
        return TensorDataset(images, labels, labels)


class WrongLabels(Classification):
    """In training it pairs inputs with labels of other examples, anew in every step."""

    def training_step(self, batch: Any, batch_idx: int) -> Any:
        return super().training_step(self.shuffle_targets(batch), batch_idx)


class Formless(Classification):
    """It has no forward that could be called, and an evaluation that looks at the batch."""

    def forward(self, images: Tensor, labels: Tensor, stage: str) -> Tensor:  # type: ignore[override]
        scores = self.net(images)
        scores = scores - scores.mean(0) if stage == "test" else scores
        loss = self.loss(scores, labels)
        self.log_dict({f"{stage}/loss": loss, f"{stage}/accuracy": -loss}, on_epoch=True)
        return loss

    def measure(self, batch: Any, stage: str) -> Tensor:
        return self(*batch, stage)


# Nets.


class FixedNet(Net):
    """It draws its weights from a seed of its own."""

    def __init__(self) -> None:
        torch.manual_seed(0)
        super().__init__()
        self.dropout = nn.Dropout(0.0)


class SharingNet(Net):
    """It draws from the generator from which the data are drawn."""

    def __init__(self) -> None:
        super().__init__()
        nn.init.normal_(self.scores.weight, generator=SHARED)


class ClockNet(Net):
    """It draws its weights from the system's entropy."""

    def __init__(self) -> None:
        super().__init__()
        start = np.random.default_rng().normal(size=(CLASSES, 16))
        self.scores.weight.data = torch.tensor(start, dtype=torch.float32)


class HashNet(Net):
    """Its weights depend on the order of a set of strings."""

    def __init__(self) -> None:
        super().__init__()
        names = {f"feature {number}" for number in range(16)}
        order = [int(name.split()[1]) for name in names]
        self.scores.weight.data = self.scores.weight.data[:, order]


class UnusedLayer(Net):
    """One of its layers is never called."""

    def __init__(self) -> None:
        super().__init__()
        self.spare = nn.Linear(4, 4)


class AlwaysDropout(Net):
    """Its dropout is never off."""

    def forward(self, images: Tensor) -> Tensor:
        return self.scores(dropout(self.hidden(images.flatten(1)).relu(), 0.5))


class LooksAtBatch(Net):
    """Its answer depends on the other examples of a batch."""

    def forward(self, images: Tensor) -> Tensor:
        scores = super().forward(images)
        return scores - scores.mean(0)


class Sorting(Net):
    """Its answers come in another order than the examples."""

    def forward(self, images: Tensor) -> Tensor:
        scores = super().forward(images)
        return scores + scores[0]


class Squeezing(Net):
    """It fails on a single example."""

    def forward(self, images: Tensor) -> Tensor:
        features = self.hidden(images.squeeze().flatten(-2)).relu()
        if features.dim() == 1:
            raise IndexError("too many indices for a tensor of dimension 1")
        return self.scores(features)


class Sure(Net):
    """It is sure of its answers before it has learnt any."""

    def forward(self, images: Tensor) -> Tensor:
        return 100 * super().forward(images)


class Dead(Net):
    """No unit of its hidden layer is ever above 0."""

    def __init__(self) -> None:
        super().__init__()
        self.hidden.bias.data.fill_(-1e4)


class Vanishing(Net):
    """Its first layer hardly gets a gradient."""

    def forward(self, images: Tensor) -> Tensor:
        return self.scores(1e-9 * self.hidden(images.flatten(1)))


# Data.


class Constant(Blobs):
    """The same examples for every seed."""

    def __init__(self) -> None:
        super().__init__(0, shuffle=False)


class SharingData(Blobs):
    """Its noise comes from the generator from which the net draws."""

    def examples(self, images: Tensor, labels: Tensor) -> Any:
        return TensorDataset(images + torch.randn(images.shape, generator=SHARED), labels)


class Noisy(Dataset[Any]):
    """Examples with noise of numpy's global generator."""

    def __init__(self, images: Tensor, labels: Tensor) -> None:
        self.images = images
        self.labels = labels

    def __len__(self) -> int:
        return len(self.images)

    def draw(self) -> float:
        """Return a number that is added to an image."""
        return float(np.random.normal())

    def __getitem__(self, index: int) -> Any:
        return self.images[index] + self.draw(), int(self.labels[index])


class NoisyBlobs(Blobs):
    """Noise in every epoch, as it should be."""

    def examples(self, images: Tensor, labels: Tensor) -> Any:
        return Noisy(images, labels)


class SplitBlobs(NoisyBlobs):
    """Noisy examples of a data set that was split, as `random_split` does it."""

    def examples(self, images: Tensor, labels: Tensor) -> Any:
        return Subset(super().examples(images, labels), range(len(labels)))


def same_seed(worker: int) -> None:
    """Give every worker the same noise."""
    np.random.seed(0)
    random.seed(0)


class SameWorkers(NoisyBlobs):
    """All workers draw the same noise."""

    def loader(self, part: str, **options: Any) -> Any:
        return super().loader(part, worker_init_fn=same_seed, **options)


class OwnGenerator(Noisy):
    """Noise of a generator that every worker gets a copy of."""

    def __init__(self, images: Tensor, labels: Tensor) -> None:
        super().__init__(images, labels)
        self.generator = np.random.default_rng(0)

    def draw(self) -> float:
        return float(self.generator.normal())


class CopiedGenerator(Blobs):
    """All workers have the same generator, and begin each epoch with it."""

    def examples(self, images: Tensor, labels: Tensor) -> Any:
        return OwnGenerator(images, labels)


class Leaking(Blobs):
    """Two test examples are training examples, one but for its brightness."""

    def setup(self, stage: str) -> None:
        super().setup(stage)
        images, labels = self.parts["train"].tensors
        others, other_labels = self.parts["test"].tensors
        copies = torch.cat([images[4:5], 2 * images[7:8] + 3])
        self.parts["test"] = TensorDataset(
            torch.cat([copies, others]), torch.cat([labels[[4, 7]], other_labels])
        )
        self.shuffle = False


class NoThirdClass(Blobs):
    """Its test has no example of the last class."""

    def setup(self, stage: str) -> None:
        super().setup(stage)
        images, labels = self.parts["test"].tensors
        kept = labels != CLASSES - 1
        self.parts["test"] = TensorDataset(images[kept], labels[kept])


class WithHoles(Blobs):
    """Some of its numbers are missing."""

    def examples(self, images: Tensor, labels: Tensor) -> Any:
        images[:, 0, 0, 0] = math.nan
        return TensorDataset(images, labels)


class Unscaled(Blobs):
    """Its inputs are far from 0."""

    def examples(self, images: Tensor, labels: Tensor) -> Any:
        return TensorDataset(1000 + images, labels)


class Slow(Blobs):
    """An example takes its time."""

    def examples(self, images: Tensor, labels: Tensor) -> Any:
        return SlowExamples(images, labels)


class SlowExamples(Noisy):
    """Examples that are waited for."""

    def __getitem__(self, index: int) -> Any:
        time.sleep(0.002)
        return self.images[index], int(self.labels[index])
