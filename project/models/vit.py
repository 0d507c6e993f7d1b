"""A small vision transformer, built from torch's own layers."""

import torch
from torch import Tensor, nn


class ViT(nn.Module):
    """Vision transformer that maps images (N, channels, H, W) to scores (N, classes).

    Patches become tokens, transformer layers mix them, and the mean of all tokens goes to a linear
    layer (Dosovitskiy et al. 2020, arXiv 2010.11929; the mean instead of a class token as in Beyer
    et al. 2022, arXiv 2205.01580).

    Args:
        classes, channels, image_size: As for all nets that classify.
        patch_size: The side of a patch in pixels; divides `image_size`.
        width: The size of a token.
        depth: The number of transformer layers.
        heads: The number of attention heads in each layer; divides `width`.
        dropout: The dropout probability in each layer.
    """

    def __init__(
        self,
        classes: int,
        channels: int,
        image_size: int,
        patch_size: int = 4,
        width: int = 64,
        depth: int = 4,
        heads: int = 4,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        if patch_size < 1 or image_size % patch_size:
            raise ValueError(
                f"patch_size must divide the images' {image_size} pixels, got {patch_size}"
            )
        if heads < 1 or width % heads:
            raise ValueError(f"heads must divide width={width}, got {heads}")
        self.patches = nn.Conv2d(channels, width, patch_size, stride=patch_size)
        tokens = (image_size // patch_size) ** 2
        self.positions = nn.Parameter(torch.empty(tokens, width))
        nn.init.trunc_normal_(self.positions, std=0.02)
        # Not nn.TransformerEncoder: its layers are copies, which all start from the same weights.
        layers = (
            nn.TransformerEncoderLayer(
                width, heads, 4 * width, dropout, "gelu", batch_first=True, norm_first=True
            )
            for _ in range(depth)
        )
        self.layers = nn.Sequential(*layers, nn.LayerNorm(width))
        self.linear = nn.Linear(width, classes)

    def forward(self, images: Tensor) -> Tensor:
        """Return scores (N, classes)."""
        tokens = self.patches(images).flatten(2).transpose(1, 2) + self.positions
        return self.linear(self.layers(tokens).mean(1))
