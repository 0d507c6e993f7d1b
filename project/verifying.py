"""`verify=RUN_DIRECTORY`: is a completed run the same, bit for bit, when it is carried out again?

The run is repeated from its own configuration in a scratch folder. Its metrics, its history.csv and
every tensor of its last.ckpt are held against the stored ones.
"""

import csv
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, Protocol

from project.refusing import ConfigurationError
from project.runs.directory import (
    COMPLETED,
    DamagedRunError,
    NoRunError,
    RunDirectory,
    read_record,
    read_training_origin,
)
from project.runs.identity import Run

if TYPE_CHECKING:
    from torch import Tensor


class DifferentError(Exception):
    """The repeated run differs from the stored one; the message says in what."""

    exit_code = 1


class Plan(Protocol):
    """What is asked of `project.train.Plan`."""

    @property
    def directory(self) -> RunDirectory: ...
    def carry_out(self) -> dict[str, Any]: ...


@dataclass(frozen=True, eq=False)
class Result:
    """What a completed run has left. tensors: of last.ckpt, by their dotted names in it."""

    metrics: dict[str, float]
    history: str
    tensors: dict[str, "Tensor"]
    provenance: dict[str, Any]


def data_folder_given(values: dict[str, Any]) -> str | None:
    """paths.data if it stands on the command line, which led to `values`.

    Raises ConfigurationError if it holds what a repetition would have to ignore.
    """
    from hydra.core.hydra_config import HydraConfig

    words = list(HydraConfig.get().overrides.task)
    ignored = [word for word in words if not word.startswith(("verify=", "paths."))]
    if ignored:
        raise ConfigurationError(
            f"verify repeats a run in the configuration that it had: leave out {' '.join(ignored)}"
        )
    given = any(word.startswith("paths.data=") for word in words)
    return values["paths"]["data"] if given else None


def verify(
    directory: Path,
    data_folder: str | None,
    make_plan: Callable[[dict[str, Any]], Plan],
) -> dict[str, float]:
    """Repeat the completed run in `directory`; returns its metrics if no bit differs.

    data_folder: None for the one that the run had. Raises NoRunError, DamagedRunError or
    DifferentError.
    """
    values, run = _stored_run(directory)
    stored = read_result(directory)
    with TemporaryDirectory(prefix="verify-") as scratch:
        paths = {"outputs": scratch, "data": data_folder or values["paths"]["data"]}
        try:
            beside = {
                "dashboard": {"images": False},
                "checkpoints": {"time_share": 0.01},
                "rerun": False,
                "verify": None,
            }
            plan = make_plan(values | beside | {"paths": paths})
        except ConfigurationError as error:
            path = directory / "config.yaml"
            raise DamagedRunError(f"{path} is not for this version of the code: {error}") from None
        with plan.directory.locked():
            plan.carry_out()
        repeated = read_result(plan.directory.path)
    differences = list(_differences(stored, repeated))
    environment = _environment(stored.provenance, repeated.provenance)
    if differences:
        lines = "\n  ".join([*differences, *environment])
        raise DifferentError(f"{directory} is not the same when it is repeated:\n  {lines}")
    counts = f"{len(stored.metrics)} metrics, {len(stored.history.splitlines()) - 1} epochs"
    print(f"{run.name}: the same bits when repeated ({counts}, {len(stored.tensors)} tensors)")
    print(*environment, sep="\n")
    return stored.metrics


def _stored_run(directory: Path) -> tuple[dict[str, Any], Run]:
    """The configuration of the completed run in `directory`, as this version reads it."""
    record = read_record(directory) if directory.is_dir() else None
    if record is None:
        raise NoRunError(f"{directory} is no run directory: there is no run.json in it")
    if record["status"] != COMPLETED:
        raise NoRunError(
            f"{directory} holds a run that is not completed but {record['status']}; the command "
            "that began it completes it"
        )
    values, run, _ = read_training_origin(directory, record)
    # Runs of before the seeds were split have no such section: all follow the run's.
    seeds = dict.fromkeys(("data", "init", "order"), run.seed)
    return {"seeds": seeds} | values, run


def read_result(directory: Path) -> Result:
    """Raises DamagedRunError naming the file that is missing or damaged."""
    from project.training.checkpoint import LAST, AtomicCheckpointIO

    record = read_record(directory) or {}
    path = directory / "run.json"
    try:
        metrics, provenance = dict(record["metrics"]), dict(record["provenance"])
        path = directory / "history.csv"
        history = path.read_bytes().decode()
        path = directory / LAST
        tensors = dict(_named_tensors(AtomicCheckpointIO().load_checkpoint(path)))
    except Exception as error:  # damaged bytes can raise anything
        raise DamagedRunError(f"{path} cannot be read ({error}): there is no telling") from None
    return Result(metrics, history, tensors, provenance)


def _named_tensors(node: Any, name: str = "") -> Iterator[tuple[str, "Tensor"]]:
    from torch import Tensor

    if isinstance(node, Tensor):
        yield name.removeprefix("."), node
    elif isinstance(node, dict | list | tuple):
        items = node.items() if isinstance(node, dict) else enumerate(node)
        for key, value in items:
            yield from _named_tensors(value, f"{name}.{key}")


def _differences(stored: Result, repeated: Result) -> Iterator[str]:
    """A line for each of metrics, history and weights that differs, with its first difference."""
    for name in sorted(stored.metrics.keys() | repeated.metrics.keys()):
        was, now = stored.metrics.get(name), repeated.metrics.get(name)
        if repr(was) != repr(now):
            yield f"run.json: {name} was {was}, is {now}"
    if stored.history != repeated.history:
        yield f"history.csv: {_history_difference(stored.history, repeated.history)}"
    names = dict.fromkeys([*stored.tensors, *repeated.tensors])
    differing = [
        (name, difference)
        for name in names
        if (difference := _tensor_difference(stored.tensors.get(name), repeated.tensors.get(name)))
    ]
    if differing:
        name, difference = differing[0]
        yield f"last.ckpt: {name} {difference}; {len(differing)} of {len(names)} tensors differ"


def _history_difference(stored: str, repeated: str) -> str:
    """The first value that differs."""
    rows = (csv.DictReader(text.splitlines()) for text in (stored, repeated))
    for epoch, (was, now) in enumerate(zip_longest(*rows), start=1):
        if was is None or now is None:
            return f"epoch {epoch} {'was not there' if was is None else 'is missing'}"
        for name in dict.fromkeys([*was, *now]):
            if was.get(name) != now.get(name):
                return f"epoch {epoch}, {name} was {was.get(name)}, is {now.get(name)}"
    return "its bytes differ, its values do not"


def _tensor_difference(was: "Tensor | None", now: "Tensor | None") -> str | None:
    """None if the two have the same bits."""
    import torch

    if was is None or now is None:
        return "was not there" if was is None else "is missing"
    if (was.dtype, was.shape) != (now.dtype, now.shape):
        return f"was {was.dtype} {tuple(was.shape)}, is {now.dtype} {tuple(now.shape)}"
    was, now = was.reshape(-1), now.reshape(-1)
    if torch.equal(was.view(torch.uint8), now.view(torch.uint8)):
        return None
    (places,) = torch.nonzero(was != now, as_tuple=True)
    if not len(places):
        return "differs in the sign of a zero or the bits of a NaN"
    first = int(places[0])
    count = f"{len(places)} of {was.numel()} numbers differ"
    return f"was {was[first].item()} at {first}, is {now[first].item()} ({count})"


def _environment(stored: dict[str, Any], repeated: dict[str, Any]) -> list[str]:
    """A line for each fact in which the two environments differ."""

    def facts(node: Any, name: str = "") -> dict[str, Any]:
        if not isinstance(node, dict):
            return {name.removeprefix("."): node}
        return {key: v for k, each in node.items() for key, v in facts(each, f"{name}.{k}").items()}

    was, now = facts(stored), facts(repeated)
    names = dict.fromkeys([*was, *now])
    names.pop("data.fetched_from", None)  # whichever way it came, its checksum says what it is
    lines = [
        f"environment: {name} was {was.get(name)}, is {now.get(name)}"
        for name in names
        if was.get(name) != now.get(name)
    ]
    return lines or ["environment: the same"]
