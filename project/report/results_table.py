"""The results table: variants ordered by validation, each compared with one baseline by seed."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from project.report.formatting import NONE, Quantity, counted, p_words, quantity_of
from project.results.comparisons import Pair, compare_variants, paired_runs, why_not_paired
from project.results.metrics import Metric, best_by_validation
from project.results.records import RunRecord
from project.results.statistics import (
    MIN_PAIRS,
    SIGNIFICANCE,
    Paired,
    Summary,
    correct,
    smallest_possible_p_value,
    summarise,
)
from project.results.variants import Variant


@dataclass(frozen=True)
class Row:
    """One variant of the table."""

    variant: Variant
    validation: Summary | None  # orders the rows; None if a completed run has no such value
    test: Summary | None  # the same of the test values
    others: dict[str, Summary]  # of the test values of further metrics, by metric name
    reason: str  # why nothing is compared, `baseline` for the baseline itself; else empty
    pairs: Sequence[Pair]  # its runs and the baseline's that are compared
    paired: Paired | None  # their comparison
    p_value: float | None = None  # of `paired`, Holm-corrected over the table's `family`

    @property
    def is_baseline(self) -> bool:
        """Whether the other rows are compared with this one."""
        return self.reason == "baseline"

    @property
    def runs(self) -> int:
        """The number of completed runs."""
        return len(self.variant.runs)

    @cached_property
    def epochs(self) -> str:
        """The number of trained epochs as text: `25`, or `12 to 25`; a dash if unknown."""
        lengths = sorted(run.epochs for run in self.variant.runs if run.epochs is not None)
        return " to ".join(map(str, dict.fromkeys([*lengths[:1], *lengths[-1:]]))) or NONE

    @cached_property
    def seconds(self) -> Summary | None:
        """The statistics of the training time in seconds; None if no run recorded it."""
        values = [run.seconds for run in self.variant.runs if run.seconds is not None]
        return summarise(values) if values else None


@dataclass(frozen=True)
class Table:
    """The results table for the variants of one task and data set, the best by validation first.

    p-values are corrected for `family` comparisons: those with a baseline that the user named, else
    all pairs of variants, because a variant with lucky runs is chosen more often.
    """

    title: str
    rows: tuple[Row, ...]
    quantity: Quantity
    others: tuple[Quantity, ...]
    baseline: Variant | None  # that the others are compared with, if one could be chosen
    baseline_named: bool  # by the user; if not, validation values chose it
    family: int

    @property
    def metric(self) -> Metric:
        """The metric that the runs are judged by."""
        return self.quantity.metric

    @property
    def compared(self) -> list[Row]:
        """The rows that are compared with the baseline."""
        return [row for row in self.rows if row.paired is not None]

    @property
    def most_seeds(self) -> int:
        """The largest number of seeds that a variant shares with the baseline, or 0."""
        return max((len(row.pairs) for row in self.rows), default=0)

    @property
    def lowest_p_value(self) -> float:
        """The lowest possible corrected p-value; if 0.05 or more, nothing is significant."""
        return smallest_possible_p_value(self.most_seeds, self.family)

    @property
    def runs(self) -> list[RunRecord]:
        """All completed runs of the table."""
        return [run for row in self.rows for run in row.variant.runs]


def make_table(
    title: str,
    variants: Sequence[Variant],
    metric: Metric,
    others: Sequence[Metric] = (),
    named: Variant | None = None,
) -> Table:
    """Return the table of variants of one task and data set, each compared with the baseline.

    The baseline is `named` if it is one of the variants, else the best variant by validation.
    """
    is_named = any(each is named for each in variants)
    baseline = named if is_named else best_by_validation(variants, metric)
    rows = [_row(each, baseline, metric, others) for each in variants]
    tested = sum(bool(row.paired and not row.paired.exploratory) for row in rows)
    family = tested if is_named else math.comb(sum(bool(each.runs) for each in variants), 2)
    p_values = correct([row.paired for row in rows], family)
    rows = [replace(row, p_value=p) for row, p in zip(rows, p_values, strict=True)]
    rows.sort(key=lambda row: _place(row, metric))
    return Table(
        title=title,
        rows=tuple(rows),
        quantity=_quantity(metric, variants),
        others=tuple(_quantity(each, variants) for each in others),
        baseline=baseline,
        baseline_named=is_named,
        family=family,
    )


def _row(
    variant: Variant, baseline: Variant | None, metric: Metric, others: Sequence[Metric]
) -> Row:
    reason = _why_not_compared(variant, baseline, metric)
    other = None if reason else baseline
    return Row(
        variant=variant,
        validation=_summary(variant, metric.validation),
        test=_summary(variant, metric.test),
        others={each.name: summary for each in others if (summary := _summary(variant, each.test))},
        reason=reason,
        pairs=paired_runs(variant, other) if other else (),
        paired=compare_variants(variant, other, metric) if other else None,
    )


def _why_not_compared(variant: Variant, baseline: Variant | None, metric: Metric) -> str:
    if not variant.runs:
        return "no completed run"
    if variant.values(metric.test) is None:
        return f"not all runs have {metric.test}"
    if baseline is None:
        return "no baseline"
    return "baseline" if variant is baseline else why_not_paired(variant, baseline, metric.test)


def _summary(variant: Variant, metric: str) -> Summary | None:
    values = variant.values(metric)
    return None if values is None else summarise(values)


def _place(row: Row, metric: Metric) -> tuple[int, float]:
    """Return a sort key: by mean validation value, then variants without one, then without runs."""
    if row.validation is not None:
        return (0, metric.sign * row.validation.mean)
    return (1 if row.variant.runs else 2, 0.0)


def _quantity(metric: Metric, variants: Sequence[Variant]) -> Quantity:
    found = [run.metrics.get(key) for each in variants for run in each.runs
             for key in (metric.validation, metric.test)]  # fmt: skip
    return quantity_of(metric, [value for value in found if value is not None])


def headline(table: Table) -> str:
    """Return a sentence that compares the baseline with the first other row of the table."""
    quantity, rows = table.quantity, [row for row in table.rows if row.test is not None]
    if not rows or table.baseline is None:
        return "Nothing is compared: no completed run has the values to choose a baseline by."
    if len(rows) == 1:
        summary = rows[0].test
        n = counted(len(rows[0].variant.runs), "seed")
        return (
            f"{rows[0].variant.label} has a {quantity.name} of {quantity.mean_std(summary)}"
            f"{quantity.unit} over {n}; there is nothing to compare it with."
        )
    baseline, other = table.baseline.label, next(row for row in rows if not row.is_baseline)
    label = other.variant.label
    order = f"{label} is compared with {baseline}"
    if not table.baseline_named:
        order = f"By validation {baseline} is the best and {label} the next"
        if not rows[0].is_baseline:
            order = f"By validation {label} is the best, and {baseline} of those with the most runs"
    if other.paired is None:
        return f"{order}; they do not compare: {other.reason}."
    mean, ends, n = other.paired.mean, other.paired.ci, counted(other.paired.n, "seed")
    first, second = (label, baseline) if mean * table.metric.sign < 0 else (baseline, label)
    better = "lower" if table.metric.direction == "min" else "higher"
    size = quantity.value(abs(mean)) + quantity.points
    if ends is not None and mean < 0:
        ends = -ends[1], -ends[0]
    ci = "" if ends is None else f" (95 % CI {quantity.ci(ends)})"
    found = f"the {quantity.name} of {first} is {size} {better} than that of {second}{ci}"
    if quantity.value(abs(mean)) == quantity.value(0):
        found = f"both have the same mean {quantity.name}{ci}"
    if other.p_value is None:
        tell = f"cannot tell whether that is more than chance: {MIN_PAIRS} are the least"
    else:
        can = "can" if other.p_value < SIGNIFICANCE else "cannot"
        tell = f"{can} tell it from chance (Holm-corrected {p_words(other.p_value)})"
    return f"{order}: {found}; {n} {tell}."


def answer(table: Table) -> str:
    """Return what the baseline is, how it was chosen, and how many variants differ from it."""
    if table.baseline is None:
        return "No baseline, so nothing is compared."
    chosen = (
        "as asked for"
        if table.baseline_named
        else "the best mean validation value of those with the most completed runs (test values "
        "had no say)"
    )
    sentence = f"Baseline: {table.baseline.label}, {chosen}."
    found = [row for row in table.compared if row.p_value is not None]
    if not found:
        return sentence
    if table.lowest_p_value >= SIGNIFICANCE:
        return (
            f"{sentence} Whether a variant differs from it cannot be told by p-values: "
            f"{table.most_seeds} seeds are too few for {table.family} comparisons."
        )
    clear = [row.paired for row in found if row.paired and (row.p_value or 0) < SIGNIFICANCE]
    worse = sum(each.mean * table.metric.sign > 0 for each in clear)
    better, open_ = len(clear) - worse, len(found) - len(clear)
    family = "" if table.baseline_named else f" over all {table.family} pairs of variants"
    are = [f"{count or 'none'} {'is' if count < 2 else 'are'}" for count in (worse, better)]
    return (
        f"{sentence} Of {counted(len(found), 'variant')} compared with it, {are[0]} worse and "
        f"{are[1]} better (Holm's p < {SIGNIFICANCE}{family}); {open_} cannot be told from it by "
        "these seeds."
    )
