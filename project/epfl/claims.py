"""A verdict on every finding of the publication, from paired comparisons of our own runs.

A claim says that a quantity is smaller for one variant than for another. Its p-value is two-sided
and Holm-corrected over all claims: it holds where the difference points its way and p < 0.05, fails
where it points the other way and p < 0.05, and is undecided otherwise.
"""

import shlex
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

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
USUAL_SEEDS = 10
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
# Of several parts the first of these that one has: a finding holds only with all of its parts.
ORDER: tuple[Verdict, ...] = (
    "not run", "not comparable", "fails", "exploratory", "undecided", "holds",
)  # fmt: skip


@dataclass(frozen=True)
class Part:
    """One claim of a finding and what the runs say to it.

    Attributes:
        claim: In words.
        quantity: One of `QUANTITIES`.
        paired: The smaller side against the larger one; None with a `reason`.
        p_value: Holm-corrected; None below six seeds.
        verdict: On the claim.
        reason: Why nothing was compared, or what else the verdict rests on.
    """

    claim: str
    quantity: str = "error"
    paired: Paired | None = None
    p_value: float | None = None
    verdict: Verdict = "not run"
    reason: str = ""

    @property
    def evidence(self) -> str:
        """Mean difference and its 95 % CI, p, n; or the reason."""
        if self.paired is None:
            return self.reason
        mean, ends, unit = self.paired.mean, self.paired.ci or (), " points"
        form: Callable[[float], str] = PERCENT.difference
        if self.quantity == "seconds":
            digits, unit = (1 if abs(mean) >= 10 else 2), " s"
            form = lambda value: plain(value, digits)  # noqa: E731
        between = f" ({' to '.join(map(form, ends))})" if ends else ""
        p = "" if self.p_value is None else f", {p_words(self.p_value)}"
        return f"{form(mean)}{unit}{between}{p}, n = {self.paired.n}"


@dataclass(frozen=True)
class Judgement:
    """A finding, its verdict, and the parts that the verdict rests on."""

    says: str
    verdict: Verdict
    parts: tuple[Part, ...]


def rows_of(
    variants: Sequence[Variant], settings: Mapping[str, Settings | None]
) -> dict[str, Variant]:
    """Return the variant that is the publication's row, for every row that has completed runs.

    Args:
        variants: Ours.
        settings: Of each row's model, as its file gives them. A variant that was made of another
            model's file with the same settings will do.
    """
    found: dict[str, Variant] = {}
    for row, wanted in settings.items():
        alike = [
            each
            for each in variants
            if each.runs and wanted is not None and not departures(each.identity, wanted)
        ]
        if alike:
            found[row] = min(alike, key=lambda each: each.first.model != row)
    return found


def judge(findings: Sequence[Finding], rows: Mapping[str, Variant]) -> list[Judgement]:
    """Return a verdict for every finding; Holm's correction is over all their claims."""
    return judge_parts(
        [(each.says, [compare_claim(claim, rows) for claim in each.smaller]) for each in findings]
    )


def judge_parts(parts: Sequence[tuple[str, Sequence[Part]]]) -> list[Judgement]:
    """Return a verdict for every finding, whose parts are corrected over all of them."""
    every = [part for _, own in parts for part in own]
    p_values = correct([part.paired for part in every])
    judged = (
        replace(part, p_value=p, verdict=verdict_on(part.paired, p)) if part.paired else part
        for part, p in zip(every, p_values, strict=True)
    )
    return [conclude(says, [next(judged) for _ in own]) for says, own in parts]


def compare_claim(claim: Claim, rows: Mapping[str, Variant]) -> Part:
    """Return the claim's paired comparison, not yet corrected for the others."""
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
        reason = next((reason for reason in reasons if reason), "no seed in common")
        return replace(part, verdict="not comparable", reason=reason)
    smaller, larger = (_values(quantity, side, rows, seeds) for side in sides)
    return replace(part, paired=compare_paired(smaller, larger))


def common_seeds(variants: Sequence[Variant]) -> list[int]:
    """Return the seeds at which all variants were tested on the same examples."""
    first, *others = variants
    paired = [{run.seed for run, _ in paired_runs(each, first)} for each in others]
    return sorted(set.intersection(set(first.seeds), *paired))


def not_run(names: Sequence[str], rows: Mapping[str, Variant]) -> str:
    """Say that they are missing, and with which command they are run at the seeds of the others."""
    seeds = max((each.seeds for each in rows.values()), key=len, default=list(range(USUAL_SEEDS)))
    words = shlex.join([f"model={','.join(names)}", f"seed={seed_words(seeds)}"])
    return f"not run: python -m project.train -m {words}"


def _values(
    quantity: str, side: Side, rows: Mapping[str, Variant], seeds: Sequence[int]
) -> list[float]:
    """Return the quantity at each of `seeds`; of (improved, base) how much smaller it became."""

    def of(name: str) -> list[float]:
        by_seed = {run.seed: QUANTITIES[quantity][1](run) for run in rows[name].runs}
        return [by_seed[seed] for seed in seeds]

    if isinstance(side, str):
        return of(side)
    improved, base = side
    return [before - after for before, after in zip(of(base), of(improved), strict=True)]


def verdict_on(paired: Paired, p: float | None) -> Verdict:
    """Return whether the first side is smaller, by its Holm-corrected p-value (None: too few)."""
    if p is None:
        return "exploratory"
    if p >= SIGNIFICANCE:
        return "undecided"
    return "holds" if paired.mean < 0 else "fails"


def conclude(says: str, parts: Iterable[Part]) -> Judgement:
    """Return the finding with the verdict on all of its parts, one at least."""
    own = tuple(parts)
    return Judgement(says, min((part.verdict for part in own), key=ORDER.index), own)


def in_reported_stds(mean: float, reported_mean: float, reported_std: float) -> str:
    """Return how far a mean lies from a published one, in the published stds: `+0.35`.

    No test: the publication does not say over how many runs it was taken. Within 1 it lies where a
    single published run commonly did.
    """
    return f"{(mean - reported_mean) / reported_std:+.2f}".replace("-", MINUS)


def judgement_table(judgements: Sequence[Judgement], more_rules: str = "") -> list[str | PageTable]:
    """Return the rule, and a row for each finding: verdict, and what it rests on."""
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
