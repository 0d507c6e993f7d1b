"""The chain rule as a module: modules one after the other, which is again a module."""

from __future__ import annotations

from typing import TYPE_CHECKING

from project.framework.module import Module

if TYPE_CHECKING:
    from torch import Tensor


class Sequential(Module):
    """y = f_k(... f_2(f_1(x))). Every module may appear once, for it remembers one forward only.

    The modules' tensors are named by position, as in "0.weight", or by the name under which a
    module is given, as in "conv1.weight" after `Sequential(conv1=Conv2d(1, 32, 3))`.
    """

    def __init__(self, *modules: Module, **named: Module) -> None:
        self.modules = (*modules, *named.values())
        self.names = (*map(str, range(len(modules))), *named)
        if not self.modules:
            raise ValueError("Sequential needs at least 1 module, got none")
        for module in self.modules:
            if not isinstance(module, Module):
                raise TypeError(f"Sequential chains modules, got {module!r}")
        self.check_each_once()

    def forward(self, x: Tensor) -> Tensor:
        """x, in the first module's input shape, to y, in the last one's output shape."""
        for module in self.modules:
            x = module.forward(x)
        return x

    def backward(self, output_gradient: Tensor) -> Tensor:
        """dL/dy to dL/dx: a module returns dL/d(its input), the output of the one before."""
        for module in reversed(self.modules):
            output_gradient = module.backward(output_gradient)
        return output_gradient

    def children(self) -> list[tuple[str, Module]]:
        return list(zip(self.names, self.modules, strict=True))
