"""The nets: plain `nn.Module`s. Those that compare digits map pairs to a `Prediction`.

Those that classify take the numbers of `classes`, of `channels` of an image and of its pixels along
each axis (`image_size`), and map images (N, channels, H, W) to scores (N, classes).
"""

from project.models.basic import Basic
from project.models.convnet import ConvNet
from project.models.mlp import MLP
from project.models.posterior import PosteriorNet
from project.models.prediction import Prediction
from project.models.resnet import ResNet
from project.models.siamese import Siamese
from project.models.vit import ViT

__all__ = ["MLP", "Basic", "ConvNet", "PosteriorNet", "Prediction", "ResNet", "Siamese", "ViT"]
