"""Every arm against one baseline, seed by seed, and only where the seeds really pair."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from project.report.arms import Arm
from project.report.choosing import best_by_validation
from project.report.runs import PAIRS, StoredRun
from project.report.statistics import (
    PairedComparison,
    Summary,
    compare,
    holm,
    smallest_possible_p_value,
    summarise,
)

METRIC = "test/error"
TITLES = {PAIRS: "Part 1: comparing two digits", "disk": "Part 2: points in a disk"}
# What decides which digits are paired, and so which test pairs an error was measured on.
PAIR_COUNTS = ("train_pairs", "val_pairs", "test_pairs")


@dataclass(frozen=True)
class Row:
    """One arm of the table.

    summary: of its test errors, None where no run completed. comparison: against the baseline, over
    `paired_seeds`; None with a `reason`. adjusted_p_value: Holm's, over the table's `family`.
    """

    arm: Arm
    summary: Summary | None
    comparison: PairedComparison | None
    paired_seeds: tuple[int, ...]
    adjusted_p_value: float | None
    reason: str

    @property
    def parameters(self) -> int | None:
        """Of the net; the same for all runs of an arm."""
        return self.arm.runs[0].parameters if self.arm.runs else None

    @property
    def training_seconds(self) -> Summary | None:
        """Of one run."""
        if not self.arm.runs:
            return None
        return summarise([run.seconds["training"] for run in self.arm.runs])

    @property
    def diverged(self) -> int:
        """How many runs ended in a loss that is no number."""
        return sum(run.diverged for run in self.arm.unfinished)


@dataclass(frozen=True)
class Table:
    """The arms of one experiment, the lowest mean test error first.

    baseline_named: whether the user chose the baseline, and not the validation errors.
    family: the number of comparisons over which p-values are corrected: those with a baseline that
    was named; or all pairs of arms, where the validation errors of the same runs chose it, since
    an arm whose runs were lucky is more likely to be chosen.
    """

    experiment: str
    rows: tuple[Row, ...]
    baseline: Arm | None
    baseline_named: bool
    family: int

    @property
    def title(self) -> str:
        """What the experiment is."""
        return TITLES[self.experiment]

    @property
    def most_seeds(self) -> int:
        """That an arm has in common with the baseline."""
        return max((row.comparison.n for row in self.rows if row.comparison), default=0)

    @property
    def lowest_p_value(self) -> float:
        """That so many seeds can give; nothing can be told where it is not below 0.05."""
        return smallest_possible_p_value(self.most_seeds, self.family)

    @property
    def runs(self) -> list[StoredRun]:
        """All completed runs behind the table."""
        return [run for row in self.rows for run in row.arm.runs]


def make_table(arms: Sequence[Arm], named: Arm | None) -> Table:
    """The table of arms of one experiment; `named` is the baseline if it is one of them."""
    is_named = named is not None and any(arm is named for arm in arms)
    baseline = named if is_named else best_by_validation(arms)
    rows = [_row(arm, baseline) for arm in arms]
    tested = [
        (number, row.comparison.sign_flip_p_value)
        for number, row in enumerate(rows)
        if row.comparison and row.comparison.sign_flip_p_value is not None
    ]
    family = len(tested) if is_named else math.comb(sum(bool(arm.runs) for arm in arms), 2)
    for (number, _), p in zip(tested, holm([p for _, p in tested], family), strict=True):
        rows[number] = replace(rows[number], adjusted_p_value=p)
    rows.sort(key=lambda row: row.summary.mean if row.summary else float("inf"))
    return Table(arms[0].experiment, tuple(rows), baseline, is_named, family)


def _row(arm: Arm, baseline: Arm | None) -> Row:
    summary = summarise(arm.values(METRIC)) if arm.runs else None
    empty = Row(arm, summary, None, (), None, "")
    if not arm.runs:
        return replace(empty, reason="no completed run")
    if baseline is None:
        return replace(empty, reason="no baseline")
    if arm is baseline:
        return replace(empty, reason="baseline")
    if reason := why_not_paired(arm, baseline):
        return replace(empty, reason=reason)
    paired_seeds = tuple(own.seed for own, _ in paired_runs(arm, baseline))
    return replace(empty, comparison=compare_arms(arm, baseline), paired_seeds=paired_seeds)


def compare_arms(arm: Arm, baseline: Arm) -> PairedComparison:
    """Test errors at the seeds that both have, one at least; see `why_not_paired`."""
    pairs = paired_runs(arm, baseline)
    return compare(
        [own.metrics[METRIC] for own, _ in pairs], [other.metrics[METRIC] for _, other in pairs]
    )


def paired_runs(arm: Arm, baseline: Arm) -> list[tuple[StoredRun, StoredRun]]:
    """The completed runs of both at the seeds that both have."""
    others = {run.seed: run for run in baseline.runs}
    return [(run, others[run.seed]) for run in arm.runs if run.seed in others]


def why_not_paired(arm: Arm, baseline: Arm) -> str:
    """Why the two cannot be compared seed by seed, in words; empty where they can."""
    for each in (arm, baseline):
        diverged = sum(run.diverged for run in each.unfinished)
        if diverged:
            whose = "" if each is arm else " of the baseline"
            return (
                f"{diverged} of {diverged + len(each.runs)} runs{whose} diverged, "
                "and the others are no fair sample"
            )
    pairs = paired_runs(arm, baseline)
    if not pairs:
        return "no seed in common"
    for own, other in pairs:
        mine, theirs = drawn_from(own), drawn_from(other)
        for name, value in mine.items():
            if value != theirs[name]:
                return f"not the same pairs: {name} {_short(value)} against {_short(theirs[name])}"
    return ""


def drawn_from(run: StoredRun) -> dict[str, Any]:
    """Everything that decides which examples the run was tested on."""
    data = run.provenance["data"]
    drawn: dict[str, Any] = {"dataset": data["dataset"], "data checksum": data["sha256"]}
    if run.experiment == PAIRS:
        # The points of a disk are themselves what the checksum is of.
        seeds = run.config.get("seeds", {})
        drawn["seeds.data"] = seeds.get("data", run.seed)
        drawn |= {f"data.{name}": run.config["data"][name] for name in PAIR_COUNTS}
    return drawn


def _short(value: Any) -> str:
    return str(value)[:12]
