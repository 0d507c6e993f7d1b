"""torchvision's ResNet-18 with the stem for small images."""

from torch import Tensor, nn
from torchvision.models import resnet18


class ResNet18(nn.Module):
    """Images (N, channels, H, W) to scores (N, classes).

    torchvision's net (He et al. 2015, arXiv 1512.03385), but with a 3x3 convolution of stride 1 and
    no max-pooling in front, as is usual for images of 32x32 pixels: its own stem would leave 8x8.

    Args:
        classes: How many classes there are.
        channels: Of an image.
    """

    def __init__(self, classes: int, channels: int) -> None:
        super().__init__()
        self.net = resnet18(weights=None, num_classes=classes)
        self.net.conv1 = nn.Conv2d(channels, 64, 3, padding=1, bias=False)
        self.net.maxpool = nn.Identity()  # type: ignore[assignment]
        nn.init.kaiming_normal_(self.net.conv1.weight, mode="fan_out", nonlinearity="relu")

    def forward(self, images: Tensor) -> Tensor:
        """Map images (N, C, H, W) to scores (N, classes)."""
        return self.net(images)
