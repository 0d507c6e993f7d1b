"""What a net's layers answer: the first layer's output, and the dead units of its ReLUs."""

from contextlib import ExitStack
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.overrides import TorchFunctionMode

RELUS = {torch.relu, torch.relu_, Tensor.relu, Tensor.relu_, functional.relu, functional.relu_}


class LayerWatch(TorchFunctionMode):
    """Context manager that watches the layers and ReLUs, modules and functions, of a net.

    A unit of a ReLU is a channel of maps (N, C, H, W), or else an element of the last dimension. It
    is dead if its output is 0 for all examples and positions.

    Attributes:
        counts: The numbers of dead units and of all units of each ReLU call, by the name of the
            module that makes the call; further calls of a module are named `<module> (2)`, ...
        activation: Of the first layer with weights that answers with floats: its name, and the mean
            and std of its output. None if there is no such layer.

    Args:
        net: The net, or the task that holds it.
    """

    def __init__(self, net: nn.Module) -> None:
        super().__init__()
        self.counts: dict[str, tuple[int, int]] = {}
        self.activation: tuple[str, float, float] | None = None
        self._net = net
        self._inside: list[str] = []
        self._hooks = ExitStack()

    def __enter__(self) -> "LayerWatch":
        for name, module in self._net.named_modules():
            enter = partial(self._enter, name)
            self._hooks.enter_context(module.register_forward_pre_hook(enter))
            leave = module.register_forward_hook(self._leave, always_call=True)
            self._hooks.enter_context(leave)
        return super().__enter__()

    def __exit__(self, exc_type: Any, exc_val: Any, exc_tb: Any) -> None:
        super().__exit__(exc_type, exc_val, exc_tb)
        self._hooks.close()

    def _enter(self, name: str, module: nn.Module, given: Any) -> None:
        self._inside.append(name)

    def _leave(self, module: nn.Module, given: Any, answer: Any) -> None:
        name = self._inside.pop()
        has_weights = any(True for _ in module.parameters(recurse=False))
        is_float = isinstance(answer, Tensor) and answer.is_floating_point()
        if self.activation is None and has_weights and is_float:
            values = answer.detach().float()
            self.activation = (name, float(values.mean()), float(values.std()))

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
        name = caller = (self._inside[-1] if self._inside else "") or "the task"
        number = 2
        while name in self.counts:
            name = f"{caller} ({number})"
            number += 1
        self.counts[name] = (int(is_dead.sum()), is_dead.numel())
