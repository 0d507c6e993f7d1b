"""The points are the report's: uniform, half of them inside the disk, a function of the seed."""

import math

import pytest
import torch

from project.disk.data import RADIUS, STAGES, Points, digest, draw_points, label, mean_and_std


def stages(seed: int, count: int = 10) -> dict[str, Points]:
    return {stage: draw_points(count, seed, stage) for stage in STAGES}


def test_the_disk_covers_half_of_the_square_and_lies_inside_it() -> None:
    assert math.pi * RADIUS**2 == pytest.approx(0.5, abs=1e-15)
    assert RADIUS < 0.5


def test_labels_follow_from_the_distance_to_the_centre() -> None:
    inside, outside = RADIUS - 1e-6, RADIUS + 1e-6
    angles = torch.linspace(0, 2 * math.pi, 17, dtype=torch.float64)
    circle = torch.stack([angles.cos(), angles.sin()], dim=1)
    assert label(0.5 + inside * circle).tolist() == [1] * 17
    assert label(0.5 + outside * circle).tolist() == [0] * 17
    corners = torch.tensor([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0], [0.5, 0.5]])
    assert label(corners).tolist() == [0, 0, 0, 0, 1]


def test_points_are_uniform_in_the_square_and_half_of_them_inside() -> None:
    count = 100_000
    points = draw_points(count, seed=0, stage="train")
    assert points.coordinates.shape == (count, 2)
    assert points.coordinates.dtype == torch.float32
    assert points.labels.dtype == torch.int64
    assert 0 <= points.coordinates.min() <= points.coordinates.max() < 1
    # Four standard errors of a share, for every cell of a 4 x 4 grid and for the disk.
    cells = (points.coordinates * 4).long() @ torch.tensor([4, 1])
    shares = torch.bincount(cells, minlength=16) / count
    assert (shares - 1 / 16).abs().max() < 4 * math.sqrt(1 / 16 * 15 / 16 / count)
    assert abs(points.labels.double().mean() - 0.5) < 4 * math.sqrt(0.25 / count)


def test_the_points_of_a_seed_never_change_unnoticed() -> None:
    assert digest(draw_points(10, 0, "train"))[:16] == "82301e4494844c35"


def test_stages_and_seeds_have_points_of_their_own_and_counts_do_not_matter() -> None:
    drawn = [draw_points(10, seed, stage).coordinates for seed in (0, 1) for stage in STAGES]
    assert len({tuple(each.flatten().tolist()) for each in drawn}) == 6
    digests = {digest(points) for seed in range(5) for points in stages(seed).values()}
    assert len(digests) == 15
    torch.testing.assert_close(
        draw_points(1000, 3, "test").coordinates[:10],
        draw_points(10, 3, "test").coordinates,
        rtol=0,
        atol=0,
    )


def test_the_fingerprint_covers_coordinates_and_labels() -> None:
    drawn = draw_points(10, 0, "val")
    moved = drawn.coordinates.clone()
    moved[3, 1] += 1e-7
    others = [Points(drawn.coordinates, 1 - drawn.labels), Points(moved, drawn.labels)]
    assert len({digest(points) for points in (drawn, *others)}) == 3


def test_normalised_training_points_have_mean_0_and_std_1() -> None:
    coordinates = draw_points(1000, 0, "train").coordinates
    mean, std = mean_and_std(coordinates)
    inputs = (coordinates - mean) / std
    torch.testing.assert_close(inputs.mean(0), torch.zeros(2), atol=1e-5, rtol=0)
    torch.testing.assert_close(inputs.std(0, correction=0), torch.ones(2), atol=1e-5, rtol=0)


def test_a_single_training_point_can_be_normalised() -> None:
    mean, std = mean_and_std(torch.tensor([[0.25, 0.75]]))
    assert (mean.tolist(), std.tolist()) == ([0.25, 0.75], [1.0, 1.0])
