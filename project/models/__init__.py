"""The nets: plain `nn.Module`s that depend on neither Lightning nor Hydra.

Nets that compare digits map pairs (N, 2, 14, 14) to a `Prediction`; nets that classify images map
(N, C, H, W) to scores (N, classes). To add one, write such a class, and a file in `conf/model/`
that names it.

Shape legend: N pairs or images, C channels, H = W pixels.
"""

from project.models.basic import Basic
from project.models.convnet import ConvNet
from project.models.mlp import MLP
from project.models.posterior import PosteriorNet
from project.models.prediction import Prediction
from project.models.resnet import ResNet
from project.models.siamese import Siamese
from project.models.vit import ViT

__all__ = [
    "MLP",
    "Basic",
    "ConvNet",
    "PosteriorNet",
    "Prediction",
    "ResNet",
    "Siamese",
    "ViT",
]
