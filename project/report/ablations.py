"""Ablations among the arms: a whole, and arms that lack one ingredient of it each."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from project.report.arms import Arm
from project.report.comparisons import METRIC, paired_runs, why_not_paired
from project.report.statistics import PairedComparison, compare
from project.runs.identity import OPTIONAL_SECTIONS

# With fewer it is a sweep over some setting, which has a figure of its own.
FEWEST_INGREDIENTS = 3


@dataclass(frozen=True)
class Ablation:
    """without: the arm that lacks the ingredient, by the ingredient's key."""

    whole: Arm
    without: dict[str, Arm]

    def compared(self) -> dict[str, PairedComparison]:
        """Test errors without each ingredient against the whole's, where they are paired."""
        comparisons = {}
        for ingredient, arm in self.without.items():
            if why_not_paired(arm, self.whole):
                continue
            pairs = paired_runs(arm, self.whole)
            own, whole = zip(
                *((run.metrics[METRIC], other.metrics[METRIC]) for run, other in pairs),
                strict=True,
            )
            comparisons[ingredient] = compare(own, whole)
        return comparisons


def find_ablations(arms: Sequence[Arm]) -> list[Ablation]:
    """For each model the arm from which most others differ in one ingredient; at least three."""
    found = []
    for model in sorted({arm.model for arm in arms}):
        own = [arm for arm in arms if arm.model == model and arm.runs]
        ablations = [Ablation(whole, _lacking_one(whole, own)) for whole in own]
        most = max(ablations, key=lambda each: len(each.without), default=None)
        if most is not None and len(most.without) >= FEWEST_INGREDIENTS:
            found.append(most)
    return found


def _lacking_one(whole: Arm, arms: Sequence[Arm]) -> dict[str, Arm]:
    """The arms that differ from `whole` in one ingredient, by that; of several none is chosen."""
    without: dict[str, list[Arm]] = {}
    for arm in arms:
        differing = _ingredients_of(whole, arm)
        if len(differing) == 1:
            without.setdefault(differing.pop(), []).append(arm)
    return {key: only[0] for key, only in sorted(without.items()) if len(only) == 1}


def _ingredients_of(whole: Arm, arm: Arm) -> set[str]:
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
