"""The chain rule as a module: modules one after the other, which is again a module."""

from __future__ import annotations

from typing import TYPE_CHECKING

from project.framework.module import Module

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Self

    from torch import Tensor


class Sequential(Module):
    """y = f_k(... f_2(f_1(x))). Every module may appear once, for it remembers one forward only."""

    def __init__(self, *modules: Module) -> None:
        if not modules:
            raise ValueError("Sequential needs at least 1 module, got none")
        for module in modules:
            if not isinstance(module, Module):
                raise TypeError(f"Sequential chains modules, got {module!r}")
        self.modules = modules
        leaves = [id(leaf) for leaf in self._leaves()]
        if len(set(leaves)) < len(leaves):
            raise ValueError(
                f"a module may appear once in a Sequential, got {len(leaves)} places for "
                f"{len(set(leaves))} modules"
            )

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

    def param(self) -> list[tuple[Tensor, Tensor]]:
        return [pair for module in self.modules for pair in module.param()]

    def tensors(self) -> dict[str, Tensor]:
        """The modules' tensors, named "position.name", as in "0.weight"."""
        return {
            f"{position}.{name}": tensor
            for position, module in enumerate(self.modules)
            for name, tensor in module.tensors().items()
        }

    def train(self, mode: bool = True) -> Self:
        for module in self.modules:
            module.train(mode)
        return super().train(mode)

    def _leaves(self) -> Iterator[Module]:
        for module in self.modules:
            if isinstance(module, Sequential):
                yield from module._leaves()
            else:
                yield module
