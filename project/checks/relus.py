"""Counts the dead units of a net's ReLUs, both modules and functional calls."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.overrides import TorchFunctionMode
from torch.utils.hooks import RemovableHandle

RELUS = frozenset(
    {
        torch.relu, torch.relu_, Tensor.relu, Tensor.relu_, functional.relu, functional.relu_,
    }
)  # fmt: skip


class ReluWatch(TorchFunctionMode):
    """A counter of the ReLU units, and the dead ones, of all calls between `begin` and `end`.

    A unit is a channel of maps (N, C, H, W), or else an element of the last dimension. It is dead
    if its output is 0 for all examples and positions.

    Attributes:
        counts: The numbers of dead units and of all units of each ReLU call, by the name of the
            module that makes the call; further calls of a module are named `<module> (2)`, ...

    Args:
        module: The net, or the task that holds it.
    """

    def __init__(self, module: nn.Module) -> None:
        super().__init__()
        self.counts: dict[str, tuple[int, int]] = {}
        self._module = module
        self._inside: list[str] = []
        self._hooks: list[RemovableHandle] = []

    def begin(self) -> None:
        """Start counting."""
        for name, module in self._module.named_modules():
            self._hooks.append(module.register_forward_pre_hook(self._entering(name)))
            self._hooks.append(module.register_forward_hook(self._leaving, always_call=True))
        self.__enter__()

    def end(self) -> None:
        """Stop counting; without a call of `begin`, do nothing."""
        if self._hooks:
            self.__exit__(None, None, None)
        for hook in self._hooks:
            hook.remove()
        self._hooks.clear()

    def _entering(self, name: str) -> Callable[[nn.Module, Any], None]:
        return lambda module, given: self._inside.append(name)

    def _leaving(self, module: nn.Module, given: Any, answer: Any) -> None:
        if self._inside:
            self._inside.pop()

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Call the function, and count the units of its output if it is a ReLU."""
        answer = func(*args, **(kwargs or {}))
        if func in RELUS and isinstance(answer, Tensor) and answer.dim() > 1:
            self._count(answer.detach())
        return answer

    def _count(self, answer: Tensor) -> None:
        units = 1 if answer.dim() > 3 else answer.dim() - 1
        others = tuple(each for each in range(answer.dim()) if each != units)
        is_dead = (answer == 0).all(dim=others)
        caller = self._inside[-1] if self._inside else ""
        name, number = caller or "the task", 2
        while name in self.counts:
            name = f"{caller or 'the task'} ({number})"
            number += 1
        self.counts[name] = (int(is_dead.sum()), is_dead.numel())
