"""The report's six nets, built from the mini framework's modules.

Each net takes the keyword arguments of the net with the same name in `project.models` (torch.nn),
and its tensors have the same names, so a state of one can be loaded into the other. Each maps pairs
(N, 2, 14, 14) to a tuple: comparison logits (N, 2), then one tensor (N, 2, 10) for each place at
which the net classifies the digits. `backward` takes a gradient for each of these, as `LossSum`
returns them.

Layers are initialised as torch's. With the same named random streams as the nets of torch.nn, they
start from the same numbers and draw the same dropout masks:

    net.initialise(streams)       streams(path) is the generator of the module at a path
    net.draw_from(generator)      what dropout draws from, in the order of the layers

Shape legend: N pairs, C channels, H = W pixels.
"""

from project.framework.nets.basic import Basic
from project.framework.nets.resnet import ResNet
from project.framework.nets.siamese import Siamese

__all__ = ["Basic", "ResNet", "Siamese"]
