"""A multilayer perceptron on the pixels of an image."""

from collections.abc import Sequence

from torch import Tensor, nn


class MLP(nn.Module):
    """Multilayer perceptron that maps images (N, channels, H, W) to scores (N, classes).

    Args:
        classes, channels, image_size: As for all nets that classify.
        hidden: The width of each hidden layer, positive; empty for a linear classifier.
        batch_norm: Whether each hidden layer is followed by batch norm.
        dropout: The probability of dropping a hidden unit, in [0, 1).
    """

    def __init__(
        self,
        classes: int,
        channels: int,
        image_size: int,
        hidden: Sequence[int] = (256, 128),
        batch_norm: bool = False,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        if min(hidden, default=1) < 1:
            raise ValueError(f"hidden must be positive numbers, got {list(hidden)}")
        if not 0.0 <= dropout < 1.0:
            raise ValueError(f"dropout must be in [0, 1), got {dropout}")
        layers: list[nn.Module] = [nn.Flatten()]
        width = channels * image_size**2
        for each in hidden:
            layers.append(nn.Linear(width, each))
            if batch_norm:
                layers.append(nn.BatchNorm1d(each))
            layers += [nn.ReLU(), nn.Dropout(dropout)]
            width = each
        self.layers = nn.Sequential(*layers, nn.Linear(width, classes))

    def forward(self, images: Tensor) -> Tensor:
        """Return scores (N, classes)."""
        return self.layers(images)
