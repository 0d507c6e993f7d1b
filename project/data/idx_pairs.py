"""Pairs of images from any IDX files: FashionMNIST, KMNIST, or the user's own."""

import warnings
from pathlib import Path
from typing import Literal

import torch

from project.data.idx_folder import folder_of, read
from project.data.mnist import Digits
from project.data.pairs import DigitPairsData


class IdxPairs(DigitPairsData):
    """Data module with pairs of images of ten classes, from four IDX files.

    The arguments not listed are those of `DigitPairsData`.

    Args:
        root: The folder of the files, or the data folder for a data set of torchvision.
        dataset: `FashionMNIST` or `KMNIST`, in `<root>/<dataset>/raw`; None for the user's own
            files.
    """

    def __init__(
        self,
        root: str | Path,
        seed: int,
        order_seed: int,
        train_pairs: int,
        val_pairs: int,
        test_pairs: int,
        batch_size: int,
        shuffle: bool,
        normalise: bool,
        dataset: str | None = None,
        resample_pairs: bool = False,
        image_size: Literal[14, 28] = 14,
    ) -> None:
        super().__init__(
            seed=seed,
            order_seed=order_seed,
            train_pairs=train_pairs,
            val_pairs=val_pairs,
            test_pairs=test_pairs,
            batch_size=batch_size,
            shuffle=shuffle,
            normalise=normalise,
            resample_pairs=resample_pairs,
            image_size=image_size,
        )
        self.folder = folder_of({"root": root, "dataset": dataset})

    def load_digits(self) -> tuple[str, Digits, Digits]:
        """Return the folder's path as a name, and the training and test images.

        Raises:
            DataError: A file is missing or invalid.
        """
        splits = read(self.folder)
        with warnings.catch_warnings():
            # numpy's arrays are read-only; nothing writes to them, because pairs hold copies.
            warnings.filterwarnings("ignore", "The given NumPy array is not writable")
            train, test = (
                Digits(torch.from_numpy(images), torch.from_numpy(labels))
                for images, labels in (splits["train"], splits["test"])
            )
        return str(self.folder), train, test
