"""The nets that classify images: of any size, channels and classes, drawn by a stream."""

from collections.abc import Callable

import pytest
import torch
from torch import nn

from project import seeding
from project.models import MLP, ConvNet, ViT
from project.models.resnet18 import ResNet18

NETS: dict[str, Callable[..., nn.Module]] = {
    "mlp": lambda **shape: MLP(hidden=[8, 6], batch_norm=True, dropout=0.1, **shape),
    "convnet": lambda **shape: ConvNet(widths=[4, 6, 8, 8], dropout=0.1, **shape),
    "resnet18": lambda classes, channels, image_size: ResNet18(classes, channels),
    "vit": lambda **shape: ViT(width=8, depth=2, heads=2, dropout=0.1, **shape),
}


def made(name: str, seed: int = 0, classes: int = 5, channels: int = 3, size: int = 8) -> nn.Module:
    seeding.start(seed, "init")
    return NETS[name](classes=classes, channels=channels, image_size=size)


@pytest.mark.parametrize("name", NETS)
@pytest.mark.parametrize(("classes", "channels", "size"), [(2, 1, 8), (5, 3, 12)])
def test_images_of_any_kind_become_scores_and_every_weight_learns(
    name: str, classes: int, channels: int, size: int
) -> None:
    net = made(name, classes=classes, channels=channels, size=size)
    scores = net(torch.randn(6, channels, size, size))
    assert scores.shape == (6, classes)
    nn.functional.cross_entropy(scores, torch.arange(6) % classes).backward()
    still = [name for name, each in net.named_parameters() if each.grad is None]
    assert still == []


@pytest.mark.parametrize("name", NETS)
def test_weights_are_those_of_the_seed(name: str) -> None:
    def weights(seed: int) -> list[torch.Tensor]:
        return [each.detach() for each in made(name, seed).parameters()]

    one, again, other = weights(0), weights(0), weights(1)
    assert all(torch.equal(a, b) for a, b in zip(one, again, strict=True))
    assert any(not torch.equal(a, b) for a, b in zip(one, other, strict=True))


@pytest.mark.parametrize("name", NETS)
def test_an_image_gets_the_same_answer_in_any_company(name: str) -> None:
    net = made(name).eval()
    images = torch.randn(4, 3, 8, 8)
    torch.testing.assert_close(net(images)[2:3], net(images[2:3]), rtol=1e-4, atol=1e-5)


def test_the_layers_of_a_transformer_start_from_different_weights() -> None:
    first, second = made("vit").get_submodule("layers")[:2]  # type: ignore[index]
    for (name, a), b in zip(first.named_parameters(), second.parameters(), strict=True):
        if a.dim() == 2:
            assert not torch.equal(a, b), name


def test_resnet18_keeps_small_images_large() -> None:
    net = made("resnet18")
    sizes = []
    net.net.layer1.register_forward_hook(lambda *a: sizes.append(a[2].shape[-1]))  # type: ignore[union-attr]
    net(torch.randn(2, 3, 16, 16))
    assert sizes == [16]


def test_a_linear_classifier_has_no_hidden_layer() -> None:
    net = MLP(classes=3, channels=1, image_size=4, hidden=[])
    assert sum(each.numel() for each in net.parameters()) == 3 * 16 + 3


@pytest.mark.parametrize(
    ("net", "arguments", "message"),
    [
        (MLP, {"hidden": [4, 0]}, r"hidden must be positive numbers, got \[4, 0\]"),
        (MLP, {"dropout": 1.0}, r"dropout must be in \[0, 1\), got 1.0"),
        (ConvNet, {"widths": []}, r"widths must be positive numbers, got \[\]"),
        (ConvNet, {"dropout": -0.1}, r"dropout must be in \[0, 1\), got -0.1"),
        (ViT, {"patch_size": 3}, r"patch_size must divide the images' 8 pixels, got 3"),
        (ViT, {"heads": 3}, r"heads must divide width=64, got 3"),
    ],
)
def test_what_makes_no_net_is_refused(net: type[nn.Module], arguments: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        net(classes=5, channels=3, image_size=8, **arguments)
