"""Missing and damaged runs: messages about them, and the commands that make them."""

import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from project.config.errors import ConflictError
from project.report.formatting import counted, listed
from project.report.selection import PlannedVariant
from project.results.records import Problem
from project.results.text import seed_list, seed_words
from project.results.variants import Variant, labels_of
from project.runs.record import RUNNING, CorruptRunError

MAX_SHOWN = 12  # gaps, or problems
# Overrides of a run that belong to the command that was typed, not to the variant.
NOT_AGAIN = ("seed=", "paths.outputs=", "rerun=", "code=", "tags=", "notes=")


@dataclass(frozen=True)
class Gap:
    """The seeds at which a variant has no completed run, and what there is instead.

    `command` (`train` or `disk`) and the overrides `words` make its runs; they are None if a study
    plans it and none was begun.
    """

    label: str
    command: str
    words: Sequence[str] | None
    seeds: dict[int, str]  # `missing`, `failed`, `interrupted` or `running or killed`

    def __str__(self) -> str:
        """Return the gap in words: `ws_al: seeds 3, 4 missing; seed 7 failed`."""
        parts = []
        for state in dict.fromkeys(self.seeds.values()):
            own = [seed for seed, other in self.seeds.items() if other == state]
            parts.append(f"seed{'s' * (len(own) > 1)} {seed_list(own)} {state}")
        return f"{self.label}: {'; '.join(parts)}"


def find_gaps(variants: Sequence[Variant], planned: Sequence[PlannedVariant]) -> list[Gap]:
    """Return the gaps of the variants in one table.

    A seed is a gap of a variant if another variant has it or a study plans it, and the variant has
    no completed run at it. A diverged run is no gap: it is a result and would diverge again.
    """
    demanded = {seed for plan in planned for seed in plan.seeds}
    demanded |= {run.seed for each in variants for run in each.all_runs}
    gaps = []
    for each in variants:
        there = {*each.seeds, *(run.seed for run in each.unfinished if run.diverged)}
        # A killed process leaves "running" too.
        states = {run.seed: run.status.replace(RUNNING, "running or killed")
                  for run in each.unfinished}  # fmt: skip
        lacking = {seed: states.get(seed, "missing") for seed in sorted(demanded - there)}
        if lacking:
            command, words = each.first.record.get("command"), each.first.record.get("overrides")
            gaps.append(Gap(each.label, str(command), words or (), lacking))
    return gaps


def find_absent(variants: Sequence[Variant], planned: Sequence[PlannedVariant]) -> list[Gap]:
    """Return a gap for each variant that a study plans and none of whose runs was begun."""
    keys = {(plan.model, str(k)): plan for k, plan in enumerate(planned)}
    identities = {key: plan.identity for key, plan in keys.items()}
    prefixes = {key: plan.model for key, plan in keys.items()}
    labels = labels_of(prefixes, identities, identities, dict.fromkeys(keys))
    return [
        Gap(labels[key], plan.command, None, dict.fromkeys(plan.seeds, "missing"))
        for key, plan in keys.items()
        if not any(plan.describes(each) for each in variants)
    ]


def refusal(
    gaps: Sequence[Gap],
    problems: Sequence[Problem],
    outputs: Path,
    study: str | None = None,
    missing: Sequence[str] = (),
) -> ConflictError | CorruptRunError:
    """Return the error that lists each gap with the command that closes it, and each damaged run.

    It is a CorruptRunError if runs are damaged. `missing` names runs that do not exist at all.
    """
    lines = [f"not there: {name}" for name in missing[:MAX_SHOWN]]
    if problems:
        lines.append(f"{counted(len(problems), 'run')} cannot be read:")
        lines.append(listed((f"  {problem}" for problem in problems), "\n", MAX_SHOWN))
    if gaps:
        lines.append(
            f"{counted(len(gaps), 'variant')} of the report lack{'s' * (len(gaps) == 1)} runs that "
            "other variants or the study have; these commands complete them:"
        )
        commands = (f"  {gap}\n    {completing(gap, outputs, study)}" for gap in gaps)
        lines.append(listed(commands, "\n", MAX_SHOWN))
    lines.append("Or leave out strict=true: what is there is shown with its n.")
    return (CorruptRunError if problems else ConflictError)("\n".join(lines))


def completing(gap: Gap, outputs: Path, study: str | None) -> str:
    """Return the command that makes the runs of `gap`; for a planned variant, that of the study."""
    place = [f"paths.outputs={outputs}"] if outputs != Path("outputs") else []
    if gap.words is None:
        return shlex.join(["python", "-m", f"project.{gap.command}", f"study={study}", *place])
    words = [word for word in gap.words if not word.startswith(NOT_AGAIN)]
    seeds = f"seed={seed_words(list(gap.seeds))}"
    return f"python -m project.{gap.command} -m {shlex.join([*words, *place, seeds])}"
