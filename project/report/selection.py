"""Choose the runs, the baseline and the tables of a report, and find the runs that are missing."""

import difflib
import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from project.config.errors import ConfigurationError, ConflictError, suggest
from project.report.formatting import counted, listed
from project.results.records import Problem, RunRecord
from project.results.text import seed_list, seed_words
from project.results.variants import Settings, Variant, departures, group, identity_of, labels_of
from project.runs.record import RUNNING, CorruptRunError

COMMANDS = ("train", "disk")  # the commands that a study may belong to
MAX_SHOWN = 12  # gaps, or problems
# Overrides of a run that belong to the command that was typed, not to the variant.
NOT_AGAIN = ("seed=", "paths.outputs=", "rerun=", "code=", "tags=", "notes=")


@dataclass(frozen=True)
class PlannedVariant:
    """A variant that a study plans to run at some seeds; `config` has any seed."""

    config: dict[str, Any]
    seeds: tuple[int, ...]
    command: str = "train"

    @property
    def model(self) -> str:
        """The model's name; the command's name if the configuration has no model."""
        return (self.config.get("model") or {}).get("name") or self.command

    @property
    def identity(self) -> Settings:
        """The settings that determine the result, as in `Variant.identity`."""
        return identity_of(self.config)

    def describes(self, variant: Variant) -> bool:
        """Return whether `variant` is this planned variant."""
        named = not self.config.get("model") or variant.first.model == self.model
        return named and not departures(variant.identity, self.identity)


def plan(study: str) -> list[PlannedVariant]:
    """Return the variants of a study; raise ConfigurationError if none can be composed."""
    from hydra.errors import HydraException

    from project.config.compose import options, study_variants

    if study not in options("study"):
        known = suggest(study, options("study"))
        raise ConfigurationError(f"study={study}: there is no such study{known}")
    refusals = []
    for command in COMMANDS:  # a study belongs to the one that knows its keys
        try:
            found = study_variants(command, study)
            return [PlannedVariant(each.config, each.seeds, command) for each in found]
        except HydraException as error:
            refusals.append(f"{command}: {error}")
    raise ConfigurationError(f"study={study}: no command can compose it:\n" + "\n".join(refusals))


@cache
def compose_settings(words: tuple[str, ...]) -> Settings | None:
    """Return the settings that overrides of project.train lead to; None if they do not compose."""
    from hydra.errors import HydraException

    from project.config.compose import compose

    try:
        return identity_of(compose("train", words))
    except (HydraException, ConfigurationError):
        return None


def default_settings(config: dict[str, Any]) -> Settings | None:
    """Return the defaults of a configuration's model, task and data, if project.train made it."""
    if "trainer" not in config:
        return None
    named = {key: (config.get(key) or {}).get("name") for key in ("model", "task", "data")}
    return compose_settings(tuple(f"{key}={name}" for key, name in named.items() if name))


def choose_planned(
    runs: Sequence[RunRecord], planned: Sequence[PlannedVariant]
) -> tuple[list[RunRecord], list[int]]:
    """Return the runs of the variants that a study plans, and the seeds that were left out.

    A seed is left out if the study does not plan it and not all of its variants completed it: it
    belongs to another study that shares variants. But a seed at which any run of the variants did
    not complete is kept, because leaving it out could hide a bad result.
    """
    chosen = [each for each in group(runs) if any(plan.describes(each) for plan in planned)]
    own = [run for each in chosen for run in each.all_runs]
    demanded = {seed for plan in planned for seed in plan.seeds}
    begun = {run.seed for each in chosen for run in each.unfinished}
    further = {run.seed for run in own} - demanded - begun
    everywhere = set.intersection(*(set(each.seeds) for each in chosen)) if chosen else set()
    foreign = further - everywhere if len(chosen) > 1 else set()
    return [run for run in own if run.seed not in foreign], sorted(foreign)


def find_baseline(variants: Sequence[Variant], name: str) -> Variant:
    """Return the variant with this label, folder or model; raise ConfigurationError if not one."""
    for found in (
        [each for each in variants if each.label == name],
        [each for each in variants if name in (each.name, each.anchor)],
        [each for each in variants if each.prefix == name],
    ):
        if len(found) == 1:
            return found[0]
        if found:
            labels = "\n  ".join(f"{each.anchor}   {each.label}" for each in found)
            raise ConfigurationError(
                f"baseline={name}: there are {len(found)} variants of that name; name one by its "
                f"folder:\n  {labels}"
            )
    known = dict.fromkeys(word for each in variants for word in (each.label, each.name))
    near = " or ".join(map(repr, difflib.get_close_matches(name, known)))
    hint = f"; did you mean {near}?" if near else suggest(name, known)
    raise ConfigurationError(f"baseline={name}: there is no such variant{hint}")


def tables_of(variants: Sequence[Variant]) -> dict[str, list[Variant]]:
    """Return the variants of each task and data set by the title of their table, largest first."""
    found: dict[str, list[Variant]] = {}
    for each in variants:
        task, dataset = each.first.task, each.first.dataset
        found.setdefault(task if task == dataset else f"{task} on {dataset}", []).append(each)
    return dict(
        sorted(found.items(), key=lambda item: (-sum(len(v.runs) for v in item[1]), item[0]))
    )


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
