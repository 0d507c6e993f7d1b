"""A mini deep-learning framework: forward and backward passes written out, without autograd.

From torch it takes `empty`, the methods of tensors, and the switch below, which turns autograd off
for the thread that imports the package. README.md tells how backpropagation works here.
"""

from torch import set_grad_enabled

from project.framework.activations import ReLU, Sigmoid, Softmax, Tanh
from project.framework.batchnorm import BatchNorm1d
from project.framework.dropout import Dropout
from project.framework.initialisation import INITIALISATIONS
from project.framework.linear import Linear
from project.framework.losses import LossCrossEntropy, LossMSE
from project.framework.module import Module
from project.framework.optimizers import SGD, Adadelta, Adam, Optimizer
from project.framework.sequential import Sequential
from project.framework.state import load, save

set_grad_enabled(False)

__all__ = [
    "INITIALISATIONS",
    "SGD",
    "Adadelta",
    "Adam",
    "BatchNorm1d",
    "Dropout",
    "Linear",
    "LossCrossEntropy",
    "LossMSE",
    "Module",
    "Optimizer",
    "ReLU",
    "Sequential",
    "Sigmoid",
    "Softmax",
    "Tanh",
    "load",
    "save",
]
