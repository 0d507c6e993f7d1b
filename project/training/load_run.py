"""A completed run, opened again: its configuration, its net with the final weights, its data.

What a trained net is used for (predicting, exporting, showing, evaluating) begins here.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from project.config.engine import with_engine
from project.config.errors import ConfigurationError, ConflictError
from project.config.identity import deciding_callbacks, identify
from project.config.schema import validate_train
from project.config.trust import CodeOnRecord, check_trusted
from project.runs.code import changed_definitions, fingerprint
from project.runs.prepare import deciding_targets, prepare_data
from project.runs.record import (
    COMPLETED,
    CorruptRunError,
    NoRunError,
    read_record,
)

if TYPE_CHECKING:
    from pytorch_lightning import LightningDataModule, LightningModule
    from torch import nn

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

    @property
    def checkpoint(self) -> Path:
        """The file with the weights that were tested."""
        from project.training.checkpoint import BEST, LAST

        # Not previous.ckpt: its weights are not those whose metrics are on record.
        return self.directory / (BEST if self.record.get("tested") == BEST else LAST)

    def net(self) -> "nn.Module":
        """Return the net with the weights that were tested, ready to answer.

        Raises:
            CheckpointError: The checkpoint does not give the run's net.
            ConfigurationError: The task brought its own net; `task` has it.
        """
        from project.training.components import build_net

        # What the mini framework has trained has the names of its twin in torch.nn.
        net = build_net(self.config | {"engine": "torch"})
        if net is None:
            raise ConfigurationError(
                f"{self.directory}: task={self.record['task']} brings its own net, which is no "
                "torch.nn.Module by itself"
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
        from project.training.checkpoint import AtomicCheckpointIO

        try:
            return AtomicCheckpointIO().load_checkpoint(self.checkpoint)["state_dict"]
        except Exception as error:  # damaged bytes can raise anything
            raise self._unusable(self.checkpoint, error) from None

    def _load(self, module: "nn.Module", state: dict[str, Any]) -> None:
        try:
            module.load_state_dict(state)
        except Exception as error:
            raise self._unusable(self.checkpoint, error) from None

    def _unusable(self, path: Path, error: Exception) -> Exception:
        from project.training.checkpoint import CheckpointError

        reason = (str(error).strip() or repr(error)).splitlines()[0]
        return CheckpointError(
            f"{path} does not give the run's net ({reason}); the command that made the run makes "
            "it anew with rerun=true"
        )

    def data(self, folder: str | None = None, **changes: Any) -> "LightningDataModule":
        """Return the run's data module, set up.

        Args:
            folder: Where its files are; None for `data` beside the run's folder `runs`.
            changes: To the configuration's section `data`.

        Raises:
            DataError: The files are others now.
        """
        from project.data.mnist_files import DataError
        from project.training.components import build_data

        folder = folder or data_folder(self.config, self.directory)
        section = data_section(self.config, folder) | changes
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


def data_folder(config: dict[str, Any], directory: Path) -> str:
    """Return where the data of a run directory are by default: `outputs/data`.

    Raises:
        ConfigurationError: They lay in a folder of their own, which must be named.
    """
    root = config["data"].get("root")
    if config["data"].get("prepare") and root not in (None, config["paths"]["data"]):
        raise ConfigurationError(
            f"{directory}: its data lay in {root}; paths.data=FOLDER says where they are now"
        )
    parents = directory.absolute().parents
    return str(parents[2] / "data" if len(parents) > 2 else Path("outputs", "data"))


def data_section(config: dict[str, Any], folder: str) -> dict[str, Any]:
    """Return the section `data` of a stored configuration with its files in `folder`.

    The stored path is not used: a run directory may come from another machine, or a stranger.
    """
    section = config["data"]
    is_platforms = section.get("prepare") is not None
    if "root" in section and (is_platforms or section["root"] == config["paths"]["data"]):
        return section | {"root": folder}
    return section


def load_run(
    directory: str | Path,
    trust_code: bool = False,
    accept_code: bool = False,
    with_callbacks: bool = False,
) -> LoadedRun:
    """Open the completed run in `directory`.

    Args:
        directory: A run directory.
        trust_code: Build whatever classes its configuration names.
        accept_code: Use weights that other code has trained.
        with_callbacks: Whether the callbacks that decide its result will be built too.

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
    is_same_code = check_same_code(directory, record, now, accept_code)
    if not trust_code:
        sections = (*SECTIONS, "callbacks") if with_callbacks else SECTIONS
        check_sections(directory, record, now["definitions"], sections)
    if is_same_code:  # other code may have other defaults, and so give the run another name
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
    config = record["config"]
    callbacks = deciding_callbacks(config["callbacks"])
    recorded = (record["provenance"].get("code") or {}).get("definitions") or {}
    code = CodeOnRecord(recorded, now, output_folder(directory))
    # With the framework's classes, and with torch's: a net of the framework is opened as its twin.
    for each in (with_engine(config), config):
        check_trusted(
            {name: (each | {"callbacks": callbacks}).get(name) for name in sections}, code
        )


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
