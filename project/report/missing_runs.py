"""Runs that are missing or damaged: what to say, and the commands that make them."""

import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from project.report.formatting import counted, listed
from project.report.selection import PlannedVariant
from project.results.records import Problem
from project.results.text import seed_list, seed_words
from project.results.variants import Variant, labels_of
from project.runs.record import RUNNING

# With more gaps than this the first ones show what is going on.
MAX_SHOWN = 12

# Of the words that led to a run, what is said of the one command that was typed.
NOT_AGAIN = ("seed=", "paths.outputs=", "rerun=", "code=", "tags=", "notes=")


class MissingRunsError(Exception):
    """The report was asked to be complete (`strict=true`), and runs are missing or damaged."""

    def __init__(self, message: str, exit_code: int) -> None:
        super().__init__(message)
        self.exit_code = exit_code  # 3: damaged files; 4: refused


@dataclass(frozen=True)
class Gap:
    """The seeds of a variant without a completed run, each with what stands there instead."""

    label: str
    command: str
    words: Sequence[str]  # that lead to the variant
    seeds: dict[int, str]
    planned: bool = False  # and never begun

    def __str__(self) -> str:
        """`ws_al: seeds 3, 4 missing; seed 7 failed`."""
        parts = []
        for state in dict.fromkeys(self.seeds.values()):
            own = [seed for seed, other in self.seeds.items() if other == state]
            parts.append(f"seed{'s' * (len(own) > 1)} {seed_list(own)} {state}")
        return f"{self.label}: {'; '.join(parts)}"


def find_gaps(variants: Sequence[Variant], planned: Sequence[PlannedVariant]) -> list[Gap]:
    """Return what one table lacks: the seeds that another variant has or that a study plans.

    A run whose loss diverged is no gap: it would do so again, and is a result that is counted.
    """
    demanded = {seed for plan in planned for seed in plan.seeds}
    demanded |= {run.seed for each in variants for run in each.all_runs}
    gaps = []
    for each in variants:
        there = {*each.seeds, *(run.seed for run in each.unfinished if run.diverged)}
        states = {
            # A killed process leaves "running" too.
            run.seed: "running or killed" if run.status == RUNNING else run.status
            for run in each.unfinished
        }
        lacking = {seed: states.get(seed, "missing") for seed in sorted(demanded - there)}
        if lacking:
            command = str(each.first.record.get("command"))
            words = each.first.record.get("overrides") or ()
            gaps.append(Gap(each.label, command, words, lacking))
    return gaps


def find_absent(variants: Sequence[Variant], planned: Sequence[PlannedVariant]) -> list[Gap]:
    """Return the variants that a study plans and of which no run was begun."""
    keys = {(plan.model, str(k)): plan for k, plan in enumerate(planned)}
    identities = {key: plan.identity for key, plan in keys.items()}
    prefixes = {key: plan.model for key, plan in keys.items()}
    labels = labels_of(prefixes, identities, identities, dict.fromkeys(keys))
    return [
        Gap(
            labels[key],
            plan.command,
            (),
            dict.fromkeys(plan.seeds, "missing"),
            planned=True,
        )
        for key, plan in keys.items()
        if not any(plan.describes(each) for each in variants)
    ]


def refusal(
    gaps: Sequence[Gap],
    problems: Sequence[Problem],
    outputs: Path,
    study: str | None = None,
    missing: Sequence[str] = (),
) -> MissingRunsError:
    """Return what to raise: every gap with the command that closes it, every damaged run.

    `missing` are names of runs that are not there at all.
    """
    lines = [f"not there: {name}" for name in missing[:MAX_SHOWN]]
    if problems:
        lines.append(f"{counted(len(problems), 'run')} cannot be read:")
        lines.append(listed((f"  {problem}" for problem in problems), "\n", MAX_SHOWN))
    if gaps:
        lack = "lack" if len(gaps) > 1 else "lacks"
        lines.append(
            f"{counted(len(gaps), 'variant')} of the report {lack} runs that other variants or the "
            "study have; these commands complete them:"
        )
        lines += [f"  {gap}\n    {completing(gap, outputs, study)}" for gap in gaps[:MAX_SHOWN]]
        lines += [f"  and {len(gaps) - MAX_SHOWN} more"] * (len(gaps) > MAX_SHOWN)
    lines.append("Or leave out strict=true: what is there is shown with its n.")
    return MissingRunsError("\n".join(lines), exit_code=3 if problems else 4)


def completing(gap: Gap, outputs: Path, study: str | None) -> str:
    """Return what to type to make the runs of `gap`; of a planned variant, the study itself."""
    place = [f"paths.outputs={outputs}"] if outputs != Path("outputs") else []
    if gap.planned:
        return shlex.join(["python", "-m", f"project.{gap.command}", f"study={study}", *place])
    words = [word for word in gap.words if not word.startswith(NOT_AGAIN)]
    seeds = f"seed={seed_words(list(gap.seeds))}"
    return f"python -m project.{gap.command} -m {shlex.join([*words, *place, seeds])}"
