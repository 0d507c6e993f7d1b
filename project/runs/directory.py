"""One run's directory: who may work in it, what state it is in, what it says about itself.

`outputs/runs/<model>-<arm hash>/seed=<k>/` holds

    config.yaml   the resolved configuration: enough to run it again
    run.json      status, metrics, seconds, provenance; written whole or not at all
    history.csv, last.ckpt, previous.ckpt, events.out.tfevents.*, run.log

and `.seed=<k>.lock` beside it is held while a process works on the run.
"""

import difflib
import json
import os
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml
from filelock import FileLock, Timeout

from project.runs.atomic import TEMPORARY, finish_replacement, name_path, write_text
from project.runs.identity import Run, identify

SCHEMA = 1
# The same as yaml.safe_load, ten times as fast: a sweep reads the configuration of all its runs.
SAFE_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
COMPLETED, RUNNING, FAILED, INTERRUPTED = "completed", "running", "failed", "interrupted"


class NoRunError(Exception):
    """There is no completed run of project.train, or none is named."""

    exit_code = 2


class RefusedError(Exception):
    """Going on would overwrite or mix results."""

    exit_code = 4


class HeldError(RefusedError):
    """Another process works on the run; it may be asked for again later."""


class DamagedRunError(Exception):
    """A file of the run cannot be read."""

    exit_code = 3


class RunDirectory:
    """The directory of `run` under `outputs`; nothing is created before `locked()`.

    identify: names the run of a stored configuration and data set, as it named this one.
    """

    def __init__(
        self, run: Run, outputs: Path, identify: Callable[[dict[str, Any], str], Run]
    ) -> None:
        self.run = run
        self._identify = identify
        self.path = run.directory(outputs)
        self._outputs = outputs

    def record(self) -> dict[str, Any] | None:
        """What run.json says; None where there is none. Raises DamagedRunError."""
        return read_record(self.path)

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Be the only process that works on this run; raises HeldError naming the holder."""
        self.refuse_links_outside()
        with locked(self.path):
            yield

    def refuse_links_outside(self) -> None:
        """Raise RefusedError if the directory or a file of the run lies elsewhere through a link.

        The output root itself may be a link; nothing below it may lead out of it.
        """
        root = self._outputs.resolve()
        for path in self._places():
            if not path.resolve().is_relative_to(root):
                raise RefusedError(
                    f"{path} leads outside {root} through a symbolic link; remove the link"
                )

    def _places(self) -> Iterator[Path]:
        """The directory, and after it every link where a file of the run should be."""
        yield self.path
        beside = [self.path.with_name(f".{self.path.name}.{end}") for end in ("lock", "log")]
        inside = self.path.iterdir() if self.path.is_dir() else ()
        for path in (*beside, *inside):
            if path.is_symlink():
                yield path

    def begin(self, config: dict[str, Any], provenance: dict[str, Any], rerun: bool) -> None:
        """Make the directory ready for work: created, kept for resuming, or (rerun) made anew."""
        if rerun and self.path.exists():
            move_aside(self.path)
        self.path.mkdir(exist_ok=True)
        for left_by_killed in self.path.glob(f".*{TEMPORARY}"):
            left_by_killed.unlink()
        stored = self.path / "config.yaml"
        if not stored.exists():
            write_text(stored, config_text(config))
        self.write(RUNNING, provenance)

    def check_stored(self, sha256: str | None) -> None:
        """Raise RefusedError unless what is stored here is this very run, on the same data.

        sha256: of the data; None if the configuration alone says what they are.
        """
        record = self.record()
        if record is None or not (self.path / "config.yaml").exists():
            return
        _, was, was_sha256 = read_origin(self.path, record, self._identify)
        sha256 = was_sha256 if sha256 is None else sha256
        if (was.name, was_sha256) != (self.run.name, sha256):
            before, now = _lines(was, was_sha256), _lines(self.run, sha256)
            diff = "\n".join(difflib.unified_diff(before, now, "stored", "asked for", lineterm=""))
            raise RefusedError(f"{self.path} holds another run than its name says:\n{diff}")

    def write(self, status: str, provenance: dict[str, Any], **facts: Any) -> dict[str, Any]:
        """Write run.json, whole or not at all; returns what was written."""
        record = {
            "schema": SCHEMA,
            "status": status,
            "model": self.run.model,
            "seed": self.run.seed,
            "arm": self.run.arm_hash,
            **facts,
            "process": {"pid": os.getpid(), "host": socket.gethostname()},
            "provenance": provenance,
        }
        write_text(self.path / "run.json", json.dumps(record, indent=2) + "\n")
        return record


def config_text(config: dict[str, Any]) -> str:
    """The content of config.yaml."""
    return yaml.safe_dump(config, sort_keys=False)


def move_aside(directory: Path) -> None:
    """Make room for a rerun; nothing is thrown away."""
    number = 1
    while (aside := directory.with_name(f"{directory.name}.before-{number}")).exists():
        number += 1
    directory.rename(aside)


@contextmanager
def locked(directory: Path) -> Iterator[None]:
    """Be the only process that works on the run in `directory`; raises HeldError naming the holder.

    The operating system drops the lock with its process: a dead holder is no obstacle.
    """
    directory.parent.mkdir(parents=True, exist_ok=True)
    path = lock_path(directory)
    lock = FileLock(path)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        raise HeldError(
            f"{directory} is being worked on by {holder(directory)}; wait for it, or stop it"
        ) from None
    try:
        # In the lock file and not in run.json, which is written seconds later.
        _name_holder(path)
        finish_replacement(directory)
        yield
    finally:
        lock.release()


def _name_holder(lock: Path) -> None:
    try:
        lock.write_text(f"{os.getpid()}\n{socket.gethostname()}\n")
    except OSError as error:
        name_path(error, lock)
        raise


def lock_path(directory: Path) -> Path:
    """The file that is locked while a process works on the run in `directory`, and names it."""
    return directory.with_name(f".{directory.name}.lock")


def holder(directory: Path) -> str:
    """The process that works on the run in `directory`, or the last one that did."""
    try:
        process, host = lock_path(directory).read_text(errors="replace").split()
    except (OSError, ValueError):  # it is being written
        process = host = "?"
    return f"process {process} on {host}"


_WAY_OUT = "move that directory aside, or pass rerun=true, to run it again"


def _lines(run: Run, sha256: str) -> list[str]:
    facts = {"model": run.model, "seed": run.seed, "data sha256": sha256, "arm": run.arm}
    return json.dumps(facts, indent=2, sort_keys=True).splitlines()


def read_record(directory: Path) -> dict[str, Any] | None:
    """The content of `directory`/run.json; None where there is none. Raises DamagedRunError."""
    path = directory / "run.json"
    try:
        record = json.loads(path.read_text())
    except FileNotFoundError:
        return None
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise DamagedRunError(f"{path} is damaged ({error}); {_WAY_OUT}") from None
    if not isinstance(record, dict) or record.get("schema") != SCHEMA or "status" not in record:
        raise DamagedRunError(f"{path} is no run record of schema {SCHEMA}; {_WAY_OUT}")
    return record


def read_origin(
    directory: Path, record: dict[str, Any], identify: Callable[[dict[str, Any], str], Run]
) -> tuple[dict[str, Any], Run, str]:
    """The stored configuration, the run that it describes, and the SHA-256 of its data.

    record: what run.json says. Raises DamagedRunError.
    """
    path = directory / "run.json"
    try:
        data = record["provenance"]["data"]
        dataset, sha256 = data["dataset"], data["sha256"]
        path = directory / "config.yaml"
        values = yaml.load(path.read_text(), SAFE_LOADER)
        return values, identify(values, dataset), sha256
    except (
        yaml.YAMLError,
        LookupError,
        TypeError,
        AttributeError,
        UnicodeDecodeError,
        FileNotFoundError,
    ) as error:
        raise DamagedRunError(f"{path} cannot be read ({error}); {_WAY_OUT}") from None


def read_training_origin(
    directory: Path, record: dict[str, Any]
) -> tuple[dict[str, Any], Run, str]:
    """Likewise of a run of project.train; raises NoRunError for a run of another command."""

    def identify_pairs(config: dict[str, Any], dataset: str) -> Run:
        if "model" not in config:
            raise NoRunError(f"{directory} is no run of project.train")
        return identify(config, dataset)

    values, run, sha256 = read_origin(directory, record, identify_pairs)
    if (run.arm_hash, run.seed) != (record.get("arm"), record.get("seed")):
        raise DamagedRunError(
            f"{directory / 'config.yaml'} describes {run.name}, but run.json is of arm "
            f"{record.get('arm')}, seed {record.get('seed')}: one of them was changed"
        )
    return values, run, sha256


def completed_record(directory: Path) -> dict[str, Any] | None:
    """The record of a completed run; None for any other. Raises DamagedRunError."""
    record = read_record(directory)
    return record if record is not None and record["status"] == COMPLETED else None
