"""The net and the pairs as a student would write them: plain PyTorch, nothing of this project.

What `plain_sweep.py` and `lightning_sweep.py` share. The net is the report's best, `ws_al_bn_do`.
"""

import torch
from torch import Tensor, nn
from torch.nn.functional import avg_pool2d, cross_entropy
from torchvision.datasets import MNIST

PAIRS, BATCH, EPOCHS = 1000, 100, 25

Split = tuple[Tensor, Tensor, Tensor]  # images (N, 2, 14, 14), target (N,), digits (N, 2)


class Net(nn.Module):
    """Pairs (N, 2, 14, 14) to comparison logits (N, 2) and digit probabilities (2 N, 10)."""

    def __init__(self) -> None:
        super().__init__()
        self.branch = nn.Sequential(
            nn.Conv2d(1, 32, 3),
            nn.MaxPool2d(2),
            nn.BatchNorm2d(32),
            nn.ReLU(),
            nn.Dropout2d(0.1),
            nn.Conv2d(32, 64, 3),
            nn.MaxPool2d(2),
            nn.BatchNorm2d(64),
            nn.ReLU(),
            nn.Dropout2d(0.2),
            nn.Flatten(),
            nn.Linear(256, 200),
            nn.BatchNorm1d(200),
            nn.ReLU(),
            nn.Linear(200, 10),
            nn.Softmax(1),
        )
        self.head = nn.Sequential(
            nn.Linear(20, 160), nn.BatchNorm1d(160), nn.ReLU(), nn.Linear(160, 2)
        )

    def forward(self, pairs: Tensor) -> tuple[Tensor, Tensor]:
        digits = self.branch(pairs.reshape(-1, 1, 14, 14))
        return self.head(digits.reshape(-1, 20)), digits


def pair_loss(net: nn.Module, images: Tensor, target: Tensor, digits: Tensor) -> Tensor:
    """The comparison's cross-entropy plus that of each digit."""
    comparison, probabilities = net(images)
    auxiliary = cross_entropy(probabilities, digits.flatten())
    return cross_entropy(comparison, target) + 2 * auxiliary


def draw_pairs(root: str, train: bool) -> Split:
    """1,000 pairs of MNIST digits, drawn by torch's default generator."""
    mnist = MNIST(root, train=train)
    chosen = torch.randperm(len(mnist))[: 2 * PAIRS]
    images = avg_pool2d(mnist.data[chosen].float().unsqueeze(1), 2).view(-1, 2, 14, 14)
    digits = mnist.targets[chosen].view(-1, 2)
    return images, (digits[:, 0] <= digits[:, 1]).long(), digits
