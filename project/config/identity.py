"""The identity of a run: a *variant* is a configuration without its seed, a *run* adds the seed.

The variant's hash leaves out what cannot change the result, and keys that equal the literal default
in the constructor of a class of this project or of the user: adding an option renames no run.
"""

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from project.config import schema
from project.config.constructors import REQUIRED, constructor_parameters, find_definition
from project.config.source import is_own

# Sections and keys of the root that cannot change the result.
IGNORED = {
    "checkpoints", "code", "debug", "logger", "notes", "paths", "rerun", "seed", "seeds",
    "study", "tags", "trust_code", "verify",
}  # fmt: skip
# Keys in sections that cannot change the result. The data that a source gave are in `data.dataset`.
IGNORED_KEYS = {
    "data.name", "data.prepare", "data.source", "data.root", "model.framework_target",
    "model.name", "optimizer.framework_target", "task.framework_target", "task.name",
    "trainer.enable_model_summary", "trainer.enable_progress_bar", "trainer.log_every_n_steps",
    "trainer.profiler",
}  # fmt: skip
# For these keys, 1.0 means all batches (Lightning's default) and 1 means one batch, although
# `canonical` spells both as 1: the default is left out.
SHARES = {
    "trainer.limit_test_batches", "trainer.limit_train_batches", "trainer.limit_val_batches",
    "trainer.val_check_interval",
}  # fmt: skip
# Callbacks that observe a run and cannot change its result.
OBSERVERS = {
    "project.tasks.pictures.PairPictures",
    "pytorch_lightning.callbacks.DeviceStatsMonitor",
    "pytorch_lightning.callbacks.LearningRateMonitor",
    "pytorch_lightning.callbacks.RichProgressBar",
    "pytorch_lightning.callbacks.Timer",
    "pytorch_lightning.callbacks.TQDMProgressBar",
}
# Data of the first experiment: their name is left out of the names of runs.
UNNAMED_DATA = {"epfl_pairs", "mnist_pairs"}
# Keys that the data's `prepare` function sets to describe examples, and that models copy.
SHAPE = {"classes", "channels", "image_size"}
SEED_SOURCES = ("data", "init", "order")
# Defaults of the platform's own keys in sections that name a class; equal values are left out.
PLATFORM_DEFAULTS: dict[str, dict[str, Any]] = {
    name: {key: field.default for key, field in section.model_fields.items()}
    for name, section in {
        "model": schema.Model,
        "optimizer": schema.Optimizer,
        "scheduler": schema.Scheduler,
        "trainer": schema.Trainer,
    }.items()
}


def canonical(value: Any) -> Any:
    """Return plain values with 1.0 as 1, tuples as lists, sorted keys; TypeError for others."""
    if isinstance(value, dict):
        return {str(key): canonical(value[key]) for key in sorted(value)}
    if isinstance(value, list | tuple):
        return [canonical(item) for item in value]
    if value is None or isinstance(value, str | int):
        return value
    if isinstance(value, float):
        return int(value) if value.is_integer() else value
    raise TypeError(f"a configuration holds plain values, got {type(value).__name__}: {value!r}")


def flatten(node: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    """Return a configuration as one dict with dotted keys; lists and empty sections are values."""
    flat: dict[str, Any] = {}
    for key, value in node.items():
        if isinstance(value, dict) and value:
            flat |= flatten(value, f"{prefix}{key}.")
        else:
            flat[f"{prefix}{key}"] = value
    return flat


def walk(node: Any, place: str = "") -> Iterator[tuple[str, str, Any]]:
    """Yield the dotted place, the key and the value of each item in a section, at any depth."""
    if isinstance(node, list):
        node = dict(enumerate(node))
    for key, value in node.items() if isinstance(node, dict) else ():
        yield f"{place}.{key}", str(key), value
        yield from walk(value, f"{place}.{key}")


def identity_settings(config: dict[str, Any]) -> dict[str, Any]:
    """Return the canonical part of a resolved project.train configuration that decides the result.

    Seeds of `seeds.*` that are not None are part of it, the run's own seed is not.
    """
    config = _without_shape(config)
    settings = {key: _section(key, value) for key, value in config.items() if key not in IGNORED}
    if settings.get("engine") == "torch":
        del settings["engine"]
    held = {name: seed for name, seed in (config.get("seeds") or {}).items() if seed is not None}
    if held:
        settings["seeds"] = held
    if isinstance(initial := config.get("init_from"), dict):
        key = "variant" if initial["variant"] is not None else "weights_sha256"
        settings["init_from"] = {key: initial[key]}
    return canonical({key: value for key, value in settings.items() if value not in (None, {})})


def _without_shape(config: dict[str, Any]) -> dict[str, Any]:
    """Leave out the keys of SHAPE that the data's constructor does not take, and their copies."""
    data, model = config.get("data"), config.get("model")
    if not isinstance(data, dict):
        return config
    taken = constructor_parameters(data.get("_target_", ""))
    own = {} if taken is None else taken.defaults
    config = config | {"data": {k: v for k, v in data.items() if k not in SHAPE or k in own}}
    if isinstance(model, dict):
        same = {key for key in SHAPE if key in model and model[key] in (None, data.get(key))}
        config["model"] = {key: each for key, each in model.items() if key not in same}
    return config


def deciding_callbacks(section: dict[str, Any] | None) -> dict[str, Any]:
    """Return the section `callbacks` without None and OBSERVERS, which cannot change results."""
    return {
        name: each
        for name, each in (section or {}).items()
        if each is not None and each.get("_target_") not in OBSERVERS
    }


def _section(key: str, value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    if key == "callbacks":
        return _without_defaults(deciding_callbacks(value))
    defaults = PLATFORM_DEFAULTS.get(key, {})
    kept = {
        name: each
        for name, each in value.items()
        if f"{key}.{name}" not in IGNORED_KEYS
        and not _equal(each, defaults.get(name, REQUIRED))
        and not (f"{key}.{name}" in SHARES and isinstance(each, float) and each == 1.0)
    }
    return _without_defaults(kept)


def _without_defaults(node: Any) -> Any:
    """Leave out arguments equal to the default of their class, if it is own code, at any depth."""
    if isinstance(node, list):
        return [_without_defaults(each) for each in node]
    if not isinstance(node, dict):
        return node
    target, defaults = node.get("_target_"), {}
    definition = find_definition(target) if isinstance(target, str) else None
    if definition is not None and is_own(definition.path):
        parameters = constructor_parameters(target)
        defaults = parameters.defaults if parameters is not None else {}
    return {
        key: _without_defaults(value)
        for key, value in node.items()
        if not _equal(value, defaults.get(key, REQUIRED))
    }


def _equal(value: Any, default: Any) -> bool:
    try:
        return json.dumps(canonical(value)) == json.dumps(canonical(default))
    except TypeError:  # of what is no plain value, such as a default that is missing
        return False


@dataclass(frozen=True)
class Run:
    """One variant at one seed.

    Attributes:
        model: The model's name, or the task's if it has a net of its own.
        data: The name of the data in the run's name; None if they are left out of it.
        settings: The part of the configuration that decides the result, in canonical form.
        seed: The seed.
    """

    model: str
    data: str | None
    settings: dict[str, Any]
    seed: int

    @property
    def hash(self) -> str:
        """Eight hexadecimal digits of the SHA-256 of the settings' canonical JSON."""
        text = json.dumps(self.settings, sort_keys=True, separators=(",", ":"), allow_nan=False)
        return hashlib.sha256(text.encode()).hexdigest()[:8]

    @property
    def variant(self) -> str:
        """`<model>-<hash>` or `<model>-<data>-<hash>`: the folder that holds the variant's runs."""
        return "-".join(filter(None, (self.model, self.data, self.hash)))

    @property
    def name(self) -> str:
        """`<variant>/seed_<k>`: the path of the run directory below `<outputs>/runs`."""
        return f"{self.variant}/seed_{self.seed}"

    def directory(self, outputs: Path) -> Path:
        """Return the run directory in the output folder: `<outputs>/runs/<variant>/seed_<k>`."""
        return outputs / "runs" / self.name


def identify(config: dict[str, Any]) -> Run:
    """Return the run that a resolved configuration of project.train describes."""
    model = config.get("model") or {}
    data = config["data"]
    name = data["name"]
    if name in UNNAMED_DATA:
        # Digits other than MNIST's (`mnist_5k`) are part of the name all the same.
        name = None if data.get("dataset") in (None, "mnist") else data["dataset"]
    return Run(
        model.get("name") or config["task"]["name"], name, identity_settings(config), config["seed"]
    )


def seeds_of(config: dict[str, Any]) -> dict[str, int]:
    """Return the seed of each source of chance: `seeds.<source>`, or the run's if that is None."""
    seeds = config.get("seeds") or {}
    chosen = {name: seeds.get(name) for name in SEED_SOURCES}
    return {name: config["seed"] if seed is None else seed for name, seed in chosen.items()}
