"""Reliability diagram: predicted probabilities against observed frequencies."""

from dataclasses import dataclass

import numpy as np

from project.tasks.pictures.canvas import BLUE, GREY, LIGHT, RED, Canvas

BINS = 10
SIZE, LEFT, TOP = 280, 40, 48


@dataclass(frozen=True)
class Reliability:
    """The pairs grouped by the predicted probability of "first <= second", in `BINS` equal bins."""

    counts: np.ndarray  # (BINS,), the number of pairs in each bin
    said: np.ndarray  # (BINS,), the mean predicted probability; NaN for an empty bin
    true: np.ndarray  # (BINS,), the share of pairs with first <= second; NaN for an empty bin
    error: float  # expected calibration error: the mean of |true - said| weighted by the counts


def reliability(probability: np.ndarray, ordered: np.ndarray) -> Reliability:
    """Group predicted probabilities (N,) into bins; compare them with the truth (N,), booleans."""
    index = np.minimum((BINS * probability).astype(int), BINS - 1)
    counts = np.bincount(index, minlength=BINS)
    # An empty bin gets NaN: 0 would look like a measured value.
    filled = np.where(counts > 0, counts, np.nan)
    said = np.bincount(index, probability, minlength=BINS) / filled
    true = np.bincount(index, ordered, minlength=BINS) / filled
    error = float(np.nansum(counts * np.abs(true - said)) / len(probability))
    return Reliability(counts, said, true, error)


def draw_reliability(probability: np.ndarray, ordered: np.ndarray) -> np.ndarray:
    """Draw the diagram of predicted probabilities (N,) and the truth (N,) as uint8 (H, W, 3).

    Each bin has a bar for the observed share, a red mark at the mean predicted probability, and the
    number of pairs below.
    """
    bins = reliability(probability, ordered)
    canvas = Canvas(LEFT + SIZE + 14, TOP + SIZE + 58)
    canvas.text(8, 6, f"expected calibration error {bins.error:.4f}", size=13)
    canvas.text(8, 26, "share of pairs with first <= second", GREY)
    bottom = TOP + SIZE
    width = SIZE // BINS
    for number in range(BINS):
        left = LEFT + number * width
        if bins.counts[number]:
            height, mark = bins.true[number] * SIZE, bins.said[number] * SIZE
            right = left + width - 2
            bar = (left + 2, bottom - height, right, bottom)
            canvas.draw.rectangle(bar, (146, 197, 222), BLUE)
            canvas.draw.rectangle((left + 2, bottom - mark - 1, right, bottom - mark), RED)
        middle = left + width / 2
        canvas.text(middle, bottom + 18, str(bins.counts[number]), GREY, 10, "ma")
    for tick in range(0, 11, 2):
        place = tick * SIZE // 10
        canvas.text(LEFT - 6, bottom - place, f"{tick / 10:.1f}", anchor="rm")
        canvas.text(LEFT + place, bottom + 3, f"{tick / 10:.1f}", anchor="ma")
    canvas.draw.line((LEFT, bottom, LEFT + SIZE, TOP), fill=LIGHT)
    canvas.draw.rectangle((LEFT, TOP, LEFT + SIZE, bottom), outline=GREY)
    canvas.text(8, bottom + 18, "pairs", GREY, 10)
    canvas.text(8, bottom + 36, "probability that the net gives it (red: the bin's mean)", GREY)
    return canvas.array()
