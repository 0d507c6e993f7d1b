"""The configurations that a command line or a study leads to, composed as the commands do it."""

import copy
import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from project.runs.identity import OPTIONAL_SECTIONS, SCIENTIFIC_SECTIONS, UNSAID, canonical, settled

if TYPE_CHECKING:
    from omegaconf import DictConfig

CONFIGURATION_FOLDER = Path(__file__).resolve().parents[1] / "conf"
# A seed that no run has: what is held fixed shows, as it does not follow.
NO_RUNS_SEED = 2**32 - 1


@dataclass(frozen=True)
class StudyArm:
    """One arm of a study: its resolved configuration at NO_RUNS_SEED, and the study's seeds."""

    values: dict[str, Any]
    seeds: tuple[int, ...]


def spare_hydras_copies() -> None:
    """Let Hydra copy its list of sources for each look at it, and not all that they hold.

    It makes a copy for each composition and each group that it lists, since a composition may put
    other sources in the list (`hydra.searchpath`). It deep-copies: half of the time of --help.
    """
    from hydra._internal.config_repository import ConfigRepository

    setattr(ConfigRepository, "__deepcopy__", lambda self, _: copy.copy(self))  # noqa: B010


def compose(config_name: str, overrides: Sequence[str], hydras_own: bool = False) -> "DictConfig":
    """The configuration `config_name` with `overrides`; raises HydraException.

    hydras_own: with the section `hydra`, which a command's task does not see.
    """
    import hydra
    from hydra.core.global_hydra import GlobalHydra

    spare_hydras_copies()
    GlobalHydra.instance().clear()
    with hydra.initialize_config_dir(str(CONFIGURATION_FOLDER), version_base="1.3"):
        return hydra.compose(config_name, overrides=list(overrides), return_hydra_config=hydras_own)


def compose_values(config_name: str, overrides: Sequence[str]) -> dict[str, Any]:
    """The same, resolved to plain values."""
    from omegaconf import OmegaConf

    values: Any = OmegaConf.to_container(compose(config_name, overrides), resolve=True)
    return settled(values)


def study_arms(config_name: str, study: str) -> list[StudyArm]:
    """The arms that the sweep of conf/study/`study`.yaml consists of; raises HydraException."""
    from hydra._internal.core_plugins.basic_sweeper import BasicSweeper
    from hydra.core.override_parser.overrides_parser import OverridesParser

    parser = OverridesParser.create()
    params = compose(config_name, [f"+study={study}"], hydras_own=True).hydra.sweeper.params
    swept = parser.parse_overrides([f"{key}={value}" for key, value in params.items()])
    (grid,) = BasicSweeper.split_arguments(swept, max_batch_size=None)
    seeds: dict[tuple[str, ...], list[int]] = {}
    for job in grid:
        arm = tuple(word for word in job if not word.startswith("seed="))
        values = [word.removeprefix("seed=") for word in job if word not in arm]
        seeds.setdefault(arm, []).extend(int(value) for value in values)
    return [
        StudyArm(
            compose_values(config_name, [f"+study={study}", *arm, f"seed={NO_RUNS_SEED}"]),
            tuple(own),
        )
        for arm, own in seeds.items()
    ]


def overrides_for(config_name: str, wanted: dict[str, Any]) -> list[str] | None:
    """The words of a command line that lead to the resolved configuration `wanted`, but its seed.

    None where none do: the configuration has been given other keys since `wanted` was stored.
    """
    try:
        words = _groups(wanted) if config_name == "train" else []
        start = dict(_flat(compose_values(config_name, [*words, f"seed={wanted['seed']}"])))
    except Exception:  # there is no such model any more
        return None
    goal: dict[str, Any] = {}
    if config_name == "train":
        # Of before there was all that is no part of the arm, and ways to train beside the report's;
        # and of before there were some settings.
        sections = {key: key.split(".")[0] for key in start}
        goal = {key: start[key] for key in start if sections[key] not in SCIENTIFIC_SECTIONS}
        goal |= {key: value for key, value in UNSAID.items() if key in start}
    goal |= dict(_flat(wanted))
    if goal.keys() != start.keys():
        return None
    changed = [key for key, value in goal.items() if canonical(start[key]) != canonical(value)]
    return words + [f"{key}={_spelled(goal[key])}" for key in changed if key not in NOT_IN_COMMANDS]


# Where the report looks says where runs go.
NOT_IN_COMMANDS = ("seed", "rerun", "paths.outputs")


def _groups(wanted: dict[str, Any]) -> list[str]:
    """`model=...`, and what was chosen otherwise than the model's file does: `optimizer=adam`."""
    words = [f"model={wanted['model']['name']}"]
    own = compose_values("train", words)
    target = wanted["optimizer"]["_target_"]
    if own["optimizer"]["_target_"] != target:
        words.append(f"optimizer={options('optimizer', f'_target_: {target}')[0]}")
    for section in OPTIONAL_SECTIONS:
        off = wanted.get(section) is None
        if off != (own[section] is None):
            words.append(f"{section}={options(section, f'{section}: null', holds=off)[0]}")
    return words


def options(group: str, line: str, holds: bool = True) -> list[str]:
    """The files of conf/`group` that hold the line, or those that do not."""
    files = sorted((CONFIGURATION_FOLDER / group).glob("*.yaml"))
    return [path.stem for path in files if (line in path.read_text().splitlines()) == holds]


def _spelled(value: Any) -> str:
    """The value in Hydra's grammar."""
    if isinstance(value, dict | list):
        return json.dumps(value, separators=(",", ":"))
    if isinstance(value, str) and not re.fullmatch(r"[\w./-]+", value):
        return "'" + value.replace("\\", "\\\\").replace("'", "\\'") + "'"
    return json.dumps(value) if not isinstance(value, str) else value


def _flat(node: dict[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in node.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value
