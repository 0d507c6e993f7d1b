"""Images to be classified, as a LightningDataModule: whole in memory, split by named streams.

`ImageSet` splits, scales and serves; its subclasses (`project.data.image_modules`) read.
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

# Images in a batch of validation or test.
EVALUATION_BATCH = 500
# Of the images, for validation or test where neither data nor configuration say how many.
DRAWN_SHARE = 0.15

# images (N, C, H, W) and classes (N,)
Batch = tuple[Tensor, Tensor]


class Pool(NamedTuple):
    """Images, bytes (N, C, H, W), and their classes, int64 (N,)."""

    images: Tensor
    classes: Tensor


class Images(Dataset[Batch]):
    """N images in memory; an index tensor takes out a whole batch at once.

    Args:
        pool: The images.
        levels: What a white pixel is.
    """

    def __init__(self, pool: Pool, levels: int) -> None:
        self.images, self.classes = pool
        self.levels = levels
        self.mean, self.std = torch.zeros(()), torch.ones(())

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, index: Tensor) -> Batch:
        """Return images as float32, scaled to [0, 1] and normalised, and their classes."""
        pixels = self.images[index].float() / self.levels
        return (pixels - self.mean) / self.std, self.classes[index]


class ImageSet(LightningDataModule):
    """Training, validation and test images of one seed, in the order of `order_seed`.

    Validation images are always held out of the training images. Where a data set says which images
    are for the test, those are; where it does not, they are drawn (stream `images/test`), and what
    is drawn for the validation (`images/val`) and for training (`images/train`) is not among them.

    Args:
        seed: Of the streams that draw the splits.
        order_seed: Of the order in each epoch.
        train_images: How many are trained on; None for all that are left.
        val_images: How many are for validation; 0 for none. None for all where the data set says
            which they are, else for 15 % of the training images.
        test_images: How many are for the test; None as for validation.
        batch_size: Of training batches.
        shuffle: Whether each epoch has an order of its own.
        normalise: Whether each channel is shifted and scaled by the mean and std of the training
            images' pixels; else pixels are in [0, 1].

    Attributes:
        levels: What a white pixel is in the data set's bytes.
        train, val, test: The images, once `setup` has split them.
        mean, std: (C, 1, 1), by which pixels in [0, 1] are shifted and scaled.
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
        """Return what there is under `train`, and under `test` and `val` where they exist."""
        raise NotImplementedError

    def normalise_like(self, trained: "ImageSet") -> None:
        """Shift and scale pixels as other data do, whatever `normalise` says; before `setup`."""
        self._statistics = (trained.mean, trained.std)

    def setup(self, stage: str | None = None) -> None:
        """Read and split the images, once. Raises DataError if there are too few."""
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
        """Return a split's images, and what is left of those to train on."""
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
        """Return the SHA-256 of a stage's images and classes, whatever their order."""
        images: Images = getattr(self, stage)
        digest = ExampleDigest()
        digest.add_batch((images.images, images.classes))
        return digest.hexdigest()

    def train_dataloader(self) -> DataLoader[Batch]:
        """Return the batches of the training examples, in a new order each epoch."""
        count = len(self.train)
        sampler = BatchIndexSampler(count, self.batch_size, self.order_seed, self.shuffle)
        return _loader(self.train, sampler)

    def val_dataloader(self) -> DataLoader[Batch] | list[DataLoader[Batch]]:
        """Return the batches of the validation examples; an empty list where there are none."""
        return self._in_order(self.val) if len(self.val) else []

    def test_dataloader(self) -> DataLoader[Batch]:
        """Return the batches of the test examples."""
        return self._in_order(self.test)

    def _in_order(self, images: Images) -> DataLoader[Batch]:
        sampler = BatchIndexSampler(len(images), EVALUATION_BATCH, 0, shuffle=False)
        return _loader(images, sampler)


def _loader(images: Images, sampler: BatchIndexSampler) -> DataLoader[Batch]:
    # As for pairs: one indexing per batch, and a generator of its own.
    return DataLoader(images, batch_size=None, sampler=sampler, generator=torch.Generator())
