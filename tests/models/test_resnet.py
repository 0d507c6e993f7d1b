"""Residual nets: the report's of constant width, and the one whose channels grow."""

import pytest
import torch
from torch import nn

from project.models import ResNet
from project.models.resnet import ResidualBlock


def count(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


def widths(net: ResNet) -> list[int]:
    return [block.conv2.out_channels for block in net.blocks if isinstance(block, ResidualBlock)]


def test_the_reports_row_has_ten_blocks_of_32_channels_and_186978_parameters() -> None:
    net = ResNet([32], [10])
    assert widths(net) == 10 * [32]
    first = (2 * 9 * 32 + 32) + 2 * 32
    block = 2 * (32 * 9 * 32 + 32) + 2 * (2 * 32)
    assert first + 10 * block + (32 * 2 + 2) == 186_978
    assert count(net) == 186_978


def test_channels_grow_with_depth_and_images_shrink_in_the_progressive_net() -> None:
    net = ResNet([16, 32, 64], [2, 2, 2])
    assert widths(net) == [16, 16, 32, 32, 64, 64]
    maps = torch.zeros(1, 16, 14, 14)
    shapes = []
    for block in net.blocks:
        maps = block(maps)
        shapes.append(tuple(maps.shape[1:]))
    assert shapes == 2 * [(16, 14, 14)] + 2 * [(32, 7, 7)] + 2 * [(64, 4, 4)]


def test_a_block_that_changes_the_shape_has_a_convolution_for_its_shortcut() -> None:
    same, wider = ResidualBlock(4, 4), ResidualBlock(4, 6, stride=2)
    assert isinstance(same.shortcut, nn.Identity)
    assert count(wider.shortcut) == 4 * 6 + 2 * 6
    assert wider(torch.zeros(2, 4, 7, 7)).shape == (2, 6, 4, 4)


def test_pairs_become_comparison_logits_and_no_digits() -> None:
    prediction = ResNet([4, 6], [1, 2])(torch.zeros(5, 2, 14, 14))
    assert prediction.comparison.shape == (5, 2)
    assert prediction.digits == ()


def test_a_block_whose_residual_is_zero_is_the_relu_of_its_input() -> None:
    block = ResidualBlock(4, 4)
    nn.init.zeros_(block.norm2.weight)
    maps = torch.randn(3, 4, 5, 5)
    assert torch.equal(block(maps), maps.clamp(min=0))
    nn.init.ones_(block.norm2.weight)
    assert not torch.allclose(block(maps), maps.clamp(min=0))


def test_the_answer_is_linear_in_the_mean_over_all_pixels() -> None:
    net = ResNet([4], [1]).double().eval()
    pairs = torch.randn(3, 2, 14, 14, dtype=torch.float64)
    maps = net.blocks(net.norm(net.conv(pairs)).clamp(min=0))
    mean = maps.flatten(2).sum(2) / (14 * 14)
    expected = mean @ net.linear.weight.T + net.linear.bias
    assert torch.allclose(net(pairs).comparison, expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize(
    ("channels", "blocks"), [([], []), ([32], [1, 1]), ([32, 64], [1]), ([0], [1]), ([32], [0])]
)
def test_stages_that_make_no_net_are_refused(channels: list[int], blocks: list[int]) -> None:
    with pytest.raises(ValueError, match="equally long lists of positive numbers") as error:
        ResNet(channels, blocks)
    assert str(error.value).endswith(f"got channels={channels}, blocks={blocks}")


def test_wrong_shapes_are_refused_with_both_shapes() -> None:
    with pytest.raises(ValueError, match="pairs must be") as error:
        ResNet([4], [1])(torch.zeros(3, 2, 28, 28))
    assert str(error.value) == "pairs must be (N, 2, 14, 14), got (3, 2, 28, 28)"
