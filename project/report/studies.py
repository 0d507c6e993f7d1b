"""Find studies among variants: ablations, sweeps of one setting, and sources of variance."""

import json
from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

from project.config.identity import SEED_SOURCES
from project.results.metrics import Metric
from project.results.text import is_number, shown
from project.results.variance import Decomposition, VarianceEstimate, decompose
from project.results.variants import ABSENT, Variant, differences, differing_keys

MIN_CHANGES = 3  # fewer are more likely a sweep of one setting, which has its own figure
# The names of settings for axis labels; others go by their keys.
KEY_NAMES = {"lr": "learning rate", "optimizer.lr": "learning rate", "trainer.max_epochs": "epochs"}
# The key that may differ along a sweep: fewer training examples may get more epochs.
ALONGSIDE = "trainer.max_epochs"
MAX_KEYS = 6  # of which sweeps are shown on the page, at most
SOURCES = {
    "data": "the data drawn",
    "init": "the initial weights",
    "order": "the order and dropout's noise",
}
TOGETHER = "all together"


@dataclass(frozen=True)
class Ablation:
    """A full variant, and variants that each differ from it in one setting or section.

    `changed` has them by their change as an override: `data.shuffle=false`; `scheduler=null` for a
    section that was removed, `+scheduler` for one that was added, `~KEY` for a key left at its
    class's default.
    """

    whole: Variant
    changed: dict[str, Variant]


def find_ablations(variants: Sequence[Variant]) -> list[Ablation]:
    """Return one ablation for each model that has at least `MIN_CHANGES` changes.

    The full variant is the one with the most changes: settings or sections in which exactly one
    variant differs from it, and in nothing else. What several variants change is a sweep, and left
    out.
    """
    found = []
    for prefix in sorted({each.prefix for each in variants}):
        own = [each for each in variants if each.prefix == prefix]
        most = max((_ablation(whole, own) for whole in own), key=lambda each: len(each.changed))
        if len(most.changed) >= MIN_CHANGES:
            found.append(most)
    return found


def _ablation(whole: Variant, variants: Sequence[Variant]) -> Ablation:
    changed: dict[str, list[tuple[str, Variant]]] = defaultdict(list)
    for each in variants:
        differing = differences(each.settings, whole.settings)
        if len(differing) == 1:
            ((key, (own, other)),) = differing.items()
            word = f"~{key}" if own == "default" else f"{key}={own}"
            changed[key].append((f"+{key}" if other == "null" else word, each))
    return Ablation(whole, dict(own[0] for _, own in sorted(changed.items()) if len(own) == 1))


@dataclass(frozen=True)
class Sweep:
    """Variants of one model that differ in one setting, and possibly in `ALONGSIDE` as well.

    `name` is the model, and the settings that distinguish this sweep from the model's others. The
    values of the setting, one for each variant, are in ascending order.
    """

    name: str
    values: tuple[Any, ...]
    variants: tuple[Variant, ...]


def swept_keys(variants: Sequence[Variant]) -> list[str]:
    """Return the keys whose values are numbers and differ between variants of one model."""
    found: list[str] = []
    for prefix in dict.fromkeys(each.prefix for each in variants):
        own = [each.settings for each in variants if each.prefix == prefix]
        for key in differing_keys(own):
            values = [each[key] for each in own if key in each]
            numbers = [x for each in values for x in (each if isinstance(each, list) else [each])]
            numeric = [] not in values and all(map(is_number, numbers))
            if numeric and not key.startswith("seeds.") and len({*map(repr, values)}) > 1:
                found.append(key)
    return list(dict.fromkeys(found))


def find_sweeps(variants: Sequence[Variant], key: str) -> list[Sweep]:
    """Return the sweeps of `key`: groups of variants that differ only in it, two of them with runs.

    `ALONGSIDE` may differ too, if the group has only one variant for each value of `key`.
    """
    families: list[list[Variant]] = []
    for family in _alike([each for each in variants if key in each.settings], {key, ALONGSIDE}):
        values = {json.dumps(each.settings[key]) for each in family}
        families += [family] if len(values) == len(family) else _alike(family, {key})
    found = [family for family in families if sum(bool(each.runs) for each in family) > 1]
    sweeps = []
    for family in found:
        family.sort(key=lambda each: sortable(each.settings[key]))
        prefix = family[0].prefix
        others = [each.settings for own in found for each in own if each.prefix == prefix]
        words = [prefix]
        for name in (name for name in differing_keys(others) if name != key):
            ends = [shown(each.settings.get(name)) for each in (family[0], family[-1])]
            words.append(f"{name}={' to '.join(dict.fromkeys(ends))}")
        values = tuple(each.settings[key] for each in family)
        sweeps.append(Sweep(" ".join(words), values, tuple(family)))
    return sorted(sweeps, key=lambda sweep: sweep.name)


def _alike(variants: Sequence[Variant], ignored: Collection[str]) -> list[list[Variant]]:
    """Return the variants of each model in groups that differ only in the ignored settings."""
    families: dict[str, list[Variant]] = defaultdict(list)
    for each in variants:
        others = {name: value for name, value in each.settings.items() if name not in ignored}
        families[json.dumps([each.prefix, others], sort_keys=True)].append(each)
    return list(families.values())


def sortable(value: Any) -> tuple[list[float], str]:
    """Return a sort key for values: text first, then numbers and lists of numbers by size."""
    numbers = value if isinstance(value, list) else [value]
    return [float(each) for each in numbers if isinstance(each, int | float)], str(value)


@dataclass(frozen=True)
class VarianceStudy:
    """Variants that differ only in which sources of chance follow the run's seed.

    `name` is the model, if necessary with the seeds at which sources are held. In `together`, which
    may be missing, all sources vary; in `varied` only the one that is its key.
    """

    name: str
    varied: dict[str, Variant]
    together: Variant | None

    @property
    def missing(self) -> list[str]:
        """The sources that no variant varies alone."""
        return [source for source in SOURCES if source not in self.varied]

    def decompose(self, metric: Metric) -> Decomposition:
        """Return the variance of the test values by source, and each source's share."""
        together = self.together.values(metric.test) if self.together else None
        varied = {name: each.values(metric.test) or [] for name, each in self.varied.items()}
        return decompose(varied, together)


def estimates_of(parts: Decomposition) -> dict[str, VarianceEstimate]:
    """Return the variance of each source, and of `TOGETHER` if that was run."""
    return parts.sources | ({TOGETHER: parts.together} if parts.together else {})


def find_variance_studies(variants: Sequence[Variant]) -> list[VarianceStudy]:
    """Return the studies in which two or more sources of chance vary one at a time."""
    keys = {f"seeds.{source}" for source in SEED_SOURCES}
    studies = []
    for family in _alike([each for each in variants if len(each.runs) > 1], keys):
        by_held: dict[tuple[int, ...], dict[str, Variant]] = defaultdict(dict)
        together = None
        for each in family:
            free = [source for source in SOURCES if f"seeds.{source}" not in each.settings]
            held = {each.settings[key] for key in keys if each.settings.get(key, ABSENT) != ABSENT}
            if len(free) == 1:
                by_held[tuple(sorted(held))][free[0]] = each
            elif len(free) == len(SOURCES):
                together = each
        for seeds, varied in by_held.items():
            if len(varied) > 1:
                several = f" (the others held at {', '.join(map(str, seeds))})" * (len(by_held) > 1)
                ordered = {source: varied[source] for source in SOURCES if source in varied}
                studies.append(VarianceStudy(f"{family[0].prefix}{several}", ordered, together))
    return studies
