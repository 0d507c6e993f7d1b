"""A completed run, opened again: its configuration, its net with the final weights, its data.

What a trained net is used for (predicting, exporting, showing, evaluating) begins here.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from project.config.errors import ConfigurationError, ConflictError
from project.config.identity import deciding_callbacks, identify
from project.config.schema import validate_train
from project.config.trust import CodeOnRecord, check_trusted
from project.runs.code import changed_definitions, fingerprint
from project.runs.lifecycle import metric_text
from project.runs.prepare import deciding_targets, prepare_data
from project.runs.record import (
    COMPLETED,
    CorruptRunError,
    NoRunError,
    completed_record,
    read_record,
)

if TYPE_CHECKING:
    from pytorch_lightning import LightningDataModule, LightningModule
    from torch import nn

DATA_FOLDER = "outputs/data"  # as in conf/train.yaml
SECTIONS = ("model", "task", "data", "optimizer", "scheduler", "augmentation")


@dataclass(frozen=True, eq=False)
class LoadedRun:
    """A completed run of project.train.

    Attributes:
        directory: The run directory.
        record: Its run.json.
    """

    directory: Path
    record: dict[str, Any]

    @property
    def config(self) -> dict[str, Any]:
        """The resolved configuration."""
        return self.record["config"]

    @property
    def name(self) -> str:
        """`<variant>/seed_<k>`."""
        return self.record["name"]

    def net(self) -> "nn.Module":
        """Return the net with the weights that were tested, ready to answer.

        Raises:
            CheckpointError: The checkpoint does not give the run's net.
            ConfigurationError: The task brought its own net; `task` has it.
        """
        from project.training.components import build_net

        net = build_net(self.config)
        if net is None:
            raise ConfigurationError(
                f"{self.directory}: task={self.record['task']} brings its own net, which stands "
                "for no plain torch.nn.Module"
            )
        prefix = "net."
        state = {
            name.removeprefix(prefix): value
            for name, value in self._state().items()
            if name.startswith(prefix)
        }
        self._load(net, state)
        return net.eval()

    def task(self) -> "LightningModule":
        """Return the LightningModule with the weights that were tested."""
        from project.training.components import build_net, build_task

        task = build_task(self.config, build_net(self.config))
        self._load(task, self._state())
        return task.eval()

    def _state(self) -> dict[str, Any]:
        from project.training.checkpoint import BEST, LAST, AtomicCheckpointIO

        # Not previous.ckpt: its weights are not those whose metrics are on record.
        best = self.directory / BEST
        uses_best = "best_checkpoint" in (self.config.get("callbacks") or {}) and best.exists()
        path = best if uses_best else self.directory / LAST
        try:
            return AtomicCheckpointIO().load_checkpoint(path)["state_dict"]
        except Exception as error:  # damaged bytes can raise anything
            raise self._unusable(path, error) from None

    def _load(self, module: "nn.Module", state: dict[str, Any]) -> None:
        try:
            module.load_state_dict(state)
        except Exception as error:
            raise self._unusable(self.directory, error) from None

    def _unusable(self, path: Path, error: Exception) -> Exception:
        from project.training.checkpoint import CheckpointError

        reason = (str(error).strip() or repr(error)).splitlines()[0]
        return CheckpointError(
            f"{path} does not give the run's net ({reason}); the command that made the run makes it "
            "anew with rerun=true"
        )

    def data(self, folder: str | None = None, **changes: Any) -> "LightningDataModule":
        """Return the run's data module, set up.

        Args:
            folder: Where its files are, as `data.root`; None for the default of `paths.data`. The
                record's own path is not used: it may be somebody else's.
            changes: To the configuration's section `data`.

        Raises:
            DataError: The files are others now.
        """
        from project.data.mnist_files import DataError
        from project.training.components import build_data

        section = self.config["data"] | changes
        if "root" in section:
            section["root"] = folder or DATA_FOLDER
        config, facts = prepare_data(self.config | {"data": section})
        stored = self.record["provenance"]["data"].get("source")
        if None not in (stored, facts.get("source")) and stored != facts["source"]:
            raise DataError(
                f"the data in {section.get('root')} (SHA-256 {facts['source']}) are not those of "
                f"{self.directory} ({stored}); let paths.data name the folder that has them"
            )
        data = build_data(config)
        data.prepare_data()
        data.setup("fit")
        data.setup("test")
        return data


def load_run(
    directory: str | Path,
    trust_code: bool = False,
    accept_code: bool = False,
    sections: Sequence[str] = SECTIONS,
) -> LoadedRun:
    """Open the completed run in `directory`.

    Args:
        directory: A run directory.
        trust_code: Build whatever classes its configuration names.
        accept_code: Use weights that other code has trained.
        sections: The sections of its configuration that are going to be built.

    Raises:
        NoRunError: There is no completed run of project.train.
        CorruptRunError: Its record cannot be read, or does not fit its name.
        ConflictError: Its code must not be trusted, or has changed since.
    """
    directory = Path(directory)
    record = read_record(directory) if directory.is_dir() else None
    if record is None:
        raise NoRunError(
            f"{directory} holds no completed run, for there is no run.json in it; name one as "
            "outputs/runs/<variant>/seed_<k>"
        )
    if record.get("command") != "train":
        raise NoRunError(f"{directory} is no run of project.train")
    if record["status"] != COMPLETED:
        raise NoRunError(
            f"{directory} holds no completed run, but one that is {record['status']}; the command "
            "that began it completes it"
        )
    try:
        validate_train(record["config"])
    except ConfigurationError as error:
        raise CorruptRunError(
            f"{directory}: its configuration is none of this version:\n{error}"
        ) from None
    now = fingerprint(deciding_targets(record["config"]))
    if not trust_code:
        check_sections(directory, record, now["definitions"], sections)
    if check_same_code(directory, record, now, accept_code):
        # Other code may have other defaults, and so give the run another name.
        check_name(directory, record)
    return LoadedRun(directory, record)


def check_name(directory: Path, record: dict[str, Any]) -> None:
    """Raise CorruptRunError unless a record's configuration is that of its name."""
    run = identify(record["config"])
    if run.name != record["name"]:
        raise CorruptRunError(
            f"{directory}: its configuration describes {run.name}, but its record is of "
            f"{record['name']}: one of them was changed"
        )


def check_sections(
    directory: Path, record: dict[str, Any], now: dict[str, str], sections: Sequence[str]
) -> None:
    """Raise ConflictError where a record's sections name what must not be trusted.

    Args:
        directory: The run directory.
        record: Its record.
        now: Fingerprints of the definitions that there are.
        sections: The names of the sections that are going to be built.
    """
    config = record["config"] | {"callbacks": deciding_callbacks(record["config"]["callbacks"])}
    recorded = (record["provenance"].get("code") or {}).get("definitions") or {}
    code = CodeOnRecord(recorded, now, output_folder(directory))
    check_trusted({name: config.get(name) for name in sections}, code)


def check_same_code(
    directory: Path, record: dict[str, Any], now: dict[str, Any], accept_code: bool
) -> bool:
    """Hold a run's code against the code that there is; returns whether it is the same.

    Raises:
        ConflictError: It is not, and that is not accepted.
    """
    stored = record["provenance"].get("code") or {}
    if stored.get("digest") == now["digest"]:
        return True
    if accept_code:
        return False
    changed = changed_definitions(stored, now)
    names = ", ".join(name.replace(":", ".") for name in changed[:5])
    more = f" and {len(changed) - 5} more" if len(changed) > 5 else ""
    raise ConflictError(
        f"{directory} was trained by other code than there is now ({names}{more}); check out the "
        "commit that its run.json names, or pass code=accept to use its weights all the same"
    )


def output_folder(directory: Path) -> Path:
    """Return the output folder that holds a run directory, `<outputs>/runs/<variant>/seed_<k>`."""
    parents = directory.resolve().parents
    return parents[2] if len(parents) > 3 else directory.resolve()


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
            f"the runs in {outputs / 'runs'} are of several experiments ({listed}), of which no run "
            "is the best; name one: run=DIRECTORY"
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
        if f"val/{record['metric']['name']}" in record["metrics"]:
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
    from project.config.compose import expand_path

    return Path(expand_path(path))
