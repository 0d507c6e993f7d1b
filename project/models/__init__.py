"""The nets of the report and beyond; plain `nn.Module`s that know neither Lightning nor Hydra.

Every net maps pairs (N, 2, 14, 14) to a `Prediction`. To add one, write a class that does the same
and a file in `conf/model/` that names it.

Shape legend: N pairs, C channels, H = W pixels.
"""

from project.models.basic import Basic
from project.models.posterior import PosteriorNet
from project.models.prediction import Prediction
from project.models.resnet import ResNet
from project.models.siamese import Siamese

__all__ = ["Basic", "PosteriorNet", "Prediction", "ResNet", "Siamese"]
