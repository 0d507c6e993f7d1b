"""The residual connection, which adds a body's output to its input (He et al. 2015)."""

from project.framework.module import Module
from project.framework.torch_types import Tensor


class Residual(Module):
    """Residual connection y = x + f(x), or y = s(x) + f(x) with a shortcut s.

    f is the body. Its tensors are named as if they were this module's own, those of s start with
    "shortcut.".
    """

    def __init__(self, body: Module, shortcut: Module | None = None) -> None:
        self.body = body
        self.shortcut = shortcut
        self.check_each_once()

    def forward(self, x: Tensor) -> Tensor:
        """Return x + f(x), or s(x) + f(x); raise ValueError if their shapes differ."""
        beside = x if self.shortcut is None else self.shortcut.forward(x)
        output = self.body.forward(x)
        if output.shape != beside.shape:
            raise ValueError(
                f"Residual: what is added must have one shape, got {tuple(beside.shape)} "
                f"and {tuple(output.shape)}"
            )
        return self.remember(beside + output)

    def backward(self, output_gradient: Tensor) -> Tensor:
        """Return dL/dx = G + f'(x)^T G from G = dL/dy: x enters y twice, so the two terms add up.

        With a shortcut, return s'(x)^T G + f'(x)^T G.
        """
        self.recall(output_gradient)
        gradient = self.body.backward(output_gradient)
        if self.shortcut is None:
            return gradient + output_gradient
        return gradient + self.shortcut.backward(output_gradient)

    def children(self) -> list[tuple[str, Module]]:
        body = [("", self.body)]
        return body if self.shortcut is None else [*body, ("shortcut", self.shortcut)]
