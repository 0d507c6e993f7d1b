"""A verdict on every finding of a publication, from paired comparisons of our own runs.

A claim says that a quantity is smaller for one arm than for another. Its p-value is two-sided and
Holm-corrected over all claims: it holds where the difference points its way and p < 0.05, fails
where it points the other way and p < 0.05, and is undecided otherwise.
"""

import shlex
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from project.report import numbers
from project.report.arms import Arm
from project.report.choosing import DATASET, swept
from project.report.comparisons import why_not_paired
from project.report.reference import Claim, Finding
from project.report.runs import StoredRun
from project.report.statistics import (
    PairedComparison,
    Verdict,
    compare,
    holm,
    overall,
    verdict,
)

USUAL_SEEDS = 10
QUANTITIES: dict[str, Callable[[StoredRun], float]] = {
    "error": lambda run: run.metrics["test/error"],
    "gain": lambda run: run.metrics["test/error"],
    "gap": lambda run: run.metrics["test/error"] - run.metrics["train/error"],
    "seconds": lambda run: run.seconds["training"],
}
NAMES = {
    "error": "test error",
    "gain": "gain in test error",
    "gap": "test error minus that of training in its last epoch, with dropout",
    "seconds": "training time",
}
Judged = Verdict | Literal["not run", "not comparable"]


@dataclass(frozen=True)
class Part:
    """One claim of a finding and what the runs say to it.

    claim: in words. comparison: of the smaller side with the larger one; None with a `reason`.
    """

    claim: str
    quantity: str
    comparison: PairedComparison | None
    adjusted_p_value: float | None
    verdict: Judged
    reason: str = ""

    @property
    def evidence(self) -> str:
        """Mean difference and its 95 % interval, p, n; or why there is none."""
        if self.comparison is None:
            return self.reason
        mean, ends = self.comparison.mean_difference, self.comparison.interval
        if self.quantity == "seconds":
            digits = 1 if abs(mean) >= 10 else 2
            size = f"{numbers.plain(mean, digits)} s"
            spread = [numbers.plain(end, digits) for end in ends or ()]
        else:
            size = f"{numbers.points(mean)} points"
            spread = [numbers.points(end) for end in ends or ()]
        between = f" ({' to '.join(spread)})" if spread else ""
        return f"{size}{between}{p_clause(self.adjusted_p_value)}, n = {self.comparison.n}"


def p_clause(p: float | None) -> str:
    """`, p = 0.03` or `, p < 0.0001`; nothing where there is no p-value."""
    if p is None:
        return ""
    text = numbers.p_value(p)
    return f", p {text}" if text.startswith("<") else f", p = {text}"


@dataclass(frozen=True)
class Judgement:
    """A finding, its verdict, and the parts that the verdict rests on."""

    says: str
    verdict: Judged
    parts: tuple[Part, ...]


def rows_of(arms: Sequence[Arm], settings: Mapping[str, Mapping[str, Any]]) -> dict[str, Arm]:
    """The arm that is the publication's row, for every row that has completed runs.

    settings: of each row's model as `flat_settings` gives them. An arm that was made of another
    model's file with the same settings will do.
    """
    found: dict[str, Arm] = {}
    for row, wanted in settings.items():
        alike = [arm for arm in arms if arm.runs and _without_dataset(arm) == wanted]
        alike.sort(key=lambda arm: arm.model != row)
        if alike:
            found[row] = alike[0]
    return found


def _without_dataset(arm: Arm) -> dict[str, Any]:
    return {key: value for key, value in arm.settings.items() if key != DATASET}


def judge(findings: Sequence[Finding], rows: Mapping[str, Arm]) -> list[Judgement]:
    """A verdict for every finding; Holm's correction is over all their claims."""
    parts = [[compare_claim(claim, rows) for claim in finding.claims] for finding in findings]
    corrected = iter(correct([part for own in parts for part in own]))
    return [
        conclude(finding.says, [next(corrected) for _ in own])
        for finding, own in zip(findings, parts, strict=True)
    ]


def compare_claim(claim: Claim, rows: Mapping[str, Arm]) -> Part:
    """The claim's paired comparison, not yet corrected for the others."""
    words = f"{_words(claim.smaller)} below {_words(claim.larger)}: {NAMES[claim.quantity]}"
    part = Part(words, claim.quantity, None, None, "not run")
    missing = [name for name in claim.rows if name not in rows]
    if missing:
        return replace(part, reason=not_run(missing, rows))
    arms = [rows[name] for name in claim.rows]
    reasons = [why_not_paired(arm, arms[0]) for arm in arms[1:]]
    seeds = sorted(set.intersection(*(set(arm.seeds) for arm in arms)))
    if any(reasons) or not seeds:
        reason = next((reason for reason in reasons if reason), "no seed in common")
        return replace(part, verdict="not comparable", reason=reason)
    smaller, larger = (
        _values(claim.quantity, side, rows, seeds) for side in (claim.smaller, claim.larger)
    )
    return replace(part, comparison=compare(smaller, larger))


def not_run(models: Sequence[str], rows: Mapping[str, Arm]) -> str:
    """That they are missing, and the command that runs them at the seeds of the others."""
    seeds = max((arm.seeds for arm in rows.values()), key=len, default=list(range(USUAL_SEEDS)))
    words = shlex.join([f"model={','.join(models)}", f"seed={swept(seeds)}"])
    return f"not run: python -m project.train -m {words}"


def _words(side: str | tuple[str, str]) -> str:
    return side if isinstance(side, str) else f"{side[0]} over {side[1]}"


def _values(
    quantity: str, side: str | tuple[str, str], rows: Mapping[str, Arm], seeds: Sequence[int]
) -> list[float]:
    """The quantity at each of `seeds`; of (improved, base) how much smaller it has become."""

    def of(name: str) -> list[float]:
        by_seed = {run.seed: QUANTITIES[quantity](run) for run in rows[name].runs}
        return [by_seed[seed] for seed in seeds]

    if isinstance(side, str):
        return of(side)
    improved, base = side
    return [before - after for before, after in zip(of(base), of(improved), strict=True)]


def correct(parts: Sequence[Part]) -> list[Part]:
    """The parts with Holm's p-values over all of them, and their verdicts."""
    p_values = [
        part.comparison.sign_flip_p_value
        for part in parts
        if part.comparison and part.comparison.sign_flip_p_value is not None
    ]
    adjusted = iter(holm(p_values))
    corrected = []
    for part in parts:
        if part.comparison is not None:
            p = None if part.comparison.exploratory else next(adjusted)
            part = replace(part, adjusted_p_value=p, verdict=verdict(part.comparison, p))
        corrected.append(part)
    return corrected


def conclude(says: str, parts: Sequence[Part]) -> Judgement:
    """The finding's verdict; without one while a part cannot be compared."""
    verdicts: list[Verdict] = []
    for part in parts:
        if part.verdict == "not run" or part.verdict == "not comparable":
            return Judgement(says, part.verdict, tuple(parts))
        verdicts.append(part.verdict)
    return Judgement(says, overall(verdicts), tuple(parts))
