"""Load a completed run: its configuration, its net with the trained weights, its data."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from project.config.engine import with_engine
from project.config.errors import ConfigurationError, ConflictError
from project.config.identity import deciding_callbacks, identify
from project.config.schema import TrainConfig
from project.config.trust import CodeOnRecord, check_trusted
from project.runs.code import changed_definitions, fingerprint
from project.runs.prepare import deciding_targets, prepare_data
from project.runs.record import COMPLETED, CorruptRunError, NoRunError, read_record

if TYPE_CHECKING:
    from pytorch_lightning import LightningDataModule, LightningModule
    from torch import nn

    from project.data.mnist_pairs import MnistPairs

PAIRS = ("project.tasks.digit_pairs.DigitPairs", "project.data.mnist_pairs.MnistPairs")
SECTIONS = ("model", "task", "data", "optimizer", "scheduler", "augmentation")


@dataclass(frozen=True, eq=False)
class LoadedRun:
    """A completed run of project.train: its directory and its record (run.json).

    Weights that cannot be read, or do not fit, are refused with a CheckpointError.
    """

    directory: Path
    record: dict[str, Any]

    @property
    def config(self) -> dict[str, Any]:
        """The run's resolved configuration."""
        return self.record["config"]

    @property
    def name(self) -> str:
        """The run's name, `<variant>/seed_<k>`."""
        return self.record["name"]

    @property
    def checkpoint(self) -> Path:
        """The checkpoint whose weights were tested: best.ckpt or last.ckpt."""
        from project.training.checkpoint import BEST, LAST

        # Never previous.ckpt: the recorded metrics are not those of its weights.
        return self.directory / (BEST if self.record.get("tested") == BEST else LAST)

    def net(self) -> "nn.Module":
        """Build the net with the tested weights, in evaluation mode.

        A net trained with `engine=framework` is returned as the equivalent net of torch.nn.

        Raises:
            ConfigurationError: The task builds its own net (there is no section `model`; use
                `task`), or the net cannot be built.
        """
        from project.training.components import build_net

        # Nets of the mini framework name their weights as the equivalent nets of torch.nn do.
        net = build_net(self.config | {"engine": "torch"})
        if net is None:
            raise ConfigurationError(
                f"{self.directory}: task={self.record['task']} brings its own net, which is not a "
                "torch.nn.Module by itself"
            )
        self._load(net, "net.")
        return net.eval()

    def task(self) -> "LightningModule":
        """Build the LightningModule with the tested weights, in evaluation mode.

        Raises:
            ConfigurationError: The net or the task cannot be built.
        """
        from project.training.components import build_net, build_task

        task = build_task(self.config, build_net(self.config))
        self._load(task)
        return task.eval()

    def _load(self, module: "nn.Module", prefix: str = "") -> None:
        from project.training.checkpoint import CheckpointError, read_weights

        try:
            module.load_state_dict(read_weights(self.checkpoint, prefix))
        except Exception as error:  # damaged bytes can raise anything
            reason = (str(error).strip() or repr(error)).splitlines()[0]
            raise CheckpointError(
                f"{self.checkpoint} cannot be loaded into the run's net ({reason}); repeat the "
                "command that made the run, with rerun=true"
            ) from None

    def find_data(self, folder: str | None) -> tuple[str, dict[str, Any]]:
        """Return the folder of the run's data and its section `data` with `root` in that folder.

        The folder is `folder`, by default `data` in the output folder of the run. The stored path
        is never used for data that the platform downloads, because a run directory may come from
        another machine. A `root` that belongs to the user's own data module is kept.

        Raises:
            ConfigurationError: The run had its data in a folder of their own, not named here.
        """
        section, usual = self.config["data"], self.config["paths"]["data"]
        root, is_platforms = section.get("root"), section.get("prepare") is not None
        if folder is None:
            if is_platforms and root not in (None, usual):
                raise ConfigurationError(
                    f"{self.directory}: its data were in {root}; pass paths.data=FOLDER, the "
                    "folder where they are now"
                )
            parents = self.directory.absolute().parents
            folder = str(parents[2] / "data" if len(parents) > 2 else Path("outputs", "data"))
        is_moved = "root" in section and (is_platforms or root == usual)
        return folder, section | ({"root": folder} if is_moved else {})

    def data(self, folder: str | None = None, **changes: Any) -> "LightningDataModule":
        """Build the run's data module and set it up for training and testing.

        The data files are in `folder`, by default the one beside the runs; `changes` are keys of
        the section `data`.

        Raises:
            DataError: The data are not available, or the files have another SHA-256 than at
                training.
            ConfigurationError: As `find_data`, or a value in `changes` is invalid.
        """
        from project.data.mnist_files import DataError
        from project.training.components import build_data

        _, section = self.find_data(folder)
        section |= changes
        config, facts = prepare_data(self.config | {"data": section})
        stored = self.record["provenance"]["data"].get("source")
        if None not in (stored, facts.get("source")) and stored != facts["source"]:
            raise DataError(
                f"the data in {section.get('root')} (SHA-256 {facts['source']}) are not those of "
                f"{self.directory} ({stored}); set paths.data to the folder of the right data"
            )
        data = build_data(config)
        data.prepare_data()
        data.setup("fit")
        data.setup("test")
        return data


def open_pairs(loaded: LoadedRun, folder: str | None) -> "MnistPairs":
    """Return `LoadedRun.data` of a run that compares pairs of MNIST digits.

    Raises:
        ConfigurationError: The run has another task or other data.
    """
    targets = (loaded.config["task"]["_target_"], loaded.config["data"]["_target_"])
    if targets != PAIRS:
        raise ConfigurationError(
            f"{loaded.directory} is a run of task={loaded.record['task']} on data="
            f"{loaded.record['data']}; this command is for task=digit_pairs on MNIST pairs"
        )
    return cast("MnistPairs", loaded.data(folder))


def load_run(
    directory: str | Path,
    trust_code: bool = False,
    accept_code: bool = False,
    with_callbacks: bool = False,
) -> LoadedRun:
    """Load the completed run in a run directory.

    Args:
        directory: The run directory.
        trust_code: Allow any class that the configuration names, not only those of this project,
            of known libraries, and of recorded user code.
        accept_code: Allow a run whose code has changed since it was trained.
        with_callbacks: Also check the callbacks that affect the result; pass True if they will be
            built.

    Raises:
        NoRunError: The directory holds no completed run of project.train.
        CorruptRunError: The record cannot be read, is not valid in this version, or does not fit
            its name.
        ConflictError: The configuration names code that is not trusted, or the code has changed.
        ConfigurationError: As `with_engine`, for a record that was edited.
    """
    directory = Path(directory)
    record = _read_completed(directory)
    recorded = record["provenance"].get("code") or {}
    now = fingerprint(deciding_targets(record["config"]))
    is_same_code = recorded.get("digest") == now["digest"]
    if not (is_same_code or accept_code):
        changed = changed_definitions(recorded, now)
        names = ", ".join(name.replace(":", ".") for name in changed[:5])
        more = f" and {len(changed) - 5} more" if len(changed) > 5 else ""
        raise ConflictError(
            f"{directory} was trained with code that has changed since ({names}{more}); check out "
            "the commit that its run.json names, or pass code=accept to use its weights anyway"
        )
    if not trust_code:
        definitions = recorded.get("definitions") or {}
        code = CodeOnRecord(definitions, now["definitions"], output_folder(directory))
        callbacks = deciding_callbacks(record["config"]["callbacks"]) if with_callbacks else {}
        # Both engines' classes: a net of the mini framework is loaded as one of torch.nn.
        for config in (with_engine(record["config"]), record["config"]):
            sections = {name: config.get(name) for name in SECTIONS}
            check_trusted(sections | {"callbacks": callbacks}, code)
    # Changed code may have other defaults, which would change the run's name.
    if is_same_code and (described := identify(record["config"]).name) != record["name"]:
        raise CorruptRunError(
            f"{directory}: its configuration describes {described}, but its record is of "
            f"{record['name']}: one of them was changed"
        )
    return LoadedRun(directory, record)


def _read_completed(directory: Path) -> dict[str, Any]:
    """Return the record of a completed run of project.train; raise as `load_run`."""
    record = read_record(directory) if directory.is_dir() else None
    if record is None:
        raise NoRunError(
            f"{directory} holds no completed run, for there is no run.json in it; name one as "
            "outputs/runs/<variant>/seed_<k>"
        )
    if record.get("command") != "train":
        raise NoRunError(f"{directory} is not a run of project.train")
    if record["status"] != COMPLETED:
        raise NoRunError(
            f"{directory} holds a run that is {record['status']}, not completed; run its command "
            "again to complete it"
        )
    try:
        TrainConfig.checked(record["config"])
    except ConfigurationError as error:
        raise CorruptRunError(
            f"{directory}: its configuration is not valid in this version of the code:\n{error}"
        ) from None
    return record


def output_folder(directory: Path) -> Path:
    """Return the output folder `<outputs>` of a run directory `<outputs>/runs/<variant>/<seed>`."""
    parents = directory.resolve().parents
    return parents[2] if len(parents) > 3 else directory.resolve()
