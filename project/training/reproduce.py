"""`verify=RUN_DIRECTORY`: repeat a completed run and compare the results bit by bit."""

import csv
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import zip_longest
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch
from torch import Tensor

from project.config.errors import ConfigurationError
from project.config.identity import deciding_callbacks, flatten
from project.runs.directory import HISTORY
from project.runs.lifecycle import run
from project.runs.prepare import prepare_run
from project.runs.record import RECORD, CorruptRunError, completed_record
from project.training.checkpoint import LAST, AtomicCheckpointIO
from project.training.execute import execute
from project.training.load_run import LoadedRun, load_run, output_folder

ALLOWED = ("verify=", "paths.", "trust_code=", "code=")


class DifferentError(Exception):
    """The repeated run differs from the stored one; the message lists the differences."""

    exit_code = 1


@dataclass(frozen=True, eq=False)
class StoredResult:
    """The results of a completed run."""

    metrics: dict[str, float]
    history: str  # the text of history.csv
    tensors: dict[str, Tensor]  # in last.ckpt, by their dotted paths
    provenance: dict[str, Any]


def reproduce(directory: Path, words: Sequence[str], trust_code: bool = False) -> dict[str, float]:
    """Repeat a completed run in a temporary folder; return its metrics if no bit differs.

    `words` are the overrides of the command: `verify`, paths, `trust_code`, `code` and no others.

    Raises:
        ConfigurationError: `words` has other overrides.
        CorruptRunError: A file of the run cannot be read.
        DifferentError: A bit differs. The message also says in what the environments differ.
        Exception: As `load_run`, `LoadedRun.find_data`, `prepare_run` and `execute`.
    """
    ignored = [word for word in words if not word.startswith(ALLOWED)]
    if ignored:
        raise ConfigurationError(
            f"verify repeats a run in the configuration that it had: leave out {' '.join(ignored)}"
        )
    # Changed code is accepted: the command tells whether the change affects the result.
    loaded = load_run(directory, trust_code=trust_code, accept_code=True, with_callbacks=True)
    stored = read_result(directory)
    given = [word.partition("=")[2] for word in words if word.startswith("paths.data=")]
    with TemporaryDirectory(prefix="verify-") as scratch:
        repeated = _repeat(loaded, Path(scratch), given[0] if given else None)
    found = list(differences(stored, repeated))
    environment = _environment(stored.provenance, repeated.provenance)
    if found:
        lines = "\n  ".join([*found, *environment])
        raise DifferentError(f"repeating {directory} gave different results:\n  {lines}")
    counts = f"{len(stored.metrics)} metrics, {len(stored.history.splitlines()) - 1} epochs"
    print(f"{loaded.name}: the same bits when repeated ({counts}, {len(stored.tensors)} tensors)")
    print(*environment, sep="\n")
    return stored.metrics


def _repeat(loaded: LoadedRun, scratch: Path, data: str | None) -> StoredResult:
    """Repeat a run in the folder `scratch`, without loggers and observers."""
    folder, section = loaded.find_data(data)
    config, directory = loaded.config, loaded.directory
    initial = config.get("init_from")
    if initial is not None:  # looked up beside this run, not at the stored path
        source = output_folder(directory) / "runs" / initial["source"]
        initial = initial | {"run": str(source if initial["variant"] is None else source.parent)}
    changed = {
        "init_from": initial,
        "paths": {"outputs": str(scratch), "data": folder},
        "data": section,
        "callbacks": deciding_callbacks(config["callbacks"]),
        "logger": {},
    }
    try:
        spec = prepare_run(config | changed)
    except ConfigurationError as error:
        raise CorruptRunError(
            f"{directory / RECORD} is not for this version of the code: {error}"
        ) from None
    spec = replace(spec, outputs=scratch)
    with spec.directory.locked():
        run(spec, execute)
    return read_result(spec.directory.path)


def read_result(directory: Path) -> StoredResult:
    """Read the results in a run directory; raise CorruptRunError if a file cannot be read."""
    path = directory / RECORD
    try:
        record = completed_record(directory) or {}
        metrics, provenance = dict(record["metrics"]), dict(record["provenance"])
        path = directory / HISTORY
        history = path.read_bytes().decode()
        path = directory / LAST
        tensors = dict(_named_tensors(AtomicCheckpointIO().load_checkpoint(path)))
    except Exception as error:  # damaged bytes can raise anything
        raise CorruptRunError(
            f"{path} cannot be read ({error}), so the run cannot be compared with its repetition"
        ) from None
    return StoredResult(metrics, history, tensors, provenance)


def _named_tensors(node: Any, name: str = "") -> Iterator[tuple[str, Tensor]]:
    if isinstance(node, Tensor):
        yield name.removeprefix("."), node
    elif isinstance(node, dict | list | tuple):
        items = node.items() if isinstance(node, dict) else enumerate(node)
        for key, value in items:
            yield from _named_tensors(value, f"{name}.{key}")


def differences(stored: StoredResult, repeated: StoredResult) -> Iterator[str]:
    """Yield a line for each metric that differs, and one each for history.csv and last.ckpt."""
    for name, was, now in sorted(_changed(stored.metrics, repeated.metrics)):
        yield f"{RECORD}: {name} was {was}, is {now}"
    if stored.history != repeated.history:
        yield f"{HISTORY}: {_history_difference(stored.history, repeated.history)}"
    names = dict.fromkeys([*stored.tensors, *repeated.tensors])
    compared = {
        n: _tensor_difference(stored.tensors.get(n), repeated.tensors.get(n)) for n in names
    }
    differing = [f"{name} {difference}" for name, difference in compared.items() if difference]
    if differing:
        yield f"{LAST}: {differing[0]}; {len(differing)} of {len(names)} tensors differ"


def _changed(was: Mapping[str, Any], now: Mapping[str, Any]) -> Iterator[tuple[str, Any, Any]]:
    """Yield each name whose values differ, and both values; None where there is none."""
    for name in dict.fromkeys([*was, *now]):
        if repr(was.get(name)) != repr(now.get(name)):
            yield name, was.get(name), now.get(name)


def _history_difference(stored: str, repeated: str) -> str:
    """Describe the first value that differs between two texts of history.csv."""
    rows = (csv.DictReader(text.splitlines()) for text in (stored, repeated))
    for epoch, (was, now) in enumerate(zip_longest(*rows), start=1):
        if was is None or now is None:
            return f"epoch {epoch} {'was not there' if was is None else 'is missing'}"
        for name, before, after in _changed(was, now):
            return f"epoch {epoch}, {name} was {before}, is {after}"
    return "its bytes differ, its values do not"


def _tensor_difference(was: Tensor | None, now: Tensor | None) -> str | None:
    """Describe the first number that differs; return None if both tensors have the same bits."""
    if was is None or now is None:
        return "was not there" if was is None else "is missing"
    if (was.dtype, was.shape) != (now.dtype, now.shape):
        return f"was {was.dtype} {tuple(was.shape)}, is {now.dtype} {tuple(now.shape)}"
    was, now = was.reshape(-1), now.reshape(-1)
    if torch.equal(was.view(torch.uint8), now.view(torch.uint8)):
        return None
    places = torch.nonzero(was != now)
    if not len(places):
        return "differs in the sign of a zero or the bits of a NaN"
    first = int(places[0])
    count = f"{len(places)} of {was.numel()} numbers differ"
    return f"was {was[first].item()} at {first}, is {now[first].item()} ({count})"


def _environment(stored: dict[str, Any], repeated: dict[str, Any]) -> list[str]:
    """Return a line for each provenance fact that differs; a single line if all are the same."""
    lines = [
        f"environment: {name} was {was}, is {now}"
        for name, was, now in _changed(flatten(stored), flatten(repeated))
        # Not where the files come from: the checksum is compared.
        if name != "data.fetched_from" and not name.startswith("code.definitions.")
    ]
    return lines or ["environment: the same"]
