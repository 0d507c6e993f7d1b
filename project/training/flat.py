"""All parameters of a net as one vector, for optimizers that treat every number alike.

Adadelta makes a dozen operations on each parameter tensor; for the twenty small tensors of the
report's nets, calling them takes longer than their arithmetic. On one vector they are a dozen calls
in all, with the same bits: 3 % of the training step of `ws_al_bn_do`, beside torch's foreach.
"""

from collections.abc import Iterable

import torch
from torch import Tensor, nn

ALIGNMENT = 16  # floats: each parameter begins at a cache line of its own


class FlatParameters:
    """`vector` holds the numbers of `parameters`, which become views of it in place.

    Right for elementwise optimizers only (SGD, Adadelta, Adam, AdamW). A parameter that has no
    gradient counts as one whose gradient is zero.
    """

    def __init__(self, parameters: Iterable[nn.Parameter]) -> None:
        self._parameters = list(parameters)
        starts, length = [], 0
        for each in self._parameters:
            starts.append(length)
            length += -(-each.numel() // ALIGNMENT) * ALIGNMENT
        first = self._parameters[0]
        self.vector = nn.Parameter(first.new_zeros(length))
        self._gradient = self.vector.grad = first.new_zeros(length)
        self._places = []
        for each, start in zip(self._parameters, starts, strict=True):
            each.data = _view(self.vector.data, start, each).copy_(each.data)
            self._places.append(_view(self._gradient, start, each))

    def gather(self) -> None:
        """Copy the parameters' gradients into that of `vector`; after backward, before the step."""
        gradients = [each.grad for each in self._parameters]
        there = [pair for pair in zip(self._places, gradients, strict=True) if pair[1] is not None]
        if len(there) < len(gradients):
            self._gradient.zero_()
        places, gradients = zip(*there, strict=True)
        torch._foreach_copy_(places, gradients)

    def forget_gradients(self) -> None:
        """Before backward. The gradient of `vector` stays: it is written anew before every step."""
        for each in self._parameters:
            each.grad = None


def _view(vector: Tensor, start: int, like: Tensor) -> Tensor:
    """The part of `vector` that begins at `start`, in shape and memory layout of `like`."""
    return vector[start:].as_strided(like.shape, like.stride())
