"""Numbers as text: shares such as errors in percent, differences of them in percentage points."""

import math
from collections.abc import Iterable
from dataclasses import dataclass

from project.results.metrics import Metric
from project.results.statistics import SIGNIFICANCE, Interval, Summary

NONE = "\N{EN DASH}"
MINUS = "\N{MINUS SIGN}"
# Metrics that are shares of 1, by the last word of their name.
SHARES = ("acc", "accuracy", "error")
DIGITS = 4  # that count, of what is no share


@dataclass(frozen=True)
class Quantity:
    """How the values of a metric are written.

    Attributes:
        metric: The metric.
        percent: Whether values are shares of 1, written in percent.
        digits: After the point.
    """

    metric: Metric
    percent: bool
    digits: int

    @property
    def scale(self) -> int:
        """What values are multiplied by before they are written."""
        return 100 if self.percent else 1

    @property
    def unit(self) -> str:
        """` %`, or nothing."""
        return " %" if self.percent else ""

    @property
    def points(self) -> str:
        """` points`, of a difference of percentages; or nothing."""
        return " points" if self.percent else ""

    @property
    def name(self) -> str:
        """`test error`."""
        return f"test {self.plain_name}"

    @property
    def plain_name(self) -> str:
        """`error`."""
        return self.metric.name.replace("_", " ")

    def header(self, stage: str = "test") -> str:
        """`test error, %`."""
        return f"{stage} {self.plain_name}" + (", %" if self.percent else "")

    def value(self, value: float | None) -> str:
        """0.0238 as `2.38`."""
        return plain(None if value is None else self.scale * value, self.digits)

    def mean_std(self, summary: Summary | None) -> str:
        """`2.38 ± 0.59`; a lone seed has no std."""
        if summary is None:
            return NONE
        std = "" if summary.std is None else f" ± {self.value(summary.std)}"
        return self.value(summary.mean) + std

    def ci(self, ends: Interval | None) -> str:
        """`2.10 to 2.66`."""
        return NONE if ends is None else f"{self.value(ends[0])} to {self.value(ends[1])}"

    def difference(self, difference: float | None) -> str:
        """-0.0022 as `-0.22`, with its sign either way; 0 has none."""
        return signed(None if difference is None else self.scale * difference, self.digits)

    def difference_ci(self, ends: Interval | None) -> str:
        """`-0.31 to +0.75`."""
        return NONE if ends is None else " to ".join(map(self.difference, ends))


def quantity_of(metric: Metric, values: Iterable[float]) -> Quantity:
    """Return how a metric is written whose values these are."""
    sizes = [abs(value) for value in values]
    largest = max(sizes, default=0.0)
    if metric.name.lower().rpartition("_")[2] in SHARES and largest <= 1:
        return Quantity(metric, percent=True, digits=2)
    places = DIGITS - 1 - math.floor(math.log10(largest)) if largest > 0 else 2
    return Quantity(metric, percent=False, digits=min(max(places, 0), 8))


def plain(value: float | None, digits: int = 2) -> str:
    """`-0.35`; 0 has no sign."""
    if value is None:
        return NONE
    text = f"{value:.{digits}f}"
    return text.lstrip("-") if float(text) == 0 else text.replace("-", MINUS)


def signed(value: float | None, digits: int = 2) -> str:
    """`+0.35`; 0 has no sign."""
    text = plain(value, digits)
    return text if value is None or value <= 0 or float(text) == 0 else f"+{text}"


def p_value(p: float | None) -> str:
    """Two digits that count, down to 0.0001; never 0, and never 0.05 for what is below it."""
    if p is None:
        return NONE
    if p < 0.0001:
        return "< 0.0001"
    text = f"{p:.{2 if p >= 0.1 else 3 if p >= 0.01 else 4}f}"
    return text if p >= SIGNIFICANCE or float(text) < SIGNIFICANCE else f"{min(p, 0.0499):.4f}"


def p_words(p: float) -> str:
    """`p = 0.03` or `p < 0.0001`."""
    text = p_value(p)
    return f"p {text}" if text.startswith("<") else f"p = {text}"


def seconds(value: float | None) -> str:
    """`14.1`, and without the tenth from 100 on."""
    if value is None:
        return NONE
    return f"{value:.1f}" if value < 100 else f"{value:,.0f}"


def counted(count: int, noun: str) -> str:
    """`1 run`, `2 runs`."""
    return f"{count:,} {noun}{'s' * (count != 1)}"


def listed(parts: Iterable[str], separator: str = ", ", most: int = 8) -> str:
    """The parts; of more than `most` the first ones, and how many more there are."""
    every = list(parts)
    more = [f"and {len(every) - most} more"] if len(every) > most else []
    return separator.join([*every[:most], *more])
