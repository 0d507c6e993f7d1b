"""torchvision's ResNet-18, adapted to small images."""

from torch import Tensor, nn
from torchvision.models import resnet18


class ResNet18(nn.Module):
    """ResNet-18 for small images: (N, channels, H, W) to scores (N, classes).

    It is torchvision's net (He et al. 2015, arXiv 1512.03385) with another first layer, as is usual
    for 32x32 pixels: a 3x3 convolution of stride 1 and no max-pooling. The original first layers
    would reduce such an image to 8x8.
    """

    def __init__(self, classes: int, channels: int) -> None:
        super().__init__()
        self.net = resnet18(weights=None, num_classes=classes)
        self.net.conv1 = nn.Conv2d(channels, 64, 3, padding=1, bias=False)
        self.net.maxpool = nn.Identity()  # type: ignore[assignment]
        nn.init.kaiming_normal_(self.net.conv1.weight, mode="fan_out", nonlinearity="relu")

    def forward(self, images: Tensor) -> Tensor:
        """Return scores (N, classes)."""
        return self.net(images)
