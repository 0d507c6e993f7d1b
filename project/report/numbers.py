"""Numbers as text: errors in percent, differences in percentage points, the rest as it is."""

from project.report.statistics import SIGNIFICANCE, Interval

NONE = "\N{EN DASH}"
MINUS = "\N{MINUS SIGN}"


def percent(share: float | None) -> str:
    """0.0238 as `2.38`"""
    return NONE if share is None else plain(100 * share)


def points(difference: float | None) -> str:
    """-0.0022 as `-0.22`, with its sign either way; 0 has none."""
    if difference is None:
        return NONE
    text = f"{100 * difference:+.2f}"
    return "0.00" if float(text) == 0 else text.replace("-", MINUS)


def mean_and_deviation(mean: float, deviation: float | None) -> str:
    """`2.38 ± 0.59`; a lone seed has no deviation."""
    return percent(mean) if deviation is None else f"{percent(mean)} ± {percent(deviation)}"


def interval(ends: Interval | None) -> str:
    """`2.10 to 2.66`"""
    return NONE if ends is None else f"{percent(ends[0])} to {percent(ends[1])}"


def point_interval(ends: Interval | None) -> str:
    """`-0.31 to +0.75`"""
    return NONE if ends is None else f"{points(ends[0])} to {points(ends[1])}"


def p_value(p: float | None) -> str:
    """Two digits that count, down to 0.0001; never 0, and never 0.05 for what is below it."""
    if p is None:
        return NONE
    if p < 0.0001:
        return "< 0.0001"
    text = f"{p:.{2 if p >= 0.1 else 3 if p >= 0.01 else 4}f}"
    return text if p >= SIGNIFICANCE or float(text) < SIGNIFICANCE else f"{min(p, 0.0499):.4f}"


def plain(value: float | None, digits: int = 2) -> str:
    """`-0.35`; 0 has no sign."""
    if value is None:
        return NONE
    text = f"{value:.{digits}f}"
    return text.lstrip("-") if float(text) == 0 else text.replace("-", MINUS)


def seconds(value: float | None) -> str:
    """`14.1`, and without the tenth from 100 on."""
    if value is None:
        return NONE
    return f"{value:.1f}" if value < 100 else f"{value:,.0f}"
