"""Group runs into variants, and label each variant by the settings in which it differs."""

from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from project.config.identity import canonical, flatten, identity_settings
from project.results.records import RunRecord
from project.results.text import is_number, shown
from project.runs.record import COMPLETED

Settings = dict[str, Any]  # settings that determine a result, by dotted key
# Maps a resolved configuration to the default settings of its model, task and data, or to None.
Defaults = Callable[[dict[str, Any]], Settings | None]
ABSENT = object()
TARGET = "._target_"
CODE_DIGITS = 8


@dataclass(frozen=True)
class Variant:
    """A configuration without its seed, and the runs that have this configuration, by seed."""

    label: str  # the model and the settings that set it apart: `ws_al optimizer.lr=0.2`
    name: str  # the name of the variant's folder
    settings: Settings  # `identity`, and defaults where other variants have another value
    identity: Settings  # what determines the result, without values at a class's default
    runs: tuple[RunRecord, ...]  # the completed ones
    unfinished: tuple[RunRecord, ...]
    code: str | None = None  # of the runs, if the folder also holds runs of other code

    @property
    def anchor(self) -> str:
        """A unique identifier: `name`, followed by the first digits of `code` if it is set."""
        return self.name if self.code is None else f"{self.name}-{self.code[:CODE_DIGITS]}"

    @property
    def all_runs(self) -> tuple[RunRecord, ...]:
        """All runs ordered by seed, including those that did not complete."""
        return tuple(sorted((*self.runs, *self.unfinished), key=lambda run: run.seed))

    @property
    def first(self) -> RunRecord:
        """A representative run: the first completed one, or the first one if none completed."""
        return (*self.runs, *self.unfinished)[0]

    @property
    def prefix(self) -> str:
        """The name of the variant's folder without the hash."""
        return self.first.prefix

    @property
    def seeds(self) -> list[int]:
        """The seeds of the completed runs."""
        return [run.seed for run in self.runs]

    @property
    def diverged(self) -> int:
        """The number of runs that failed because loss or weights became infinite or NaN."""
        return sum(run.diverged for run in self.unfinished)

    def values(self, metric: str) -> list[float] | None:
        """Return a metric's value (`test/error`) in each completed run; None unless all have it."""
        if not self.runs or any(metric not in run.metrics for run in self.runs):
            return None
        return [run.metrics[metric] for run in self.runs]


def group(
    runs: Iterable[RunRecord], defaults: Defaults | None = None, mix_code: bool = False
) -> list[Variant]:
    """Group runs of any status into variants with unique labels, ordered by prefix and settings.

    Args:
        runs: The runs.
        defaults: Labels also name the settings that differ from these; None where unknown.
        mix_code: Whether runs of different code may form one variant without `code=accept`.
    """
    folders: dict[str, list[RunRecord]] = defaultdict(list)
    for run in runs:
        folders[run.variant].append(run)
    members: dict[tuple[str, str | None], list[RunRecord]] = {}
    for name, own in folders.items():
        by_code = {None: own} if mix_code else _by_code(own)
        members |= {
            (name, code if len(by_code) > 1 else None): each for code, each in by_code.items()
        }
    configs = {key: own[0].config for key, own in members.items()}
    prefixes = {key: own[0].prefix for key, own in members.items()}
    identities = {key: identity_of(config) for key, config in configs.items()}
    usual = {key: defaults(config) if defaults else None for key, config in configs.items()}
    names = {name for each in (*identities.values(), *usual.values()) for name in each or ()}
    settings = {key: _filled(identities[key], configs[key], names) for key in members}
    labels = labels_of(prefixes, settings, identities, usual)
    differing = differing_keys(list(settings.values()))

    def place(key: tuple[str, str | None]) -> tuple[Any, ...]:
        values = [_order(settings[key].get(each)) for each in differing]
        return prefixes[key], values, key[0], key[1] or ""

    variants = []
    for key in sorted(members, key=place):
        own = sorted(members[key], key=lambda run: run.seed)
        done = tuple(run for run in own if run.status == COMPLETED)
        others = tuple(run for run in own if run.status != COMPLETED)
        variants.append(
            Variant(labels[key], key[0], settings[key], identities[key], done, others, key[1])
        )
    return variants


def _by_code(runs: list[RunRecord]) -> dict[str | None, list[RunRecord]]:
    """Return the runs by code fingerprint; accepted or unknown code joins the largest group."""
    strict = [None if run.origin("code_accepted") else run.code or None for run in runs]
    counts = Counter(code for code in strict if code)
    most = counts.most_common(1)[0][0] if counts else None
    apart: dict[str | None, list[RunRecord]] = defaultdict(list)
    for run, code in zip(runs, strict, strict=True):
        apart[code or most].append(run)
    return apart


def identity_of(config: dict[str, Any]) -> Settings:
    """Return the settings that determine a configuration's result, by dotted key."""
    return flatten(identity_settings(config))


def _filled(identity: Settings, config: dict[str, Any], names: Collection[str]) -> Settings:
    """Return `identity` plus the keys in `names` that the configuration leaves at a default."""
    values = flatten(canonical(config)).items()
    return identity | {key: each for key, each in values if key in names and each is not None}


def labels_of(
    prefixes: Mapping[Any, str],
    settings: Mapping[Any, Settings],
    identities: Mapping[Any, Settings],
    defaults: Mapping[Any, Settings | None],
) -> dict[Any, str]:
    """Return a label for each variant; equal labels are made unique by hash and code.

    A label lists the settings in which variants of one prefix differ, and those that differ from
    the defaults. It omits a value that more than half of at least four variants have, unless that
    value differs from a known default. So an ablation's variants are named by what they change.
    All arguments have the same keys: (name, code or None).
    """
    families: dict[str, list[Any]] = defaultdict(list)
    for key, prefix in prefixes.items():
        families[prefix].append(key)
    labels: dict[Any, str] = {}
    for prefix, keys in families.items():
        family = [settings[key] for key in keys]
        most = {name: _most(family, name) for name in differing_keys(family)}
        for key in keys:
            own, usual = settings[key], defaults[key]
            said = {name for name in most if repr(own.get(name, ABSENT)) != most[name]}
            if usual is not None:
                said |= set(departures(identities[key], usual))
            everyone = [own, *family] + ([usual] if usual else [])
            labels[key] = " ".join([prefix, *_words(everyone, said, usual)])
    taken = Counter(labels.values())
    for (name, code), label in labels.items():
        if taken[label] > 1:
            apart = name.rpartition("-")[2] + (f", code {code[:CODE_DIGITS]}" if code else "")
            labels[name, code] = f"{label} ({apart})"
    return labels


def _most(family: Sequence[Settings], name: str) -> str | None:
    """Return the `repr` of the value that over half of at least four variants have, or None."""
    ((value, count),) = Counter(repr(each.get(name, ABSENT)) for each in family).most_common(1)
    return value if len(family) > 3 and 2 * count > len(family) else None


def _words(everyone: Sequence[Settings], said: set[str], usual: Settings | None) -> list[str]:
    """Return the words of the first variant's label; a section of another class is one word."""
    words, (own, *others) = [], everyone
    for key in [*(key for key in own if key in said), *sorted(said - own.keys())]:
        section = exchanged_section(key, everyone)
        target = f"{section}{TARGET}"
        if section is None or (key != target and target in own):
            alike = [each for each in everyone if each.get(target) == own.get(target)]
            if key in own and len({repr(each.get(key)) for each in alike}) > 1:
                words.append(f"{key}={shown(own[key])}")
        elif usual is not None and usual.get(target) == own.get(target):
            continue
        elif target not in own:
            words.append(f"{section}=null")
        else:
            switched = not all(target in each for each in others)
            words.append(f"+{section}" if switched else f"{section}={_last(own[target])}")
    return list(dict.fromkeys(words))


def exchanged_section(key: str, settings: Sequence[Settings]) -> str | None:
    """Return the outermost section around `key` whose class differs between `settings`, or None."""
    parts = key.split(".")[:-1]
    for length in range(1, len(parts) + 1):
        section = ".".join(parts[:length])
        if len({repr(each.get(section + TARGET, ABSENT)) for each in settings}) > 1:
            return section
    return None


def differing_keys(settings: Sequence[Settings]) -> list[str]:
    """Return the keys whose values differ, or that some lack, in order of appearance."""
    keys = dict.fromkeys(key for each in settings for key in each)
    return [key for key in keys if len({repr(each.get(key, ABSENT)) for each in settings}) > 1]


def departures(own: Settings, plan: Settings) -> list[str]:
    """Return the keys in which a variant's identity differs from that of a planned one.

    A plan may leave data open: `data.dataset` and keys of `data` that are null there do not count.
    """
    left_open = {key for key, value in plan.items() if value is None and key.startswith("data.")}
    return [key for key in differing_keys([plan, own]) if key not in left_open | {"data.dataset"}]


def differences(a: Settings, b: Settings) -> dict[str, tuple[str, str]]:
    """Return the values in which the settings of two variants differ, as a user types them, by key.

    A section whose class differs is one entry with the names of the classes, `null` for a missing
    section. A key that only one of them leaves at its class's default is `default` there.
    """
    found: dict[str, tuple[str, str]] = {}
    for key in differing_keys([a, b]):
        if section := exchanged_section(key, [a, b]):
            found[section] = _last(a.get(section + TARGET)), _last(b.get(section + TARGET))
        else:
            one, other = (shown(each[key]) if key in each else "default" for each in (a, b))
            found[key] = one, other
    return found


def _last(target: Any) -> str:
    """Return the last part of a class's dotted name; `null` for None."""
    return shown(target).rpartition(".")[2]


def _order(value: Any) -> tuple[int, float, str]:
    """Return a sort key: None first, then numbers by size, then other values by their text."""
    if value is None:
        return (0, 0.0, "")
    if is_number(value):
        return (1, float(value), "")
    return (2, 0.0, shown(value))
