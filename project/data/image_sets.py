"""The base class of data modules for image classification; images are held in memory.

`ImageSet` splits (by named random streams), normalises and batches the images; its subclasses in
`project.data.image_modules` read them.
"""

from typing import NamedTuple

import torch
from pytorch_lightning import LightningDataModule
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from project.data.digests import ExampleDigest
from project.data.mnist_files import DataError
from project.data.pairs import BatchIndexSampler
from project.seeding import generator

# The batch size of validation and test.
EVALUATION_BATCH = 500
# The share of the images used for validation or test if neither data nor configuration say.
DRAWN_SHARE = 0.15

# images (N, C, H, W) and classes (N,)
Batch = tuple[Tensor, Tensor]


class Pool(NamedTuple):
    """Images, uint8 (N, C, H, W), and their classes, int64 (N,)."""

    images: Tensor
    classes: Tensor


class Images(Dataset[Batch]):
    """Dataset of N images in memory; an index tensor returns a whole batch.

    Args:
        pool: The images.
        levels: The value of a white pixel.

    Attributes:
        mean, std: Used to normalise the images; 0 and 1 at first.
    """

    def __init__(self, pool: Pool, levels: int) -> None:
        self.images, self.classes = pool
        self.levels = levels
        self.mean, self.std = torch.zeros(()), torch.ones(())

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, index: Tensor) -> Batch:
        """Return a batch: images as float32, scaled to [0, 1] and normalised, and their classes."""
        pixels = self.images[index].float() / self.levels
        return (pixels - self.mean) / self.std, self.classes[index]


class ImageSet(LightningDataModule):
    """Base class of data modules with training, validation and test images.

    Validation images are always held out of the training images, unless the data set has its own.
    If the data set has its own test images, these are used. Otherwise test images are drawn from
    all images (stream `images/test`), and validation (`images/val`) and training images
    (`images/train`) from the rest.

    Args:
        seed: The seed of the streams that draw the splits.
        order_seed: The seed of the streams that order the training images.
        train_images: The number of training images; None for all that remain.
        val_images: The number of validation images; 0 for none. None for all of the data set's own,
            or, if it has none, for 15 % of the images not used for testing.
        test_images: The number of test images. None for all of the data set's own, or, if it has
            none, for 15 % of the images.
        batch_size: The batch size of training.
        shuffle: Whether each epoch has a new order.
        normalise: Whether to normalise each channel by the mean and std of the training images; if
            False, pixels are in [0, 1].

    Attributes:
        levels: The value of a white pixel in the data set's bytes.
        train, val, test: The images; available after `setup`.
        mean, std: (C, 1, 1) or (), used to normalise pixels in [0, 1].

    Raises:
        ValueError: A number is too small.
    """

    levels = 255

    def __init__(
        self,
        seed: int,
        order_seed: int,
        train_images: int | None,
        val_images: int | None,
        test_images: int | None,
        batch_size: int,
        shuffle: bool,
        normalise: bool,
    ) -> None:
        super().__init__()
        for name, value, least in (
            ("train_images", train_images, 1),
            ("val_images", val_images, 0),
            ("test_images", test_images, 1),
            ("batch_size", batch_size, 1),
        ):
            if value is not None and value < least:
                raise ValueError(f"{name} must be at least {least}, got {value}")
        self.seed = seed
        self.order_seed = order_seed
        self.train_images = train_images
        self.val_images = val_images
        self.test_images = test_images
        self.batch_size = batch_size
        self.shuffle = shuffle
        self.normalise = normalise
        self.mean, self.std = torch.zeros(()), torch.ones(())
        self.train: Images
        self.val: Images
        self.test: Images
        self._is_set_up = False
        self._statistics: tuple[Tensor, Tensor] | None = None

    def load(self) -> dict[str, Pool]:
        """Return the data set's images by split: `train`, and `test` and `val` if it has them."""
        raise NotImplementedError

    def normalise_like(self, trained: "ImageSet") -> None:
        """Normalise by the mean and std of another data module, whatever `normalise` says.

        Call this before `setup`; `trained` must be set up.
        """
        self._statistics = (trained.mean, trained.std)

    def setup(self, stage: str | None = None) -> None:
        """Read and split the images at the first call; later calls do nothing.

        Args:
            stage: Ignored: all stages are set up.

        Raises:
            DataError: There are too few images, or they cannot be read.
        """
        if self._is_set_up:
            return
        pools = self.load()
        test, left = self._draw("test", self.test_images, pools)
        pools = pools | {"train": left}
        val, left = self._draw("val", self.val_images, pools)
        train, _ = self._draw("train", self.train_images, pools | {"train": left})
        self.train, self.val, self.test = (Images(pool, self.levels) for pool in (train, val, test))
        self._normalise()
        self._is_set_up = True

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
            order = torch.randperm(available, generator=generator(self.seed, f"images/{split}"))
        chosen, others = order[:count].sort().values, order[count:].sort().values
        drawn = Pool(pool.images[chosen], pool.classes[chosen])
        if own and split != "train":
            return drawn, pools["train"]
        return drawn, Pool(pool.images[others], pool.classes[others])

    def _normalise(self) -> None:
        if self._statistics is not None:
            self.mean, self.std = self._statistics
        elif self.normalise:
            pixels = self.train.images.float() / self.levels
            self.std, self.mean = torch.std_mean(pixels, (0, 2, 3), keepdim=True)
            self.mean, self.std = self.mean[0], self.std[0].clamp_min(1e-6)
        for images in (self.train, self.val, self.test):
            images.mean, images.std = self.mean, self.std

    def example_digest(self, stage: str) -> str | None:
        """Return the SHA-256 of a stage's images and classes in any order; None if it has none."""
        images: Images = getattr(self, stage)
        digest = ExampleDigest()
        digest.add_batch((images.images, images.classes))
        return digest.hexdigest()

    def train_dataloader(self) -> DataLoader[Batch]:
        """Return a loader of the training images; with `shuffle`, in a new order in each epoch."""
        count = len(self.train)
        sampler = BatchIndexSampler(count, self.batch_size, self.order_seed, self.shuffle)
        return _loader(self.train, sampler)

    def val_dataloader(self) -> DataLoader[Batch] | list[DataLoader[Batch]]:
        """Return a loader of the validation images in order; an empty list if there are none."""
        return self._in_order(self.val) if len(self.val) else []

    def test_dataloader(self) -> DataLoader[Batch]:
        """Return a loader of the test images in order."""
        return self._in_order(self.test)

    def _in_order(self, images: Images) -> DataLoader[Batch]:
        sampler = BatchIndexSampler(len(images), EVALUATION_BATCH, 0, shuffle=False)
        return _loader(images, sampler)


def _loader(images: Images, sampler: BatchIndexSampler) -> DataLoader[Batch]:
    # One indexing per batch, and a generator of its own: see `_loader` in project.data.pairs.
    return DataLoader(images, batch_size=None, sampler=sampler, generator=torch.Generator())
