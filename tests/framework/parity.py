"""Comparison with torch in float64, and a record of the worst deviation that was met."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from hypothesis import settings
from torch import Tensor

from project.framework import Module
from tests.framework.torch_twin import through_autograd, twin

# Same examples on every run, and no time limit for one: the machine may be busy.
CLAIM = settings(max_examples=60, derandomize=True, deadline=None, database=None)


@dataclass
class Parity:
    """What counts as equal up to rounding, and the largest deviation met so far."""

    name: str
    rtol: float
    atol: float
    comparisons: int = 0
    absolute: float = 0.0
    relative: float = 0.0  # to the largest element of the expected tensor

    def record(self, actual: Tensor, expected: Tensor) -> None:
        self.comparisons += 1
        if expected.numel() == 0:
            return
        absolute = (actual - expected).abs().max().item()
        self.absolute = max(self.absolute, absolute)
        scale = expected.abs().max().item()
        if scale > 1e-6:  # less is often the rounding of a 0, which has no digits to compare
            self.relative = max(self.relative, absolute / scale)

    def __str__(self) -> str:
        return (
            f"{self.name}: {self.comparisons} float64 tensors compared with torch, worst deviation "
            f"{self.absolute:.1e} absolute, {self.relative:.1e} relative to the largest element"
        )


PASS = Parity("one pass or a few steps", rtol=1e-10, atol=1e-12)
TRAINING = Parity("200 steps of training", rtol=1e-10, atol=1e-12)
RUN = Parity("losses of a run of ws_al_bn_do", rtol=1e-8, atol=0)


def assert_parity(actual: Tensor, expected: Tensor, parity: Parity = PASS) -> None:
    """Equal shapes, dtypes and float64 values, up to rounding."""
    assert actual.dtype == torch.float64
    torch.testing.assert_close(actual, expected, rtol=parity.rtol, atol=parity.atol)
    parity.record(actual, expected)


def assert_same_as_torch(module: Module, x: Tensor, *output_gradients: Tensor) -> None:
    """Forward, input gradients, accumulated parameter gradients and state, against autograd.

    Each output gradient (shape of the output) is sent back once, all after the one forward.
    """
    reference = twin(module)
    expected = through_autograd(reference, x, *output_gradients)
    module.gradient_reset()
    assert_parity(module.forward(x), expected.output)
    for gradient, input_gradient in zip(output_gradients, expected.input_gradients, strict=True):
        assert_parity(module.backward(gradient), input_gradient)
    assert_same_parameter_gradients(module, expected.parameter_gradients)
    assert_same_state(module, reference)


def assert_same_parameter_gradients(module: Module, expected: Sequence[Tensor | None]) -> None:
    for (_, gradient), expected_gradient in zip(module.param(), expected, strict=True):
        assert expected_gradient is not None
        assert_parity(gradient, expected_gradient)


def named_gradients(module: Module) -> dict[str, Tensor]:
    """The gradient of every parameter, by the parameter's name in the state."""
    gradients = {id(parameter): gradient for parameter, gradient in module.param()}
    return {
        name: gradients[id(tensor)]
        for name, tensor in module.tensors().items()
        if id(tensor) in gradients
    }


def assert_same_named_gradients(module: Module, expected: Mapping[str, Tensor]) -> None:
    """The gradients of all parameters, whatever their order."""
    gradients = named_gradients(module)
    assert gradients.keys() == expected.keys()
    for name, gradient in expected.items():
        assert_parity(gradients[name], gradient)


def assert_same_state(module: Module, reference: torch.nn.Module, parity: Parity = PASS) -> None:
    """The same names and values; whole numbers, torch's count of batches, exactly."""
    state, expected = module.state(), reference.state_dict()
    assert state.keys() == expected.keys()
    for name, tensor in expected.items():
        if tensor.is_floating_point():
            assert_parity(state[name], tensor, parity)
        else:
            assert torch.equal(state[name], tensor)
