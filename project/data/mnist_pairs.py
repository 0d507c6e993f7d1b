"""Pairs of MNIST digits, the data set of the EPFL report."""

from dataclasses import dataclass
from pathlib import Path

from project.data.mnist import Digits, load_mnist
from project.data.pairs import DigitPairsData


@dataclass(eq=False, repr=False, kw_only=True)
class MnistPairs(DigitPairsData):
    """Data module with pairs of MNIST digits; `root` and `source` are as for `mnist.prepare`."""

    root: str | Path
    source: str

    def load_digits(self) -> tuple[str, Digits, Digits]:
        """Return the data set's name, training digits and test digits."""
        mnist = load_mnist(Path(self.root), self.source)
        return mnist.dataset, mnist.train, mnist.test
