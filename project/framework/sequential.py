"""A chain of modules, whose backward pass is the chain rule."""

from project.framework.module import Module
from project.framework.state import require
from project.framework.torch_types import Tensor


class Sequential(Module):
    """Chain of modules y = f_k(... f_2(f_1(x))).

    Tensors are named by the position of their module, as in "0.weight", or by its keyword, as in
    "conv1.weight" after `Sequential(conv1=Conv2d(1, 32, 3))`.
    """

    def __init__(self, *modules: Module, **named: Module) -> None:
        self.modules = (*modules, *named.values())
        self.names = (*map(str, range(len(modules))), *named)
        require(bool(self.modules), "Sequential needs at least 1 module", "none")
        for module in self.modules:
            if not isinstance(module, Module):
                raise TypeError(f"Sequential chains modules, got {module!r}")
        self.check_each_once()

    def forward(self, x: Tensor) -> Tensor:
        for module in self.modules:
            x = module.forward(x)
        return x

    def backward(self, output_gradient: Tensor) -> Tensor:
        """Return dL/dx from dL/dy: what a module returns is the gradient for the one before it."""
        for module in reversed(self.modules):
            output_gradient = module.backward(output_gradient)
        return output_gradient

    def children(self) -> list[tuple[str, Module]]:
        return list(zip(self.names, self.modules, strict=True))
