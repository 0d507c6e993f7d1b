"""The words of a command line that lead to a configuration that is stored or planned."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from project.config.compose import compose, options, spell
from project.config.identity import canonical, deciding_callbacks, flatten
from project.runs.prepare import prepare_data

# Which run it is, where it stands, and what the data's own `prepare` finds.
NOT_TYPED = frozenset(
    {
        "code", "data.dataset", "data.prepare", "data.root", "data.source", "debug", "notes",
        "paths.data", "paths.outputs", "rerun", "seed", "tags", "trust_code", "verify",
    }
)  # fmt: skip


def overrides_for(
    config_name: str, wanted: dict[str, Any], config_dirs: Sequence[str | Path] = ()
) -> list[str] | None:
    """Return the words of a command line that lead to a configuration, but for its seed.

    Returns:
        None where there are none: the files of `conf/` lead to other keys than `wanted` has.
    """
    try:
        words = _groups(wanted, config_dirs) if config_name == "train" else []
        start = compose(config_name, words, config_dirs)
        if config_name == "train":
            start, _ = prepare_data(start)
    except Exception:  # there is no such file any more, or no data
        return None
    before, goal = _typed(start), _typed(wanted)
    if before.keys() - goal.keys():
        return None
    changed = [
        f"{key}={spell(value)}"
        for key, value in goal.items()
        if key not in before or canonical(before[key]) != canonical(value)
    ]
    return [*words, *changed]


def _typed(config: dict[str, Any]) -> dict[str, Any]:
    """Return the keys that one would type."""
    callbacks = deciding_callbacks(config.get("callbacks"))
    flat = flatten(config | {"logger": {}, "callbacks": callbacks, "checkpoints": {}})
    return {
        key: value
        for key, value in flat.items()
        if key not in NOT_TYPED and not (value is None or value == {})
    }


def _groups(wanted: dict[str, Any], config_dirs: Sequence[str | Path]) -> list[str]:
    """Return `model=...`, and what was chosen otherwise than the files of model and task do."""
    defaults = compose("train", (), config_dirs)
    words = []
    for group in ("model", "task"):
        name = wanted[group]["name"] if wanted.get(group) else "none"
        if group == "model" or name != (defaults.get(group) or {}).get("name"):
            words.append(f"{group}={name}")
    own = compose("train", words, config_dirs)
    if own["data"]["name"] != wanted["data"]["name"]:
        words.append(f"data={wanted['data']['name']}")
    for group in ("optimizer", "scheduler", "augmentation"):
        before, after = own.get(group) or {}, wanted.get(group) or {}
        if before.get("_target_") != after.get("_target_"):
            words.append(f"{group}={_file_of(group, after.get('_target_'), config_dirs)}")
    callbacks = list(deciding_callbacks(wanted.get("callbacks")))
    if sorted(callbacks) != sorted(deciding_callbacks(own.get("callbacks"))):
        words.append(f"callbacks=[{','.join(callbacks)}]" if callbacks else "callbacks=none")
    return words


def _file_of(group: str, target: str | None, config_dirs: Sequence[str | Path]) -> str:
    """Return the name of the first file of a group that leads to `target`, or to nothing."""
    for path in options(group, config_dirs).values():
        found = re.search(r"^\s*_target_:\s*(\S+)", path.read_text("utf-8"), re.MULTILINE)
        if (found[1] if found else None) == target:
            return path.stem
    raise LookupError(f"no file of {group} leads to {target}")
