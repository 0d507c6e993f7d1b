"""The report's six nets, built from the mini framework's modules.

Each net takes the arguments of the net of the same name in `project.models`, whose docstring tells
them, a generator for weights and dropout masks, and a dtype. Each maps pairs (N, 2, 14, 14) to a
tuple: comparison logits (N, 2), then (N, 2, 10) for each place at which it classifies the digits;
`backward` takes a gradient for each, as `LossSum` returns them.
"""

from project.framework.nets.basic import Basic
from project.framework.nets.resnet import ResNet
from project.framework.nets.siamese import Siamese

__all__ = ["Basic", "ResNet", "Siamese"]
