"""The fully connected (linear) layer."""

from torch import empty

from project.framework.initialisation import initialisation_named
from project.framework.module import Module
from project.framework.state import require
from project.framework.torch_types import Generator, Tensor, torch_dtype


class Linear(Module):
    """Fully connected layer y = x W^T + b: (N, in) to (N, out), with W (out, in) and b (out,).

    Args:
        in_features, out_features: The numbers of inputs and outputs.
        initialisation: A name in INITIALISATIONS.
        generator, dtype: What the parameters are drawn from, and their dtype; None for torch's
            defaults.
    """

    def __init__(
        self,
        in_features: int,
        out_features: int,
        *,
        initialisation: str = "normal",
        generator: Generator | None = None,
        dtype: torch_dtype | None = None,
    ) -> None:
        features = f"{in_features} to {out_features}"
        enough = in_features >= 1 and out_features >= 1
        require(enough, "Linear needs at least 1 feature on each side", features)
        self._draw = initialisation_named(initialisation)
        shape = out_features, in_features
        self.weight, self.weight_gradient = self.new_parameter("weight", *shape, dtype=dtype)
        self.bias, self.bias_gradient = self.new_parameter("bias", out_features, dtype=dtype)
        self._ones = empty(0, dtype=dtype)  # one for each row of the last batch
        self.reset_parameters(generator)

    def reset_parameters(self, generator: Generator | None = None) -> None:
        self._draw(self.weight, self.bias, generator)

    def forward(self, x: Tensor) -> Tensor:
        self.check_columns(x, self.weight)
        self._input = x
        return self.remember(self.bias.addmm(x, self.weight.t()))

    def backward(self, output_gradient: Tensor) -> Tensor:
        """Return dL/dx = G W (N, in) from G = dL/dy (N, out).

        Adds dL/dW = G^T x (out, in) and dL/db = G^T 1 (out,), the sum of G's rows.
        """
        self.recall(output_gradient)
        if self._ones.shape[0] != output_gradient.shape[0]:
            self._ones = empty(output_gradient.shape[0], dtype=self.bias.dtype).fill_(1)
        transposed = output_gradient.t()
        self.weight_gradient.addmm_(transposed, self._input)
        self.bias_gradient.addmv_(transposed, self._ones)
        return output_gradient.mm(self.weight)
