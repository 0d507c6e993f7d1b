"""Which runs the report is about, whether any are missing, and what the others are held against."""

import difflib
import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from project.report.arms import Arm, ArmKey, flat_settings, group, labels_of
from project.report.runs import DISK, PAIRS, StoredRun
from project.runs.directory import COMPLETED

CHOSEN_BY = "val/error"
DATASET = "data.dataset"  # found on disk, not configured: no study speaks of it


class ChoiceError(Exception):
    """The runs, the study or the baseline that were asked for are not there."""

    exit_code = 2


@dataclass(frozen=True)
class PlannedArm:
    """An arm that a study asks for. config: resolved, at a seed that no run has."""

    config: dict[str, Any]
    seeds: tuple[int, ...]

    @property
    def model(self) -> str:
        """As in the name of the run directory."""
        if "model" in self.config:
            return self.config["model"]["name"]
        return f"disk_{self.config['activation']}"


@dataclass(frozen=True)
class Gap:
    """What an arm lacks: seeds without a completed run, each with what stands there instead."""

    label: str
    experiment: str
    config: dict[str, Any]
    seeds: dict[int, str]

    def __str__(self) -> str:
        """`ws_al: seeds 3, 4 missing; seed 7 failed`"""
        parts = []
        for state in dict.fromkeys(self.seeds.values()):
            own = [seed for seed, other in self.seeds.items() if other == state]
            parts.append(f"seed{'s' * (len(own) > 1)} {seed_list(own)} {state}")
        return f"{self.label}: {'; '.join(parts)}"


def seed_list(seeds: Sequence[int]) -> str:
    """`0 to 9, 12`"""
    spans: list[list[int]] = []
    for seed in sorted(seeds):
        if spans and seed == spans[-1][-1] + 1:
            spans[-1].append(seed)
        else:
            spans.append([seed])
    return ", ".join(
        f"{span[0]} to {span[-1]}" if len(span) > 2 else ", ".join(map(str, span)) for span in spans
    )


def swept(seeds: Sequence[int]) -> str:
    """Ascending seeds as one would type them: `3,7`, or `range(10,20)` where none is left out."""
    if len(seeds) > 2 and seeds[-1] - seeds[0] == len(seeds) - 1:
        return f"range({seeds[0]},{seeds[-1] + 1})"
    return ",".join(map(str, seeds))


def choose_planned(runs: Sequence[StoredRun], planned: Sequence[PlannedArm]) -> list[StoredRun]:
    """The runs of the arms that a study plans, of whatever seed."""
    wanted = [(plan.model, flat_settings(plan.config)) for plan in planned]
    chosen = []
    for arm in group(runs):
        settings = {key: value for key, value in arm.settings.items() if key != DATASET}
        if (arm.model, settings) in wanted:
            chosen += [*arm.runs, *arm.unfinished]
    return chosen


def beyond_the_plan(runs: Sequence[StoredRun], planned: Sequence[PlannedArm]) -> list[int]:
    """Seeds that the study does not plan and not all of its arms have.

    They belong to another study that shares arms with this one. A seed that was begun in an arm and
    did not complete is none of them: to leave it out might be to leave out a bad result.
    """
    demanded = {seed for plan in planned for seed in plan.seeds}
    arms = group(runs)
    seeds = {run.seed for run in runs} - demanded
    begun = {run.seed for arm in arms for run in arm.unfinished}
    everywhere = set.intersection(*({run.seed for run in arm.runs} for arm in arms), seeds)
    return sorted(seeds - begun - everywhere) if len(arms) > 1 else []


def find_gaps(arms: Sequence[Arm], planned: Sequence[PlannedArm]) -> list[Gap]:
    """What one table lacks: every arm should have the seeds that any has, and those planned.

    A run whose loss diverged is no gap: it would do so again, and is a result that is counted.
    """
    demanded = {seed for plan in planned for seed in plan.seeds}
    demanded |= {run.seed for arm in arms for run in (*arm.runs, *arm.unfinished)}
    gaps = []
    for arm in arms:
        there = {run.seed for run in arm.runs} | {
            run.seed for run in arm.unfinished if run.diverged
        }
        states = {run.seed: _state(run) for run in arm.unfinished}
        lacking = {seed: states.get(seed, "missing") for seed in sorted(demanded - there)}
        if lacking:
            config = (*arm.runs, *arm.unfinished)[0].config
            gaps.append(Gap(arm.label, arm.experiment, config, lacking))
    return gaps + _absent_arms(arms, planned, demanded)


def _absent_arms(
    arms: Sequence[Arm], planned: Sequence[PlannedArm], demanded: Iterable[int]
) -> list[Gap]:
    there = [
        (arm.model, {key: value for key, value in arm.settings.items() if key != DATASET})
        for arm in arms
    ]
    keys: list[ArmKey] = [(plan.model, str(number)) for number, plan in enumerate(planned)]
    settings = [flat_settings(plan.config) for plan in planned]
    labels = labels_of(dict(zip(keys, settings, strict=True)))
    return [
        Gap(
            labels[key],
            PAIRS if "model" in plan.config else DISK,
            plan.config,
            dict.fromkeys(sorted(demanded), "missing"),
        )
        for key, plan, own in zip(keys, planned, settings, strict=True)
        if (plan.model, own) not in there
    ]


def _state(run: StoredRun) -> str:
    # "running" is also what a killed process leaves.
    return "running or killed" if run.status == "running" else run.status


def find_baseline(arms: Sequence[Arm], name: str) -> Arm:
    """The arm of that label, directory or (if it has but one arm) model; raises ChoiceError."""
    for found in (
        [arm for arm in arms if arm.label == name],
        [arm for arm in arms if arm.name == name],
        [arm for arm in arms if arm.model == name],
    ):
        if len(found) == 1:
            return found[0]
        if found:
            labels = "\n  ".join(f"{arm.name}   {arm.label}" for arm in found)
            raise ChoiceError(
                f"baseline={name}: there are {len(found)} arms of that model; name one by its "
                f"directory:\n  {labels}"
            )
    known = [word for arm in arms for word in (arm.label, arm.name, arm.model)]
    near = difflib.get_close_matches(name, dict.fromkeys(known), n=3)
    if near:
        hint = "did you mean " + " or ".join(f"'{word}'" for word in near) + "?"
    else:
        hint = "there are:" + "".join(f"\n  {arm.name}   {arm.label}" for arm in arms[:20])
    raise ChoiceError(f"baseline={name}: there is no such arm; {hint}")


def best_by_validation(arms: Sequence[Arm]) -> Arm | None:
    """The arm of the lowest mean validation error, of those with the most completed runs.

    Not by test error: a winner that is chosen by its test errors looks better than it is. None
    where no arm has validation errors. An arm with diverged runs is no candidate.
    """
    candidates = [
        arm
        for arm in arms
        if arm.runs
        and not any(run.diverged for run in arm.unfinished)
        and all(CHOSEN_BY in run.metrics for run in arm.runs)
    ]
    most = max((len(arm.runs) for arm in candidates), default=0)
    candidates = [arm for arm in candidates if len(arm.runs) == most]
    return min(candidates, key=lambda arm: statistics.fmean(arm.values(CHOSEN_BY)), default=None)


def best_run_by_validation(runs: Iterable[StoredRun]) -> tuple[StoredRun | None, int]:
    """The completed run of the lowest validation error, and of how many it was chosen.

    Of equals the first by model, arm and seed.
    """
    candidates = [
        run
        for run in runs
        if run.experiment == PAIRS and run.status == COMPLETED and CHOSEN_BY in run.metrics
    ]
    ranked = sorted(candidates, key=lambda run: (run.model, run.arm_hash, run.seed))
    best = min(ranked, key=lambda run: run.metrics[CHOSEN_BY], default=None)
    return best, len(candidates)
