"""The report's six nets, built of the framework's modules: what `project.models` is in torch.nn.

Each is built from the keyword arguments of its twin in torch.nn, and its tensors have its twin's
names: a state of the one can be loaded into the other. Each maps pairs (N, 2, 14, 14) to a tuple:
comparison logits (N, 2), then digits (N, 2, 10) for every place at which the net names them. Its
`backward` takes a gradient for each of these, as `LossSum` returns them.

Layers start as torch's do. At a seed, they start from the same numbers and draw the same masks if
they are given the same streams:

    net.initialise(streams)       streams(path) is the generator of the module at a path
    net.draw_from(generator)      what dropout draws from, in the order of the layers

Shape legend: N pairs, C channels, H = W pixels.
"""

from project.framework.nets.basic import Basic
from project.framework.nets.resnet import ResNet
from project.framework.nets.siamese import Siamese

__all__ = ["Basic", "ResNet", "Siamese"]
