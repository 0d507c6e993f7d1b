"""A mini deep-learning framework: forward and backward passes written out, without autograd.

It uses only torch's `empty`, the methods of tensors, and `set_grad_enabled`: importing the package
turns autograd off for the importing thread. README.md explains backpropagation in this framework.
"""

from torch import set_grad_enabled

from project.framework.activations import ReLU, Sigmoid, Softmax, Tanh
from project.framework.batchnorm import BatchNorm1d, BatchNorm2d
from project.framework.conv2d import Conv2d
from project.framework.dropout import Dropout, Dropout2d
from project.framework.flatten import Flatten
from project.framework.initialisation import INITIALISATIONS
from project.framework.linear import Linear
from project.framework.losses import LossCrossEntropy, LossMSE, LossSum
from project.framework.module import Module
from project.framework.optimizers import SGD, Adadelta, Adam, AdamW, Optimizer
from project.framework.pooling import AvgPool2d, MaxPool2d
from project.framework.residual import Residual
from project.framework.sequential import Sequential
from project.framework.shared import Shared
from project.framework.state import load, save

set_grad_enabled(False)

__all__ = [
    "INITIALISATIONS",
    "SGD",
    "Adadelta",
    "Adam",
    "AdamW",
    "AvgPool2d",
    "BatchNorm1d",
    "BatchNorm2d",
    "Conv2d",
    "Dropout",
    "Dropout2d",
    "Flatten",
    "Linear",
    "LossCrossEntropy",
    "LossMSE",
    "LossSum",
    "MaxPool2d",
    "Module",
    "Optimizer",
    "ReLU",
    "Residual",
    "Sequential",
    "Shared",
    "Sigmoid",
    "Softmax",
    "Tanh",
    "load",
    "save",
]
