"""Data modules for image classification, one for each data set.

Their arguments that are not listed are those of `ImageSet`.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from project.data import cifar10, digits8x8, image_folder, mnist
from project.data.image_sets import ImageSet, Pool


def _pool(images: np.ndarray, classes: np.ndarray) -> Pool:
    return Pool(torch.from_numpy(images), torch.from_numpy(classes))


@dataclass(eq=False, repr=False, kw_only=True)
class MnistImages(ImageSet):
    """Data module with MNIST's digits, (N, 1, 28, 28), and its own test split.

    `root` and `source` are as for `mnist.prepare`.
    """

    root: str | Path
    source: str

    def load(self) -> dict[str, Pool]:
        """Return MNIST's training and test images; raise DataError if they are not available."""
        digits = mnist.load_mnist(Path(self.root), self.source)
        return {
            name: Pool(split.images.unsqueeze(1), split.labels)
            for name, split in (("train", digits.train), ("test", digits.test))
        }


@dataclass(eq=False, repr=False, kw_only=True)
class Digits8x8(ImageSet):
    """Data module with scikit-learn's 1,797 digits of 8x8 pixels; all splits are drawn at random.

    `root`, the data folder, may hold a copy of scikit-learn's file.
    """

    root: str | Path

    levels = digits8x8.LEVELS

    def load(self) -> dict[str, Pool]:
        """Return all digits as `train`; raise errors as `project.data.digits8x8.read`."""
        return {"train": _pool(*digits8x8.read(Path(self.root)))}


@dataclass(eq=False, repr=False, kw_only=True)
class Cifar10(ImageSet):
    """Data module with CIFAR-10, (N, 3, 32, 32), and its own test split.

    `root` is the data folder, with torchvision's `cifar-10-batches-py`.
    """

    root: str | Path

    def load(self) -> dict[str, Pool]:
        """Return the training and test images; raise DataError if a checksum is wrong."""
        return {
            name: _pool(*cifar10.read(Path(self.root), train=name == "train"))
            for name in ("train", "test")
        }


@dataclass(eq=False, repr=False, kw_only=True)
class ImageFolder(ImageSet):
    """Data module with the user's own images; the arguments are those of `image_folder.read`.

    Raises:
        ValueError: `resize` is below 1, or as `ImageSet`.
    """

    root: str | Path
    channels: int = 3
    resize: int | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.resize is not None and self.resize < 1:
            raise ValueError(f"resize must be at least 1, got {self.resize}")

    def load(self) -> dict[str, Pool]:
        """Return the images of each split; raise DataError naming an image that cannot be used."""
        splits = image_folder.read(Path(self.root), self.channels, self.resize)
        return {name: _pool(*each) for name, each in splits.items()}
