"""The base class of data modules for image classification; its subclasses read the images."""

from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from project.data.digests import digest_of
from project.data.mnist_files import DataError
from project.data.splits import DrawnData, Split

# The share of the images used for validation or test if neither data nor configuration say.
DRAWN_SHARE = 0.15


class Pool(NamedTuple):
    """Images, uint8 (N, C, H, W), and their classes, int64 (N,)."""

    images: Tensor
    classes: Tensor


class Images(Split):
    """N images in memory, normalised when they are served; `levels` is the value of white."""

    def __init__(self, pool: Pool, levels: int) -> None:
        self.images, self.classes = pool
        self.levels = levels
        self.mean, self.std = torch.zeros(()), torch.ones(())

    def __getitem__(self, index: Tensor) -> tuple[Tensor, Tensor]:
        """Return a batch: images as float32, scaled to [0, 1] and normalised, and their classes."""
        pixels = self.images[index].float() / self.levels
        return (pixels - self.mean) / self.std, self.classes[index]

    def mean_and_std(self) -> tuple[Tensor, Tensor]:
        """Return the mean and std of each channel in [0, 1], (C, 1, 1)."""
        std, mean = torch.std_mean(self.images.float() / self.levels, (0, 2, 3), keepdim=True)
        return mean[0], std[0].clamp_min(1e-6)

    def normalise(self, mean: Tensor, std: Tensor) -> None:
        """Normalise by this mean and std, (C, 1, 1) or scalars, from now on."""
        self.mean, self.std = mean, std


@dataclass(eq=False, repr=False, kw_only=True)
class ImageSet(DrawnData[Images]):
    """Base class of data modules with training, validation and test images.

    A data set's own test and validation images are used. Otherwise test images are drawn from all
    images (stream `images/test`), and validation (`images/val`) and training images
    (`images/train`) from the rest. Without normalisation pixels are in [0, 1].
    """

    train_images: int | None  # None for all that remain
    # None for all of the data set's own or, if it has none, for 15 % of what they are drawn from.
    val_images: int | None  # may be 0
    test_images: int | None

    levels = 255  # a white pixel in the data set's bytes

    def __post_init__(self) -> None:
        super().__post_init__()
        limits = {"train_images": 1, "val_images": 0, "test_images": 1, "batch_size": 1}
        for name, least in limits.items():
            value = getattr(self, name)
            if value is not None and value < least:
                raise ValueError(f"{name} must be at least {least}, got {value}")

    def load(self) -> dict[str, Pool]:
        """Return the data set's images by split: `train`, and `test` and `val` if it has them."""
        raise NotImplementedError

    def draw(self) -> tuple[Images, Images, Images]:
        """Read and split the images; raise DataError as `setup`."""
        pools = self.load()
        test, left = self._draw("test", self.test_images, pools)
        val, left = self._draw("val", self.val_images, pools | {"train": left})
        train, _ = self._draw("train", self.train_images, pools | {"train": left})
        return Images(train, self.levels), Images(val, self.levels), Images(test, self.levels)

    def _draw(self, split: str, count: int | None, pools: dict[str, Pool]) -> tuple[Pool, Pool]:
        """Return the images of a split, and the training images that remain."""
        own = split in pools
        pool = pools[split] if own else pools["train"]
        available = len(pool.classes)
        if count is None:
            count = available if own else round(DRAWN_SHARE * available)
        if count > available or (split != "val" and count < 1):
            raise DataError(
                f"data.{split}_images={count}, but there are {available} images to draw them from"
            )
        order = torch.arange(available)
        if count < available or not own:
            order = self.permutation(f"images/{split}", available)
        chosen, others = order[:count].sort().values, order[count:].sort().values
        drawn = Pool(pool.images[chosen], pool.classes[chosen])
        if own and split != "train":
            return drawn, pools["train"]
        return drawn, Pool(pool.images[others], pool.classes[others])

    def example_digest(self, stage: str) -> str | None:
        """Return the SHA-256 of a stage's images and classes in any order; None if it has none."""
        images: Images = getattr(self, stage)
        return digest_of((images.images, images.classes))
