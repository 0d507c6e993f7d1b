"""Which run is this? An *arm* is a configuration without its seed; a *run* is an arm and a seed.

The arm's hash covers everything that changes the science (the net, the data set, the pairs, the
optimizer, the loss, the training) and nothing about where or how it is shown (paths, launcher), so
one configuration has one directory however it was spelled, and two that differ never share one.
"""

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

# Sections of the configuration that change the result. The data's `source` says only where to look;
# what was found there (`dataset`) takes its place.
SCIENTIFIC_SECTIONS = ("model", "data", "optimizer", "loss", "trainer")
# Likewise, where they are not null: ways to train that the report has not.
OPTIONAL_SECTIONS = ("augmentation", "schedule", "averaging")
# Settings that came later than the first runs: with these values a run is what it was without.
# (Several devices are an arm of their own: they add in another order.)
UNSAID = {
    "trainer.devices": 1,
    "data.re_pair": False,
    "loss.label_smoothing": 0,
    "augmentation.gamma": 1,
}


def canonical(value: Any) -> Any:
    """The value in its one spelling: 1.0 and 1 are the same number, tuples are lists, keys sorted.

    Raises TypeError for anything that is no plain container, number, string, bool or None.
    """
    if isinstance(value, dict):
        return {str(key): canonical(value[key]) for key in sorted(value)}
    if isinstance(value, list | tuple):
        return [canonical(item) for item in value]
    if isinstance(value, bool) or value is None or isinstance(value, str | int):
        return value
    if isinstance(value, float):
        return int(value) if value.is_integer() else value
    raise TypeError(f"a configuration holds plain values, got {type(value).__name__}: {value!r}")


def settled(values: dict[str, Any]) -> dict[str, Any]:
    """Without `model.learning_rates`, which have served once `optimizer.lr` is resolved."""
    if "model" not in values:
        return values
    model = {key: value for key, value in values["model"].items() if key != "learning_rates"}
    return values | {"model": model}


@dataclass(frozen=True)
class Run:
    """One arm at one seed."""

    model: str
    arm: dict[str, Any]
    seed: int

    @property
    def arm_hash(self) -> str:
        """Eight hexadecimal digits of the SHA-256 of the arm's canonical JSON."""
        text = json.dumps(self.arm, sort_keys=True, separators=(",", ":"), allow_nan=False)
        return hashlib.sha256(text.encode()).hexdigest()[:8]

    @property
    def name(self) -> str:
        """`<model>-<arm hash>/seed=<k>`: the run's place under `<outputs>/runs`, and its name."""
        return f"{self.model}-{self.arm_hash}/seed={self.seed}"

    def directory(self, outputs: Path) -> Path:
        """Where the run lives."""
        return outputs / "runs" / self.name


def identify(config: dict[str, Any], dataset: str) -> Run:
    """The run that a resolved configuration describes, on the data set that its source leads to."""
    unsaid = UNSAID.items()
    on = [section for section in OPTIONAL_SECTIONS if config.get(section) is not None]
    arm = {
        section: {k: v for k, v in config[section].items() if (f"{section}.{k}", v) not in unsaid}
        for section in (*SCIENTIFIC_SECTIONS, *on)
    }
    del arm["model"]["name"]
    arm["data"].pop("source", None)
    arm["data"]["dataset"] = dataset
    # A source of chance that follows the seed is no part of the arm; one that is held fixed is.
    # (Runs of before the seeds were split have no such section.)
    seeds = config.get("seeds", {})
    if held := {source: seed for source, seed in seeds.items() if seed != config["seed"]}:
        arm["seeds"] = held
    return Run(model=config["model"]["name"], arm=canonical(arm), seed=config["seed"])
