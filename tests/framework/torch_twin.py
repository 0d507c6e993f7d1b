"""The same net in torch.nn, and what autograd makes of it: the reference of the parity tests."""

from dataclasses import dataclass
from functools import singledispatch

import torch
from torch import Tensor, nn

from project.framework import (
    BatchNorm1d,
    Dropout,
    Linear,
    Module,
    ReLU,
    Sequential,
    Sigmoid,
    Softmax,
    Tanh,
)


def twin(module: Module) -> nn.Module:
    """A float64 torch.nn module of equal parameters, running statistics and mode."""
    reference = _bare_twin(module).double()
    loaded = reference.load_state_dict(module.state(), strict=False)
    assert not loaded.unexpected_keys
    assert all(key.endswith("num_batches_tracked") for key in loaded.missing_keys)
    return reference.train(module.training)


@singledispatch
def _bare_twin(module: Module) -> nn.Module:
    plain: dict[type[Module], type[nn.Module]]
    plain = {ReLU: nn.ReLU, Tanh: nn.Tanh, Sigmoid: nn.Sigmoid}
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
