"""The second check, which knows nothing of derivatives: (f(v + h) - f(v - h)) / 2h."""

from collections.abc import Callable

import torch
from torch import Tensor

from project.framework import Module

STEP = 1e-6


def numerical_gradient(value: Callable[[], Tensor], variable: Tensor) -> Tensor:
    """d value / d variable, in the variable's shape; it is moved in place and put back."""
    gradient = torch.empty_like(variable)
    flat, flat_gradient = variable.view(-1), gradient.view(-1)
    for index in range(flat.numel()):
        kept = flat[index].item()
        flat[index] = kept + STEP
        above = value().item()
        flat[index] = kept - STEP
        below = value().item()
        flat[index] = kept
        flat_gradient[index] = (above - below) / (2 * STEP)
    return gradient


def assert_slopes_match(module: Module, x: Tensor, output_gradient: Tensor) -> None:
    """Backward against finite differences of sum(output * output_gradient), for all variables."""

    def value() -> Tensor:
        return (module.forward(x) * output_gradient).sum()

    numerical = [numerical_gradient(value, variable) for variable in (x, *_parameters(module))]
    module.gradient_reset()
    module.forward(x)
    analytical = [module.backward(output_gradient), *(gradient for _, gradient in module.param())]
    torch.testing.assert_close(analytical, numerical, rtol=1e-6, atol=1e-7)


def _parameters(module: Module) -> list[Tensor]:
    return [parameter for parameter, _ in module.param()]
