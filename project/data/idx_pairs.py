"""Pairs of images from any IDX files: FashionMNIST, KMNIST, or the user's own."""

from dataclasses import dataclass
from pathlib import Path

from project.data.idx_files import read
from project.data.idx_folder import folder_of
from project.data.mnist import Digits, as_digits
from project.data.pairs import DigitPairsData


@dataclass(eq=False, repr=False, kw_only=True)
class IdxPairs(DigitPairsData):
    """Data module with pairs of images of ten classes, from four IDX files.

    `root` is their folder, or the data folder for torchvision's data set FashionMNIST or KMNIST.
    """

    root: str | Path
    dataset: str | None = None

    def load_digits(self) -> tuple[str, Digits, Digits]:
        """Return the folder's path as a name, and the training and test images."""
        folder = folder_of(self.root, self.dataset)
        splits = read(folder)
        return str(folder), as_digits(*splits["train"]), as_digits(*splits["test"])
