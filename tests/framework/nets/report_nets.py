"""The report's six nets, here and in torch.nn, at a seed: what the tests of nets start from."""

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from project import models
from project.framework import LossCrossEntropy, LossSum, Module, nets
from project.seeding import generator, initialise

_SIAMESE: dict[str, Any] = {
    "channels": [32, 64],
    "hidden_digit": 200,
    "hidden_comparison": 160,
    "batch_norm": False,
    "dropout_conv": 0.0,
    "dropout_linear": 0.0,
    "auxiliary": "late",
    "auxiliary_input": "probabilities",
}
_DROPOUT = {"dropout_conv": [0.1, 0.2]}

# As conf/model has them: the class's name and its arguments.
REPORT: dict[str, tuple[str, dict[str, Any]]] = {
    "basic": ("Basic", {"channels": [32, 64], "hidden": 200}),
    "ws_al": ("Siamese", _SIAMESE),
    "ws_al_do": ("Siamese", _SIAMESE | _DROPOUT),
    "ws_al_bn": ("Siamese", _SIAMESE | {"batch_norm": True}),
    "ws_al_bn_do": ("Siamese", _SIAMESE | _DROPOUT | {"batch_norm": True}),
    "resnet": ("ResNet", {"channels": [32], "blocks": [10]}),
}
_SMALL: dict[str, Any] = {"channels": [3, 4], "hidden_digit": 6, "hidden_comparison": 5}
# What else the classes can do, in small.
OTHERS: dict[str, tuple[str, dict[str, Any]]] = {
    "early": ("Siamese", _SIAMESE | _SMALL | {"auxiliary": "early"}),
    "both": ("Siamese", _SIAMESE | _SMALL | {"auxiliary": "both", "batch_norm": True}),
    "none": ("Siamese", _SIAMESE | _SMALL | {"auxiliary": "none", "dropout_linear": 0.5}),
    "early logits": (
        "Siamese",
        _SIAMESE | _SMALL | {"auxiliary": "early", "auxiliary_input": "logits"},
    ),
    "both logits": (
        "Siamese",
        _SIAMESE | _SMALL | {"auxiliary": "both", "auxiliary_input": "logits"},
    ),
    "growing resnet": ("ResNet", {"channels": [3, 4, 6], "blocks": [1, 2, 1]}),
}
ALL = REPORT | OTHERS


def both_nets(name: str, seed: int, dtype: torch.dtype = torch.float64) -> tuple[Module, nn.Module]:
    """The framework's net and torch's, both from the streams `init/<module path>` of the seed."""
    kind, arguments = ALL[name]
    ours = getattr(nets, kind)(**arguments, dtype=dtype)
    ours.initialise(lambda path: generator(seed, f"init/{path}"))
    theirs = getattr(models, kind)(**arguments).to(dtype)
    initialise(theirs, seed)
    return ours, theirs


def outputs_of(net: nn.Module, pairs: Tensor) -> tuple[Tensor, ...]:
    """A torch net's outputs in the order in which the framework's nets return theirs."""
    prediction = net(pairs)
    return (prediction.comparison, *prediction.digits)


def report_loss(outputs: int) -> LossSum:
    """The main loss, and for each auxiliary output the sum of both digits' cross-entropies."""
    losses = [LossCrossEntropy() for _ in range(outputs)]
    return LossSum(losses, [1.0, *[2.0] * (outputs - 1)])


def torch_loss(outputs: tuple[Tensor, ...], target: Tensor, digits: Tensor) -> Tensor:
    """The same from torch."""
    comparison, *auxiliary = outputs
    loss = cross_entropy(comparison, target)
    for output in auxiliary:
        loss = loss + 2 * cross_entropy(output.flatten(0, 1), digits.flatten())
    return loss
