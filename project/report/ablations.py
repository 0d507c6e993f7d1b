"""Ablations among the arms: a whole, and arms in which one thing is changed each."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from project.report.arms import Arm, shown
from project.report.comparisons import compare_arms, why_not_paired
from project.report.statistics import PairedComparison
from project.runs.identity import OPTIONAL_SECTIONS

# With fewer it is a sweep over some setting, which has a figure of its own.
FEWEST_CHANGES = 3


@dataclass(frozen=True)
class Ablation:
    """changed: the other arms by what is changed, as one would type it.

    `data.re_pair=false`; of a section that is off, `schedule=null`; of one that the whole has not,
    `+schedule`; of a key that only the whole has, `~model.head`.
    """

    whole: Arm
    changed: dict[str, Arm]

    def compared(self) -> dict[str, PairedComparison]:
        """Test errors with each change against the whole's, where they are paired."""
        return {
            change: compare_arms(arm, self.whole)
            for change, arm in self.changed.items()
            if not why_not_paired(arm, self.whole)
        }


def find_ablations(arms: Sequence[Arm]) -> list[Ablation]:
    """For each model the arm from which most others differ in one thing; at least three."""
    found = []
    for model in sorted({arm.model for arm in arms}):
        own = [arm for arm in arms if arm.model == model and arm.runs]
        ablations = [Ablation(whole, _one_changed(whole, own)) for whole in own]
        most = max(ablations, key=lambda each: len(each.changed), default=None)
        if most is not None and len(most.changed) >= FEWEST_CHANGES:
            found.append(most)
    return found


def _one_changed(whole: Arm, arms: Sequence[Arm]) -> dict[str, Arm]:
    """The arms that differ from `whole` in one key, by the change; of several none is chosen."""
    changed: dict[str, list[Arm]] = {}
    for arm in arms:
        differing = _differing(whole, arm)
        if len(differing) == 1:
            changed.setdefault(differing.pop(), []).append(arm)
    only = {key: arms[0] for key, arms in sorted(changed.items()) if len(arms) == 1}
    return {_change(key, arm): arm for key, arm in only.items()}


def _change(key: str, arm: Arm) -> str:
    if key in arm.settings:
        return f"{key}={shown(arm.settings[key])}"
    return f"+{key}" if key in OPTIONAL_SECTIONS else f"~{key}"


def _differing(whole: Arm, arm: Arm) -> set[str]:
    """The keys in which the two differ; a section that one of them has not is a single one."""
    absent: list[Any] = [None]
    keys = set()
    for key in {*whole.settings, *arm.settings}:
        values = [each.settings.get(key, absent) for each in (whole, arm)]
        if repr(values[0]) != repr(values[1]):
            section = key.split(".")[0]
            off = any(each.settings.get(section, absent) is None for each in (whole, arm))
            keys.add(section if section in OPTIONAL_SECTIONS and off else key)
    return keys
