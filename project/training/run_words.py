"""The words by which commands name a completed run, or ask for the best one."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from project.config.compose import expand_path
from project.config.errors import ConfigurationError
from project.runs.lifecycle import metric_text
from project.runs.record import CorruptRunError, NoRunError, completed_record
from project.training.load_run import LoadedRun, load_run


def find_best(outputs: Path) -> tuple[Path, str]:
    """Return the run of the best validation metric under an output folder, and why it is.

    Raises:
        NoRunError: There is none, or the runs are of several tasks or data sets.
    """
    found = list(_completed(outputs))
    if not found:
        raise NoRunError(
            f"there is no completed run with a validation metric in {outputs / 'runs'}; "
            "python -m project.train makes one"
        )
    kinds = {(each["task"], _data_set(each), each["metric"]["name"]) for _, each in found}
    if len(kinds) > 1:
        listed = "; ".join(f"task={task} data={data}" for task, data, _ in sorted(kinds))
        raise NoRunError(
            f"the runs in {outputs / 'runs'} are of several experiments ({listed}), of which no "
            "run is the best; name one: run=DIRECTORY"
        )
    metric = found[0][1]["metric"]
    sign = 1 if metric["direction"] == "min" else -1
    name = f"val/{metric['name']}"
    directory, record = min(found, key=lambda each: (sign * each[1]["metrics"][name], str(each[0])))
    value = metric_text(metric["name"], record["metrics"][name])
    word = "lowest" if sign > 0 else "highest"
    plural = "s" * (len(found) != 1)
    return directory, (
        f"the {word} validation {metric['name']}, {value}, of {len(found)} completed run{plural}"
    )


def _data_set(record: dict[str, Any]) -> str:
    """Return the data set that was found, else the name of the data's file."""
    return record["provenance"]["data"].get("dataset") or record["data"]


def _completed(outputs: Path) -> Iterator[tuple[Path, dict[str, Any]]]:
    for path in sorted((outputs / "runs").glob("*/seed_*")):
        try:
            record = completed_record(path)
        except CorruptRunError:
            continue
        if record is None or record.get("command") != "train":
            continue
        value = record["metrics"].get(f"val/{record['metric']['name']}", math.nan)
        if not math.isnan(value):
            yield path, record


@dataclass(frozen=True, eq=False)
class RunWords:
    """What the words of a command say about its run.

    Attributes:
        run: Its directory; None for the best one under `outputs`.
        outputs: The output folder.
        data: The folder of the data; None for the run's own.
        trust_code: Whether to build whatever classes its configuration names.
        accept_code: Whether to use weights that other code has trained.
        others: The words that are the command's own.
    """

    run: Path | None
    outputs: Path
    data: str | None
    trust_code: bool
    accept_code: bool
    others: list[str]

    def open(self) -> tuple[LoadedRun, str | None]:
        """Open the run; returns it, and why `best` is this one."""
        directory, why = (self.run, None) if self.run is not None else find_best(self.outputs)
        return load_run(directory, self.trust_code, self.accept_code), why


KEYS = ("run", "paths.outputs", "paths.data", "trust_code", "code")


def read_run_words(words: Sequence[str]) -> RunWords:
    """Take what is said of the run out of a command's words.

    Args:
        words: `best` or `run=DIRECTORY`, perhaps `paths.outputs=`, `paths.data=`,
            `trust_code=true`, `code=accept`, and the command's own.

    Raises:
        NoRunError: No run is named, or twice.
    """
    values: dict[str, str] = {}
    others = []
    for word in words:
        key, equals, value = word.partition("=")
        if equals and key in KEYS:
            if key in values:
                raise NoRunError(f"{key}= is given twice; leave one out")
            values[key] = value
        else:
            others.append(word)
    best = others[:1] == ["best"]
    if best == ("run" in values):
        raise NoRunError(
            "run= and best are two choices; leave one out"
            if best
            else "name a run first: run=outputs/runs/<variant>/seed_<k>, or `best` for the one of "
            "the best validation metric"
        )
    for key, known in (("trust_code", ("true", "false")), ("code", ("accept",))):
        if key in values and values[key] not in known:
            raise ConfigurationError(f"{key}={values[key]}: must be {' or '.join(known)}")
    return RunWords(
        run=None if best else _expanded(values["run"]),
        outputs=_expanded(values.get("paths.outputs", "outputs")),
        data=str(_expanded(values["paths.data"])) if "paths.data" in values else None,
        trust_code=values.get("trust_code") == "true",
        accept_code="code" in values,
        others=others[best:],
    )


def _expanded(path: str) -> Path:
    return Path(expand_path(path))
