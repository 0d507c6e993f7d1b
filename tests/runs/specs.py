"""Runs that are prepared without a configuration of conf/, and what executing them leaves."""

from dataclasses import replace
from pathlib import Path
from typing import Any

from project.config.identity import identify
from project.runs.interruption import StopFlag
from project.runs.spec import Result, RunSpec
from tests.config.configurations import changed

CODE: dict[str, Any] = {
    "digest": "c0de" * 16,
    "platform": "0f" * 32,
    "definitions": {"project.models.basic:Basic": "ab" * 32},
}
DATA = {"name": "epfl_pairs", "dataset": "mnist", "fetched_from": "folder", "source": "5a" * 32}
RESULT = Result(
    parameters=76_846,
    metrics={"val/error": 0.03, "test/error": 0.0226},
    training_seconds=11.12,
    facts={"epochs": 25, "stopped_early": False},
    data={"test": "7e" * 32},
    machine={"device": "cpu", "cpu_capability": "AVX2"},
)


def make_spec(outputs: Path, *changes: tuple[str, Any], **fields: Any) -> RunSpec:
    """Return a prepared run under `outputs`; changes: of the configuration; fields: of the spec."""
    config = changed(*changes)
    spec = RunSpec(
        command="train", config=config, run=identify(config), outputs=outputs, threads=1,
        data=DATA, code=CODE, typed="python -m project.train seed=3", overrides=("seed=3",),
    )  # fmt: skip
    return replace(spec, **fields)


def other_code(**definitions: str) -> dict[str, Any]:
    """Return fingerprints of another version of the code."""
    return CODE | {"digest": "0dd0" * 16, "definitions": definitions}


def execute(spec: RunSpec, stop: StopFlag) -> Result:
    """Leave a checkpoint, and RESULT."""
    (spec.directory.path / "last.ckpt").write_bytes(b"weights")
    return RESULT


def never(spec: RunSpec, stop: StopFlag) -> Result:
    """Fail: the run is not to be executed."""
    raise AssertionError("executed again")
