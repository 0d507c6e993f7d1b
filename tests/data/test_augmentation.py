"""Digits are moved by at most what was asked for, each by its own amount, and the same again."""

from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn.functional import affine_grid, grid_sample

from project import seeding
from project.data.augmentation import Deformation

NOTHING: dict[str, float] = {
    "rotation": 0.0,
    "shift": 0.0,
    "scale": 0.0,
    "shear": 0.0,
    "elastic": 0.0,
    "gamma": 1.0,
}


def noise(**amounts: float) -> Deformation:
    return Deformation(**(NOTHING | amounts))


@pytest.fixture
def pairs() -> Tensor:
    """Blobs off the centre, on a background that is not 0 (as after normalising)."""
    places = torch.arange(14, dtype=torch.float64)
    blob = torch.exp(-((places - 5) ** 2)[:, None] / 4 - ((places - 8) ** 2) / 9)
    return (blob - 0.4).expand(400, 2, 14, 14).clone()


def centre(images: Tensor) -> Tensor:
    """The centre of mass (..., 2) in pixels: row, column."""
    mass = (images + 0.4).clamp(min=0)
    places = torch.arange(14, dtype=images.dtype)
    total = mass.sum((-2, -1))
    rows, columns = mass.sum(-1) @ places, mass.sum(-2) @ places
    return torch.stack((rows / total, columns / total), -1)


def test_moving_by_nothing_changes_nothing(pairs: Tensor) -> None:
    assert torch.allclose(noise()(pairs), pairs, rtol=0, atol=1e-12)


def test_the_channels_of_a_colour_image_move_together(pairs: Tensor) -> None:
    grey = pairs[:, :1]
    moved = noise(rotation=9.0, shift=2.0, elastic=1.0, gamma=2.0)(grey.expand(-1, 3, -1, -1))
    assert not torch.equal(moved[:, :1], grey)
    assert torch.equal(moved, moved[:, :1].expand(-1, 3, -1, -1))


def test_a_shift_moves_each_digit_by_its_own_number_of_pixels(pairs: Tensor) -> None:
    seeding.start(0, "noise", 0)
    moved = (centre(noise(shift=2.0)(pairs)) - centre(pairs)).flatten(0, 1)
    assert moved.abs().max() < 2.05
    assert moved.abs().amax(0).min() > 1.8  # rows and columns, both
    assert moved.mean(0).abs().max() < 0.15  # either way
    assert len({round(each, 6) for each in moved[:, 0].tolist()}) > 790


def test_a_shift_of_one_pixel_is_one_pixel(pairs: Tensor, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch, "rand", lambda *shape: torch.ones(*shape))  # the largest draw
    moved = noise(shift=1.0)(pairs[:2])
    # The map leads from the new place to the old one: one to the right of it, one down.
    assert torch.allclose(moved[..., :-1, :-1], pairs[:2, :, 1:, 1:], rtol=0, atol=1e-5)


@pytest.mark.parametrize(
    ("amounts", "expected"),
    [
        ({"rotation": 90.0}, [[0.0, -1.0], [1.0, 0.0]]),
        ({"scale": 0.5}, [[1.5, 0.0], [0.0, 1.5]]),
        ({"shear": 45.0}, [[1.0, 1.0], [0.0, 1.0]]),
        ({"rotation": 90.0, "shear": 45.0, "scale": 0.5}, [[0.0, -1.5], [1.5, 1.5]]),
    ],
)
def test_the_map_is_the_rotation_and_scaling_times_the_shear(
    amounts: dict[str, float], expected: list[list[float]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch, "rand", lambda *shape: torch.ones(*shape))
    image = torch.randn(1, 1, 14, 14, dtype=torch.float64)
    theta = torch.tensor([[[*row, 0.0] for row in expected]], dtype=torch.float64)
    places = affine_grid(theta, [1, 1, 14, 14], align_corners=False)
    wanted = grid_sample(image, places, padding_mode="border", align_corners=False)
    found = noise(**amounts)(image.expand(1, 2, 14, 14))
    assert torch.allclose(found, wanted.expand(1, 2, 14, 14), rtol=0, atol=1e-5)


def test_gamma_is_a_power_of_the_ink_and_leaves_paper_and_darkest_pixel(pairs: Tensor) -> None:
    seeding.start(0, "noise", 0)
    inked = noise(gamma=2.0)(pairs).flatten(0, 1)
    plain = pairs.flatten(0, 1)
    for extreme in (Tensor.amin, Tensor.amax):
        torch.testing.assert_close(extreme(inked, (1, 2)), extreme(plain, (1, 2)))
    ink = (plain[0] - plain[0].min()) / (plain[0].max() - plain[0].min())
    some = (ink > 0.1) & (ink < 0.9)
    powers = ((inked - plain.min()) / (plain.max() - plain.min()))[:, some].log() / ink[some].log()
    assert (powers.amax(1) - powers.amin(1)).max() < 1e-6  # one for each image
    logarithms = powers[:, 0].log() / torch.tensor(2.0).log()
    assert logarithms.abs().max() <= 1 + 1e-6
    assert logarithms.min() < -0.98
    assert logarithms.max() > 0.98
    assert logarithms.mean().abs() < 0.07  # thicker as often as thinner


def test_gamma_leaves_an_empty_image_as_it_is() -> None:
    empty = torch.full((2, 2, 14, 14), -0.4)
    torch.testing.assert_close(noise(gamma=2.0)(empty), empty)


def test_the_background_comes_in_and_no_zeros(pairs: Tensor) -> None:
    seeding.start(0, "noise", 0)
    moved = noise(rotation=30.0, shift=3.0, scale=0.3, shear=20.0, elastic=1.0)(pairs)
    assert moved[..., 13, 0].abs().min() > 0.3


def test_the_noise_of_a_step_is_that_of_its_stream(pairs: Tensor) -> None:
    def draw(step: int) -> Any:
        seeding.start(7, "noise", step)
        return noise(rotation=10.0, shift=1.0)(pairs)

    assert torch.equal(draw(3), draw(3))
    assert not torch.equal(draw(3), draw(4))


def test_dents_move_no_place_further_than_they_may_and_neighbours_alike() -> None:
    """Of an image whose grey levels are its columns, the change is the displacement."""
    seeding.start(0, "noise", 0)
    columns = torch.arange(14, dtype=torch.float64).expand(50, 2, 14, 14)
    dents = (noise(elastic=1.5)(columns) - columns)[..., 2:-2]
    assert 1.3 < dents.abs().max() <= 1.5
    assert dents.diff(dim=-2).abs().max() <= 2 * 1.5 * 3 / 13 + 1e-9  # three steps of 13 pixels
    assert dents.std((-2, -1)).min() > 0.05
