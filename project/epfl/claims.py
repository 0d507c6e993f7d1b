"""Verdicts on the publication's findings, from paired comparisons of our own runs; see `RULE`."""

import shlex
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from project.epfl.reference import Claim, Finding, Side, models
from project.report.formatting import MINUS, Quantity, p_value, p_words, plain
from project.report.sections import Cell, PageTable
from project.results.comparisons import paired_runs, why_not_paired
from project.results.metrics import Metric
from project.results.records import RunRecord
from project.results.statistics import (
    SIGNIFICANCE,
    Paired,
    compare_paired,
    correct,
    smallest_possible_p_value,
)
from project.results.text import seed_words
from project.results.variants import Settings, Variant, departures

ERROR = Metric("error", "min")
PERCENT = Quantity(ERROR, percent=True, digits=2)
QUANTITIES: dict[str, tuple[str, Callable[[RunRecord], float]]] = {
    "error": ("test error", lambda run: run.metrics["test/error"]),
    "gain": ("gain in test error", lambda run: run.metrics["test/error"]),
    "gap": (
        "test error minus that of training in its last epoch, with dropout",
        lambda run: run.metrics["test/error"] - run.metrics["train/error"],
    ),
    "seconds": ("training time", lambda run: run.seconds or 0.0),
}
RULE = (
    "A claim says that a quantity is smaller for one variant than for another at the same seeds. "
    "p: exact sign-flip test, two-sided, Holm-corrected over all claims of this list. The claim "
    "holds where the difference points its way and p < 0.05, fails where it points the other way "
    "and p < 0.05, and is undecided otherwise, which is no proof of equality. In brackets: the "
    "95 % CI of the difference."
)
Verdict = Literal["holds", "fails", "undecided", "exploratory", "not run", "not comparable"]
# A finding gets the first of these verdicts that one of its parts has: it holds if all parts hold.
ORDER: tuple[Verdict, ...] = (
    "not run", "not comparable", "fails", "exploratory", "undecided", "holds",
)  # fmt: skip


@dataclass(frozen=True)
class Part:
    """One claim of a finding, with its comparison and verdict.

    `quantity` is a key of `QUANTITIES`. `paired` is the claimed smaller side minus the larger one,
    with its Holm-corrected p-value; without it, `reason` says why, or is the evidence of the
    verdict. A part that does not count has no say in the verdict on its finding.
    """

    claim: str
    quantity: str = "error"
    paired: Paired | None = None
    p_value: float | None = None
    verdict: Verdict = "not run"
    reason: str = ""
    counts: bool = True

    @property
    def evidence(self) -> str:
        """The mean difference with its 95 % CI, p and n, as text; else `reason`."""
        if self.paired is None:
            return self.reason
        values, unit = (self.paired.mean, *(self.paired.ci or ())), " points"
        mean, *ends = map(PERCENT.difference, values)
        if self.quantity == "seconds":
            digits, unit = (1 if abs(values[0]) >= 10 else 2), " s"
            mean, *ends = (plain(value, digits) for value in values)
        between = f" ({' to '.join(ends)})" if ends else ""
        p = "" if self.p_value is None else f", {p_words(self.p_value)}"
        return f"{mean}{unit}{between}{p}, n = {self.paired.n}"


@dataclass(frozen=True)
class Judgement:
    """A finding in words, and its parts."""

    says: str
    parts: Sequence[Part]

    @property
    def verdict(self) -> Verdict:
        """Of the verdicts on the parts that count, or on all if none does, the first in `ORDER`."""
        own = [part for part in self.parts if part.counts] or self.parts
        return min((part.verdict for part in own), key=ORDER.index)


def rows_of(
    variants: Sequence[Variant], settings: Mapping[str, Settings | None]
) -> dict[str, Variant]:
    """Return the variant with completed runs that has the settings of a publication's row, by row.

    The row's settings are those of its model's file. A variant of another model's file may have
    them too, if the own has none.
    """
    found: dict[str, Variant] = {}
    completed = [each for each in variants if each.runs]
    for row, wanted in settings.items():
        if wanted is not None:
            alike = [each for each in completed if not departures(each.identity, wanted)]
            if alike:
                found[row] = min(alike, key=lambda each: each.first.model != row)
    return found


def judge(findings: Sequence[Finding], rows: Mapping[str, Variant]) -> list[Judgement]:
    """Return a verdict on each finding, given our variants by model name."""
    return judge_parts(
        [(each.says, [compare_claim(claim, rows) for claim in each.smaller]) for each in findings]
    )


def judge_parts(parts: Sequence[tuple[str, Sequence[Part]]]) -> list[Judgement]:
    """Judge the parts of each finding that have a comparison, Holm-corrected over all parts."""
    every = [part for _, own in parts for part in own]
    p_values = correct([part.paired for part in every])
    judged = (
        replace(part, p_value=p, verdict=verdict_on(part.paired, p)) if part.paired else part
        for part, p in zip(every, p_values, strict=True)
    )
    return [Judgement(says, [next(judged) for _ in own]) for says, own in parts]


def compare_claim(claim: Claim, rows: Mapping[str, Variant]) -> Part:
    """Return the paired comparison for a claim, not yet Holm-corrected, if its runs pair."""
    quantity, *sides = claim
    below, above = (side if isinstance(side, str) else " over ".join(side) for side in sides)
    part = Part(f"{below} below {above}: {QUANTITIES[quantity][0]}", quantity)
    missing = [name for name in models(claim) if name not in rows]
    if missing:
        return replace(part, reason=not_run(missing, rows))
    variants = [rows[name] for name in models(claim)]
    reasons = [why_not_paired(each, variants[0], ERROR.test) for each in variants[1:]]
    seeds = common_seeds(variants)
    if any(reasons) or not seeds:
        reason = next(filter(None, reasons), "no seed in common")
        return replace(part, verdict="not comparable", reason=reason)
    smaller, larger = (_values(quantity, side, rows, seeds) for side in sides)
    return replace(part, paired=compare_paired(smaller, larger))


def common_seeds(variants: Sequence[Variant]) -> list[int]:
    """Return the seeds at which all variants were tested on the same examples."""
    first, *others = variants
    paired = [{run.seed for run, _ in paired_runs(each, first)} for each in others]
    return sorted(set.intersection(set(first.seeds), *paired))


def not_run(names: Sequence[str], rows: Mapping[str, Variant]) -> str:
    """Return that models were not run, and the command that runs them at the seeds of the rows."""
    seeds = max((each.seeds for each in rows.values()), key=len)
    words = shlex.join([f"model={','.join(names)}", f"seed={seed_words(seeds)}"])
    return f"not run: python -m project.train -m {words}"


def values_at(quantity: str, variant: Variant, seeds: Sequence[int]) -> np.ndarray:
    """Return the quantity in a variant's runs at these seeds."""
    by_seed = {run.seed: QUANTITIES[quantity][1](run) for run in variant.runs}
    return np.array([by_seed[seed] for seed in seeds])


def _values(
    quantity: str, side: Side, rows: Mapping[str, Variant], seeds: Sequence[int]
) -> np.ndarray:
    """Return the quantity at each of `seeds`; for a side (improved, base), base minus improved."""
    if isinstance(side, str):
        return values_at(quantity, rows[side], seeds)
    after, before = (values_at(quantity, rows[name], seeds) for name in side)
    return before - after


def verdict_on(paired: Paired, p: float | None) -> Verdict:
    """Return the verdict on the claim that the first side of a comparison is smaller."""
    if p is None:
        return "exploratory"
    if p >= SIGNIFICANCE:
        return "undecided"
    return "holds" if paired.mean < 0 else "fails"


def in_reported_stds(mean: float, reported_mean: float, reported_std: float) -> str:
    """Return the distance of our mean from a published one, in published stds: `+0.35`."""
    return f"{(mean - reported_mean) / reported_std:+.2f}".replace("-", MINUS)


def judgement_table(judgements: Sequence[Judgement], more_rules: str = "") -> list[str | PageTable]:
    """Return the rule for verdicts, and a table with verdict and evidence for each finding."""
    paired = [part.paired for each in judgements for part in each.parts if part.paired]
    tested = [each.n for each in paired if not each.exploratory]
    lowest = smallest_possible_p_value(max(tested, default=0), len(tested))
    if tested and lowest >= SIGNIFICANCE:
        more_rules += (
            f" With {max(tested)} seeds and {len(tested)} claims no p can be below "
            f"{p_value(lowest)}: more seeds are needed for any verdict."
        )
    rows = []
    for each in judgements:
        first, *more = (
            f"{part.claim}: {part.evidence}" + f" ({part.verdict})" * (len(each.parts) > 1)
            for part in each.parts
        )
        rows.append([each.says, each.verdict, Cell(first, tuple(more))])
    table = PageTable("findings", ("finding", "verdict", "what it rests on"), rows)
    return [f"{RULE} {more_rules}".strip(), table]
