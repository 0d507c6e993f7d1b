"""Which units of a net's rectifiers are never above 0: modules and functional calls alike."""

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
    """Between `begin` and `end`, counts the units of every rectifier and the dead ones among them.

    A unit is a channel of maps (N, C, H, W), else a feature, in the last dimension. It is dead if
    it is 0 for every example and place.

    Attributes:
        counts: By the module that calls the rectifier, dead units and all units.

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
        """Watch from here on."""
        for name, module in self._module.named_modules():
            self._hooks.append(module.register_forward_pre_hook(self._entering(name)))
            self._hooks.append(module.register_forward_hook(self._leaving, always_call=True))
        self.__enter__()

    def end(self) -> None:
        """Watch no longer; nothing where it does not."""
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
        """Call the function; count what a rectifier answers."""
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
