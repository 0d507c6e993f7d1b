"""Runs grouped into arms, and arms named by the settings in which they really differ."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from project.report.runs import StoredRun
from project.runs.directory import COMPLETED
from project.runs.identity import OPTIONAL_SECTIONS, SCIENTIFIC_SECTIONS, UNSAID, canonical

# Where the data were looked for, and the arm's own name.
NOT_SETTINGS = ("data.source", "model.name")
# Of part 2, where a run lives and which of the arm it is.
NOT_SETTINGS_OF_DISK = ("seed", "paths", "rerun")
ArmKey = tuple[str, str]  # model and hash
PRESENT = "there"  # in the place of a section that is on


@dataclass(frozen=True)
class Arm:
    """A configuration without its seed, and its runs by seed.

    label: the model, and the keys in which arms of that model differ: `ws_al optimizer.lr=0.2`.
    settings: the configuration with dotted keys, and the data set as `data.dataset`.
    runs: the completed ones; unfinished: failed, interrupted and running ones.
    """

    label: str
    model: str
    arm_hash: str
    settings: dict[str, Any]
    runs: tuple[StoredRun, ...]
    unfinished: tuple[StoredRun, ...]

    @property
    def name(self) -> str:
        """`<model>-<arm hash>`: the name of its directory."""
        return f"{self.model}-{self.arm_hash}"

    @property
    def experiment(self) -> str:
        """`project.report.runs.PAIRS` or `DISK`."""
        return (self.runs or self.unfinished)[0].experiment

    @property
    def seeds(self) -> list[int]:
        """Of the completed runs."""
        return [run.seed for run in self.runs]

    def values(self, metric: str) -> list[float]:
        """One number per completed run, by seed; raises KeyError for a metric that one lacks."""
        return [run.metrics[metric] for run in self.runs]


def group(runs: Iterable[StoredRun]) -> list[Arm]:
    """The arms of `runs`, by model and settings; every label stands for one arm."""
    members: dict[ArmKey, list[StoredRun]] = defaultdict(list)
    for run in runs:
        members[run.model, run.arm_hash].append(run)
    settings = {key: settings_of(group[0]) for key, group in members.items()}
    labels = labels_of(settings)
    arms = [
        Arm(
            label=labels[key],
            model=key[0],
            arm_hash=key[1],
            settings=settings[key],
            runs=tuple(sorted((run for run in group if run.status == COMPLETED), key=_seed)),
            unfinished=tuple(sorted((run for run in group if run.status != COMPLETED), key=_seed)),
        )
        for key, group in members.items()
    ]
    differing = differing_keys([arm.settings for arm in arms])
    return sorted(
        arms, key=lambda arm: (arm.model, [_order(arm.settings.get(key)) for key in differing])
    )


def settings_of(run: StoredRun) -> dict[str, Any]:
    """The settings of the run's arm, and the data set that it found."""
    return flat_settings(run.config) | {"data.dataset": run.provenance["data"]["dataset"]}


def flat_settings(config: dict[str, Any]) -> dict[str, Any]:
    """What makes the arm: dotted keys, every value in its one spelling."""
    of_pairs = {*SCIENTIFIC_SECTIONS, *OPTIONAL_SECTIONS}
    sections = of_pairs if "trainer" in config else config.keys() - set(NOT_SETTINGS_OF_DISK)
    settings = {
        key: value
        for key, value in _flat(canonical(config))
        if key not in NOT_SETTINGS and key.split(".")[0] in sections
    }
    if "trainer" in config:
        for key, value in UNSAID.items():
            if config.get(key.split(".")[0]) is not None:
                settings.setdefault(key, value)
        settings |= {each: None for each in OPTIONAL_SECTIONS if config.get(each) is None}
    # A source of chance that does not follow the seed is held fixed: that is a setting.
    for source, seed in config.get("seeds", {}).items():
        if seed != config["seed"]:
            settings[f"seeds.{source}"] = seed
    return settings


def labels_of(settings: Mapping[ArmKey, dict[str, Any]]) -> dict[ArmKey, str]:
    """A label for each (model, hash): the model, and the settings in which its arms differ."""
    labels: dict[ArmKey, str] = {}
    for model in {model for model, _ in settings}:
        own = {arm_hash: each for (name, arm_hash), each in settings.items() if name == model}
        labels |= {(model, arm_hash): label for arm_hash, label in _labels(model, own).items()}
    return labels


def differing_keys(settings: Sequence[dict[str, Any]]) -> list[str]:
    """The keys that have not the same value everywhere, in their order in the configuration."""
    keys = dict.fromkeys(key for each in settings for key in each)
    return [key for key in keys if len({repr(each.get(key)) for each in settings}) > 1]


def shown(value: Any) -> str:
    """The value as one would type it: `0.1`, `true`, `null`, `[32,64]`."""
    if isinstance(value, list):
        return f"[{','.join(shown(each) for each in value)}]"
    if value is None:
        return "null"
    return str(value).lower() if isinstance(value, bool) else str(value)


def _labels(model: str, settings: dict[str, dict[str, Any]]) -> dict[str, str]:
    """The labels of one model's arms by their hash.

    What more than half of at least four arms have goes without saying: where one ingredient of a
    net is taken away at a time, each arm is named by the one that it lacks.
    """
    differing = differing_keys(list(settings.values()))
    # Of another optimizer or net its name says enough: the keys that only it has are not shown.
    exchanged = {key.removesuffix("_target_") for key in differing if key.endswith("._target_")}
    everywhere = set.intersection(*(set(each) for each in settings.values()))
    # Of a section that some arms have not at all, that they have it not.
    switched = [
        key for key in OPTIONAL_SECTIONS if len({key in each for each in settings.values()}) > 1
    ]
    exchanged |= {f"{section}." for section in switched}
    usual = {
        key: _usual([each.get(key, PRESENT) for each in settings.values()])
        for key in [*differing, *switched]
    }
    words = {}
    for arm_hash, own in settings.items():
        parts = [model]
        for key, most in usual.items():
            section = key[: key.rfind(".") + 1]
            if most == repr(own.get(key, PRESENT)):
                continue
            if key in switched:
                parts.append(f"{key}=null" if key in own else f"+{key}")
            elif key.endswith("._target_"):
                parts.append(f"{section[:-1]}={str(own.get(key)).rsplit('.', 1)[-1]}")
            elif key in own and (
                key in everywhere
                or section not in exchanged
                or (section[:-1] in switched and _differs_where_it_is(key, settings))
            ):
                parts.append(f"{key}={shown(own[key])}")
        words[arm_hash] = " ".join(parts)
    taken = Counter(words.values())
    return {
        arm_hash: f"{label} ({arm_hash})" if taken[label] > 1 else label
        for arm_hash, label in words.items()
    }


def _usual(values: list[Any]) -> str | None:
    """What more than half of at least four arms have, as `repr` writes it, if there is one."""
    ((value, count),) = Counter(map(repr, values)).most_common(1)
    return value if len(values) > 3 and 2 * count > len(values) else None


def _differs_where_it_is(key: str, settings: dict[str, dict[str, Any]]) -> bool:
    return len({repr(own[key]) for own in settings.values() if key in own}) > 1


def _flat(node: dict[str, Any], prefix: str = "") -> Iterable[tuple[str, Any]]:
    for key, value in node.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value


def _seed(run: StoredRun) -> int:
    return run.seed


def _order(value: Any) -> tuple[int, float, str]:
    """Numbers by size, before everything else by its spelling."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return (0, float(value), "")
    return (1, 0.0, shown(value))
