"""Dropout: random noise in training against overfitting (Srivastava et al. 2014)."""

from torch import empty

from project.framework.module import Module
from project.framework.state import require
from project.framework.torch_types import Generator, Tensor


class Dropout(Module):
    """Dropout: in training each element is 0 with probability p, else x / (1 - p).

    In evaluation y = x. Because of the division ("inverted" dropout) the expected output equals x,
    so evaluation needs no correction. Any shape. Masks are drawn from `generator`, None for
    torch's default one; `draw_from` changes it.
    """

    def __init__(self, p: float = 0.5, *, generator: Generator | None = None) -> None:
        require(0 <= p <= 1, "p must be a probability, in [0, 1]", p)
        self.p = p
        self.generator = generator

    def draw_from(self, generator: Generator | None) -> None:
        self.generator = generator

    def forward(self, x: Tensor) -> Tensor:
        """Return x * mask, where mask holds 0 and 1 / (1 - p); return x itself in evaluation."""
        self.check_float(x)
        if not self.training or self.p == 0:
            self._mask = None
            return self.remember(x)
        keep = 1 - self.p
        self._mask = self.new_mask(x).bernoulli_(keep, generator=self.generator)
        if keep > 0:
            self._mask.div_(keep)
        return self.remember(x * self._mask)

    def backward(self, output_gradient: Tensor) -> Tensor:
        """Return dL/dx = dL/dy * mask."""
        self.recall(output_gradient)
        return output_gradient if self._mask is None else output_gradient * self._mask

    def new_mask(self, x: Tensor) -> Tensor:
        """Return a new tensor for the mask, in x's shape and (as in torch) memory layout."""
        return x.clone()


class Dropout2d(Dropout):
    """Dropout of whole channels: in training each channel of each image is 0 with probability p.

    The other channels are divided by 1 - p. Neighbouring pixels are similar, so dropping single
    pixels would remove little information (Tompson et al. 2015, arXiv 1411.4280). Maps (N, C, H,
    W); the mask is (N, C, 1, 1).
    """

    def forward(self, x: Tensor) -> Tensor:
        self.check_maps(x)
        return super().forward(x)

    def new_mask(self, x: Tensor) -> Tensor:
        return empty(*x.shape[:2], 1, 1, dtype=x.dtype)
