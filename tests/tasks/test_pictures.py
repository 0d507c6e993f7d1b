"""Pictures are functions of arrays: every one is held against its pixels."""

import numpy as np
import pytest
import torch
from torch import nn

from project.models import Basic, Prediction
from project.tasks.pictures import confusion, filters, mistakes, pictures, reliability
from project.tasks.pictures.answers import Answers, collect

WHITE, BLUE, RED = [255, 255, 255], [33, 102, 172], [178, 24, 43]


def answers(probability: list[float], digits: list[tuple[int, int]]) -> Answers:
    """Random images; the net says what is more probable and reads every digit right."""
    pixels = np.random.default_rng(0).random((len(digits), 2, 14, 14))
    given, true = np.array(probability), np.array(digits)
    return Answers(pixels, true, given > 0.5, given, true)


def pair_at(picture: np.ndarray, place: int) -> np.ndarray:
    """The pixels of the two digits at a place of the grid, (14, 28), or of what stands there."""
    row, column = divmod(place, mistakes.COLUMNS)
    left = 8 + column * mistakes.CELL_WIDTH
    top = mistakes.TOP + row * mistakes.CELL_HEIGHT
    rows = slice(top + 1, top + mistakes.SIDE, mistakes.ZOOM)
    starts = (left, left + mistakes.SIDE + 2)
    digits = [picture[rows, x + 1 : x + mistakes.SIDE : mistakes.ZOOM, 0] for x in starts]
    return np.concatenate(digits, axis=1)


def as_drawn(given: Answers, pair: int) -> np.ndarray:
    images = np.concatenate(given.images[pair], axis=1)
    return (255 * (images - images.min()) / (images.max() - images.min())).astype(np.uint8)


def test_wrong_pairs_are_shown_the_surest_mistake_first() -> None:
    """Pairs 1, 2 and 4 are wrong, with 60, 90 and 75 %."""
    given = answers([0.9, 0.6, 0.1, 0.2, 0.75], [(1, 2), (5, 3), (4, 4), (9, 0), (8, 7)])
    picture = mistakes.draw_mistakes(given)
    for place, pair in enumerate([2, 4, 1]):
        assert np.array_equal(pair_at(picture, place), as_drawn(given, pair)), place
    assert (pair_at(picture, 3) == 255).all()


def test_a_net_without_mistakes_has_an_empty_picture_under_the_title() -> None:
    picture = mistakes.draw_mistakes(answers([0.9, 0.1], [(1, 2), (2, 1)]))
    assert (picture[mistakes.TOP :] == 255).all()
    assert (picture[: mistakes.TOP] < 255).any()


def test_the_picture_of_mistakes_stays_small_however_many_there_are() -> None:
    few, many = (
        mistakes.draw_mistakes(answers(count * [0.9], count * [(2, 1)]))
        for count in (mistakes.MAX_PAIRS, 500)
    )
    assert few.shape == many.shape


def test_an_answer_without_digits_is_drawn_in_words() -> None:
    given = answers([0.9], [(2, 1)])
    without = Answers(given.images, given.digits, given.said_ordered, given.probability_ordered,
                      digits_read=None)  # fmt: skip
    drawn = [mistakes.draw_mistakes(each) for each in (given, without)]
    assert np.array_equal(pair_at(drawn[0], 0), pair_at(drawn[1], 0))
    assert not np.array_equal(drawn[0], drawn[1])


def test_confusion_counts_true_classes_in_rows_and_read_ones_in_columns() -> None:
    true, read = np.array([[3, 3], [5, 0]]), np.array([[3, 8], [5, 9]])
    expected = np.zeros((10, 10), int)
    expected[3, 3] = expected[3, 8] = expected[5, 5] = expected[0, 9] = 1
    assert np.array_equal(confusion.confusion(true, read), expected)


def test_right_answers_are_blue_mistakes_red_and_nothing_is_white() -> None:
    picture = confusion.draw_confusion(np.array([1, 1, 2]), np.array([1, 1, 7]))

    def colour(row: int, column: int) -> list[int]:
        inside = (
            confusion.TOP + row * confusion.CELL + 3,
            confusion.LEFT + column * confusion.CELL + 3,
        )
        return picture[inside].tolist()

    assert colour(1, 1) == BLUE
    assert colour(2, 7) == [214, 47, 39]
    assert {tuple(colour(row, 5)) for row in range(10)} == {tuple(WHITE)}


def test_reliability_compares_what_was_said_with_what_was_true() -> None:
    probability = np.array([0.05, 0.15, 0.15, 0.95, 0.99, 1.0])
    bins = reliability.reliability(probability, np.array([False, True, False, True, True, False]))
    assert bins.counts.tolist() == [1, 2, 0, 0, 0, 0, 0, 0, 0, 3]
    nan = [np.nan] * 7
    np.testing.assert_allclose(bins.true, [0, 0.5, *nan, 2 / 3])
    np.testing.assert_allclose(bins.said, [0.05, 0.15, *nan, 2.94 / 3])
    assert bins.error == pytest.approx((0.05 + 2 * 0.35 + 3 * (2.94 - 2) / 3) / 6)


def test_a_calibrated_net_has_no_calibration_error() -> None:
    probability = np.array([0.25] * 4 + [0.75] * 4)
    ordered = np.array([True, False, False, False, True, True, True, False])
    assert reliability.reliability(probability, ordered).error == 0


def test_a_bar_is_as_high_as_the_share_that_was_true() -> None:
    """One bin holds for three of four pairs, the others are empty."""
    picture = reliability.draw_reliability(
        np.array([0.55] * 4), np.array([True, True, True, False])
    )
    width = reliability.SIZE // reliability.BINS
    column = picture[:, reliability.LEFT + 5 * width + 5]
    filled = np.flatnonzero((column == [146, 197, 222]).all(axis=1))
    height = reliability.TOP + reliability.SIZE - filled.min()
    assert height == pytest.approx(0.75 * reliability.SIZE, abs=2)
    marks = np.flatnonzero((column == RED).all(axis=1))
    assert reliability.TOP + reliability.SIZE - marks.mean() == pytest.approx(
        0.55 * reliability.SIZE, abs=2
    )
    other = picture[:, reliability.LEFT + 7 * width + 5]
    assert not (other == [146, 197, 222]).all(axis=1).any()


def test_filters_are_drawn_on_one_scale_around_white() -> None:
    weights = np.zeros((9, 2, 3, 3))
    weights[0, 0, 0, 0], weights[8, 1, 2, 2] = 0.5, -0.5
    picture = filters.draw_filters(weights)
    zoom = 10
    assert picture[filters.TOP + 1, 8 + 1].tolist() == RED
    second_row = filters.TOP + zoom * 3 + 8
    second_channel = 8 + 3 * zoom + 2
    assert picture[second_row + 3 * zoom - 2, second_channel + 3 * zoom - 2].tolist() == BLUE
    assert picture[second_row + 1, second_channel + 1].tolist() == WHITE


def test_filters_of_nothing_but_zeros_are_white() -> None:
    picture = filters.draw_filters(np.zeros((1, 1, 3, 3)))
    assert (picture[filters.TOP : filters.TOP + 30, 8:38] == 255).all()


def test_answers_are_taken_from_the_batches_in_their_order() -> None:
    images, true = torch.rand(3, 2, 14, 14), torch.tensor([[1, 2], [2, 1], [7, 7]])
    digits = torch.zeros(3, 2, 10)
    digits[:, 0, 4] = digits[:, 1, 6] = 1
    comparison = torch.tensor([[0.0, 2.0], [3.0, 0.0], [0.0, 1.0]])
    whole = Prediction(comparison, (torch.zeros(3, 2, 10), digits))
    batches = [
        (
            images[part],
            true[part],
            Prediction(whole.comparison[part], tuple(each[part] for each in whole.digits)),
        )
        for part in (slice(0, 2), slice(2, 3))
    ]
    found = collect(batches)
    assert found.said_ordered.tolist() == [True, False, True]
    np.testing.assert_allclose(
        found.probability_ordered, 1 / (1 + np.exp([-2.0, 3.0, -1.0])), rtol=1e-6
    )
    assert found.digits_read is not None
    assert found.digits_read.tolist() == 3 * [[4, 6]]
    assert found.ordered.tolist() == [True, False, True]
    assert np.array_equal(found.images, images.numpy())


def test_a_net_without_convolutions_has_no_filters() -> None:
    given = answers([0.9], [(2, 1)])
    assert sorted(pictures(given, Basic([4, 6], 8))) == [
        "test/digit_confusion",
        "test/mistakes",
        "test/reliability",
        "weights/first_layer",
    ]
    assert "weights/first_layer" not in pictures(given, nn.Linear(2, 2))
