"""Data modules for image classification, one for each data set."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageOps
from torchvision.datasets import CIFAR10

from project.data import cifar10, digits8x8, image_folder, mnist
from project.data.image_sets import ImageSet, Pool
from project.data.mnist_files import DataError


def _pool(images: np.ndarray, classes: np.ndarray) -> Pool:
    return Pool(torch.from_numpy(images), torch.from_numpy(classes))


@dataclass(eq=False, repr=False, kw_only=True)
class MnistImages(ImageSet):
    """Data module with MNIST's digits, (N, 1, 28, 28), and its own test split."""

    root: str | Path
    source: str

    def load(self) -> dict[str, Pool]:
        """Return MNIST's training and test images; raise DataError if they are not available."""
        digits = mnist.load_mnist(Path(self.root), self.source)
        splits = {"train": digits.train, "test": digits.test}
        return {name: Pool(each.images.unsqueeze(1), each.labels) for name, each in splits.items()}


@dataclass(eq=False, repr=False, kw_only=True)
class Digits8x8(ImageSet):
    """Data module with scikit-learn's 1,797 digits of 8x8 pixels; all splits are drawn."""

    root: str | Path

    levels = 16

    def load(self) -> dict[str, Pool]:
        """Return all digits as `train`; raise DataError if the file cannot be read."""
        path = digits8x8.find(Path(self.root))
        try:
            rows = np.loadtxt(path, delimiter=",", dtype=np.uint8)
            images = rows[:, :-1].reshape(-1, 1, 8, 8)
        except (OSError, EOFError, ValueError, IndexError) as error:
            raise DataError(f"{path} cannot be read ({error}); reinstall scikit-learn") from None
        return {"train": _pool(images, rows[:, -1].astype(np.int64))}


@dataclass(eq=False, repr=False, kw_only=True)
class Cifar10(ImageSet):
    """Data module with CIFAR-10, (N, 3, 32, 32), and its own test split."""

    root: str | Path

    def load(self) -> dict[str, Pool]:
        """Return the training and test images; raise DataError if a checksum is wrong."""
        pools = {}
        try:  # a file is a pickle, and could run code
            for name in ("train", "test"):
                split = CIFAR10(self.root, train=name == "train")
                images = np.ascontiguousarray(split.data.transpose(0, 3, 1, 2))
                pools[name] = _pool(images, np.asarray(split.targets, np.int64))
        except RuntimeError:
            raise DataError(
                f"the files in {Path(self.root, cifar10.FOLDER)} do not match torchvision's "
                "checksums of CIFAR-10; move the folder away to download them again"
            ) from None
        return pools


@dataclass(eq=False, repr=False, kw_only=True)
class ImageFolder(ImageSet):
    """Data module with the user's own images, laid out as `project.data.image_folder` says."""

    root: str | Path
    channels: int = 3  # 3 for colour, 1 for grey
    resize: int | None = None  # the side to which each image's central square is scaled, if any

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.resize is not None and self.resize < 1:
            raise ValueError(f"resize must be at least 1, got {self.resize}")

    def load(self) -> dict[str, Pool]:
        """Return the images of each split; raise DataError naming an image that cannot be used."""
        sizes: dict[tuple[int, int], Path] = {}
        pools = {}
        for split, files in image_folder.listed(Path(self.root))[1].items():
            images = []
            for path, _ in files:
                image = image_folder.opened(path, image_folder.MODES[self.channels])
                if self.resize is not None:
                    square = (self.resize, self.resize)
                    image = ImageOps.fit(image, square, Image.Resampling.BILINEAR)
                sizes.setdefault(image.size, path)
                if len(sizes) > 1:
                    shown = ", ".join(f"{path} {w}x{h}" for (w, h), path in sizes.items())
                    raise DataError(
                        f"the images have several sizes ({shown}); data.resize=N makes them all NxN"
                    )
                pixels = np.atleast_3d(np.asarray(image))
                images.append(np.ascontiguousarray(pixels.transpose(2, 0, 1)))
            classes = np.asarray([number for _, number in files], np.int64)
            pools[split] = _pool(np.stack(images), classes)
        return pools
