"""Write numbers as text: shares such as errors in percent, their differences in points."""

import math
from collections.abc import Iterable

from project.results.metrics import Metric
from project.results.statistics import SIGNIFICANCE, Interval, Paired, Summary, summarise
from project.results.variants import Variant

NONE = "\N{EN DASH}"
MINUS = "\N{MINUS SIGN}"
# Metrics whose values are shares of 1, by the last word of their name.
SHARES = ("acc", "accuracy", "error")
DIGITS = 4  # significant ones, for metrics that are not shares


class Quantity:
    """A metric and how its values are written: with `digits` decimals, shares of 1 in percent."""

    def __init__(self, metric: Metric, percent: bool, digits: int) -> None:
        self.metric, self.percent, self.digits = metric, percent, digits
        self.scale = 100 if percent else 1  # what values are multiplied by
        self.unit = " %" if percent else ""  # after a value
        self.points = " points" if percent else ""  # after a difference
        self.plain_name = metric.name.replace("_", " ")
        self.name = f"test {self.plain_name}"

    def header(self, stage: str = "test") -> str:
        """Return the column header of a stage's values: `test error, %`."""
        return f"{stage} {self.plain_name}" + ", %" * self.percent

    def value(self, value: float | None) -> str:
        """Return a value as text, 0.0238 as `2.38`; a dash for None."""
        return plain(None if value is None else self.scale * value, self.digits)

    def mean_std(self, summary: Summary | None) -> str:
        """Return `2.38 ± 0.59`; only the mean for a single seed, a dash for None."""
        if summary is None:
            return NONE
        std = "" if summary.std is None else f" ± {self.value(summary.std)}"
        return self.value(summary.mean) + std

    def ci(self, ends: Interval | None) -> str:
        """Return an interval as text, `2.10 to 2.66`; a dash for None."""
        return NONE if ends is None else f"{self.value(ends[0])} to {self.value(ends[1])}"

    def difference(self, difference: float | None) -> str:
        """Return a difference with its sign, -0.0022 as `-0.22`; a dash for None."""
        text = self.value(difference)
        return f"+{text}" if difference and difference > 0 and float(text) else text

    def difference_ci(self, ends: Interval | None) -> str:
        """Return the interval of a difference, `-0.31 to +0.75`; a dash for None."""
        return NONE if ends is None else " to ".join(map(self.difference, ends))

    def in_points(self, what: str) -> str:
        """Return the column header of what is in the unit of differences: `std, points`."""
        return what + ("," + self.points) * self.percent

    def summary(self, variant: Variant) -> Summary:
        """Return the statistics of the test values of a variant whose runs all have them."""
        return summarise(variant.values(self.metric.test) or [])

    def compared(self, paired: Paired | None, p: float | None, reason: str) -> dict[str, str]:
        """Return a comparison's difference, its CI and p by column, or why there are none."""
        texts = (reason, NONE, NONE)
        if paired is not None:
            p_text = "exploratory" if paired.exploratory else p_value(p)
            texts = (self.difference(paired.mean), self.difference_ci(paired.ci), p_text)
        return dict(zip((self.in_points("difference"), "95 % CI", "p"), texts, strict=True))


def quantity_of(metric: Metric, values: Iterable[float]) -> Quantity:
    """Return how a metric is written: in percent, or with 4 digits of its largest value."""
    largest = max(map(abs, values), default=0.0)
    if metric.name.lower().rpartition("_")[2] in SHARES and largest <= 1:
        return Quantity(metric, percent=True, digits=2)
    places = DIGITS - 1 - math.floor(math.log10(largest)) if largest > 0 else 2
    return Quantity(metric, percent=False, digits=min(max(places, 0), 8))


def plain(value: float | None, digits: int = 2) -> str:
    """Return a number as text, `-0.35`; 0 has no sign, and None is a dash."""
    if value is None:
        return NONE
    text = f"{value:.{digits}f}"
    return text.lstrip("-") if float(text) == 0 else text.replace("-", MINUS)


def p_value(p: float | None) -> str:
    """Return a p-value with two significant digits, fewer below 0.001, and never 0.05 for less."""
    if p is None:
        return NONE
    if p < 0.0001:
        return "< 0.0001"
    text = f"{p:.{2 if p >= 0.1 else 3 if p >= 0.01 else 4}f}"
    return text if p >= SIGNIFICANCE or float(text) < SIGNIFICANCE else f"{min(p, 0.0499):.4f}"


def p_words(p: float) -> str:
    """Return a p-value as a relation: `p = 0.03` or `p < 0.0001`."""
    text = p_value(p)
    return f"p {text}" if text.startswith("<") else f"p = {text}"


def seconds(value: float | None) -> str:
    """Return seconds as text: `14.1`, without decimals from 100 on; a dash for None."""
    if value is None:
        return NONE
    return f"{value:.1f}" if value < 100 else f"{value:,.0f}"


def thousands(number: int | None) -> str:
    """Return a number with thousands separators, `76,820`; a dash for None."""
    return NONE if number is None else f"{number:,}"


def counted(count: int, noun: str) -> str:
    """Return a count with its noun, which gets an `s` unless the count is 1: `2 runs`."""
    return f"{count:,} {noun}{'s' * (count != 1)}"


def listed(parts: Iterable[str], separator: str = ", ", most: int = 8) -> str:
    """Return the parts joined; beyond `most` only the first ones and `and <k> more`."""
    every = list(parts)
    more = [f"and {len(every) - most} more"] if len(every) > most else []
    return separator.join([*every[:most], *more])
