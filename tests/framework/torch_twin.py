"""The same net in torch.nn, and what autograd makes of it: the reference of the parity tests."""

from dataclasses import dataclass
from functools import singledispatch

import torch
from torch import Tensor, nn

from project.framework import (
    AvgPool2d,
    BatchNorm1d,
    BatchNorm2d,
    Conv2d,
    Dropout,
    Dropout2d,
    Flatten,
    Linear,
    MaxPool2d,
    Module,
    ReLU,
    Residual,
    Sequential,
    Shared,
    Sigmoid,
    Softmax,
    Tanh,
)


def twin(module: Module) -> nn.Module:
    """A float64 torch.nn module of equal parameters, running statistics and mode."""
    reference = _bare_twin(module).double()
    reference.load_state_dict(module.state())
    return reference.train(module.training)


@singledispatch
def _bare_twin(module: Module) -> nn.Module:
    plain: dict[type[Module], type[nn.Module]]
    plain = {ReLU: nn.ReLU, Tanh: nn.Tanh, Sigmoid: nn.Sigmoid, Flatten: nn.Flatten}
    return plain[type(module)]()


@_bare_twin.register
def _(module: Softmax) -> nn.Module:
    return nn.Softmax(dim=1)


@_bare_twin.register
def _(module: Linear) -> nn.Module:
    fan_out, fan_in = module.weight.shape
    return nn.Linear(fan_in, fan_out)


@_bare_twin.register
def _(module: BatchNorm1d) -> nn.Module:
    return nn.BatchNorm1d(module.weight.shape[0], eps=module.eps, momentum=module.momentum)


@_bare_twin.register
def _(module: Dropout) -> nn.Module:
    return nn.Dropout(module.p)


@_bare_twin.register
def _(module: Sequential) -> nn.Module:
    return nn.Sequential(*map(_bare_twin, module.modules))


@_bare_twin.register
def _(module: Conv2d) -> nn.Module:
    fan_out, fan_in, kernel_size, _ = module.weight.shape
    return nn.Conv2d(
        fan_in,
        fan_out,
        kernel_size,
        stride=module.stride,
        padding=module.padding,
        bias=module.bias is not None,
    )


@_bare_twin.register
def _(module: MaxPool2d) -> nn.Module:
    return nn.MaxPool2d(module.kernel_size, module.stride)


@_bare_twin.register
def _(module: AvgPool2d) -> nn.Module:
    return nn.AvgPool2d(module.kernel_size, module.stride)


@_bare_twin.register
def _(module: BatchNorm2d) -> nn.Module:
    return nn.BatchNorm2d(module.weight.shape[0], eps=module.eps, momentum=module.momentum)


@_bare_twin.register
def _(module: Dropout2d) -> nn.Module:
    return nn.Dropout2d(module.p)


@_bare_twin.register
def _(module: Residual) -> nn.Module:
    assert isinstance(module.body, Sequential)
    shortcut = None if module.shortcut is None else _bare_twin(module.shortcut)
    return _ResidualTwin([_bare_twin(each) for each in module.body.modules], shortcut)


@_bare_twin.register
def _(module: Shared) -> nn.Module:
    assert isinstance(module.branch, Sequential)
    return _SharedTwin(*map(_bare_twin, module.branch.modules))


class _ResidualTwin(nn.Module):
    def __init__(self, body: list[nn.Module], shortcut: nn.Module | None) -> None:
        super().__init__()
        for place, module in enumerate(body):
            self.add_module(str(place), module)
        self.body = body
        self.shortcut = shortcut

    def forward(self, x: Tensor) -> Tensor:
        y = x
        for module in self.body:
            y = module(y)
        return y + (x if self.shortcut is None else self.shortcut(x))


class _SharedTwin(nn.Sequential):
    def forward(self, input: Tensor) -> Tensor:  # noqa: A002 - nn.Sequential's own name
        return super().forward(input.flatten(0, 1)).unflatten(0, input.shape[:2])


@dataclass
class Expected:
    """What autograd finds."""

    output: Tensor
    input_gradients: list[Tensor]
    parameter_gradients: list[Tensor]


def through_autograd(reference: nn.Module, x: Tensor, *output_gradients: Tensor) -> Expected:
    """One forward of x, one backward for each output gradient; parameters' gradients add up."""
    input_gradients: list[Tensor] = []
    with torch.enable_grad():
        leaf = x.clone().requires_grad_()
        output = reference(leaf)
        for gradient in output_gradients:
            leaf.grad = None
            output.backward(gradient, retain_graph=True)
            assert leaf.grad is not None
            input_gradients.append(leaf.grad)
    parameter_gradients = [p.grad for p in reference.parameters() if p.grad is not None]
    return Expected(output.detach(), input_gradients, parameter_gradients)
