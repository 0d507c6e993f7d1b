"""What several checks use: the experiment's objects, its first step and a short training."""

import statistics
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import torch
from pytorch_lightning import LightningDataModule, LightningModule, Trainer
from pytorch_lightning.callbacks import Callback, Checkpoint

from project import seeding
from project.checks.candidate import Candidate
from project.checks.loaders import STAGES, loaders_of
from project.checks.probe import Probe
from project.config.identity import deciding_callbacks, seeds_of
from project.config.schema import TrainConfig
from project.training.components import build_callbacks, build_components
from project.training.lightning_messages import quiet_lightning, quiet_trainer
from project.training.processes import check_devices
from project.training.streams import named_streams

FIRST_BATCHES = 2
# Arguments of the run's trainer that are left out, as they are about a whole run.
WHOLE_RUN = (
    "check_val_every_n_epoch", "enable_model_summary", "enable_progress_bar",
    "limit_predict_batches", "limit_test_batches", "limit_train_batches", "limit_val_batches",
    "log_every_n_steps", "max_steps", "min_epochs", "min_steps", "profiler", "val_check_interval",
)  # fmt: skip


@dataclass
class Session:
    """An experiment that is being checked."""

    candidate: Candidate
    task: LightningModule  # after the first step or, once that has been made, the short training
    data: LightningDataModule  # set up
    first: Probe = field(default_factory=Probe)  # what was recorded in the first step
    # For each of val and test, the metrics of the first step by name.
    logged: dict[str, dict[str, float]] = field(default_factory=dict)
    # For each stage, the number of batches; None if its loaders have no length.
    batches: dict[str, int | None] = field(default_factory=dict)
    short: Probe = field(default_factory=Probe)  # what was recorded in the short training
    classes: int | None = None  # the number of classes in training, if there are classes
    commonest: float | None = None  # the share of the commonest class in validation, if known

    @property
    def config(self) -> dict[str, Any]:
        """The resolved configuration of the experiment."""
        return self.candidate.config

    @property
    def seeds(self) -> dict[str, int]:
        """The seed of each source of chance: data, init and order."""
        return seeds_of(self.config)

    @property
    def step_seconds(self) -> float:
        """The median seconds of a training step without the wait for its batch; 0 if unknown."""
        seconds = self.short.step_seconds or self.first.step_seconds
        return statistics.median(seconds) if seconds else 0.0

    @property
    def evaluation_seconds(self) -> float:
        """The median seconds of a batch of validation or test; 0 if unknown."""
        seconds = self.short.evaluation_seconds or self.first.evaluation_seconds
        return statistics.median(seconds) if seconds else 0.0

    def trainer(
        self,
        callbacks: Sequence[Callback] = (),
        epochs: int = 1,
        train: int | float = 1.0,
        evaluation: int | float = 1.0,
        own: bool = True,
    ) -> Trainer:
        """Return a trainer as the run's, but on one device, and one that writes no files.

        Args:
            callbacks: Callbacks that are called before the experiment's own.
            epochs: The number of epochs.
            train: The number (int) or share (float) of training batches in an epoch.
            evaluation: The number (int) or share (float) of validation and test batches.
            own: Whether to add the experiment's own callbacks, except observers and checkpoints.
        """
        section = TrainConfig.checked(self.config).trainer
        deciding = deciding_callbacks(self.config.get("callbacks")) if own else {}
        built = build_callbacks({"callbacks": deciding})
        return quiet_trainer(
            **{key: value for key, value in section.arguments.items() if key not in WHOLE_RUN},
            accelerator=section.accelerator,
            max_epochs=epochs,
            limit_train_batches=train,
            limit_val_batches=evaluation,
            limit_test_batches=evaluation,
            default_root_dir=self.candidate.scratch,
            callbacks=[
                named_streams(self.seeds["order"]),
                *callbacks,
                *(each for each in built if not isinstance(each, Checkpoint)),
            ],
        )

    def run(
        self,
        trainer: Trainer,
        what: Literal["fit", "validate", "test"],
        task: LightningModule | None = None,
        data: LightningDataModule | None = None,
    ) -> dict[str, float]:
        """Train or evaluate as a run does, with the global generators at the stream `data`.

        Args:
            trainer: The trainer.
            what: Its method to call.
            task: None for the session's own.
            data: None for the session's own.

        Returns:
            The logged metrics that are a single number, by name.
        """
        options = {} if what == "fit" else {"verbose": False}
        seeding.start(self.seeds["data"], "data")
        getattr(trainer, what)(task or self.task, datamodule=data or self.data, **options)
        return {
            name: float(value)
            for name, value in trainer.callback_metrics.items()
            if value.numel() == 1
        }

    def affordable(self, stage: str, seconds: float, least: int = 1) -> int:
        """Return how many batches of a stage fit into a time limit, which may be infinite.

        They are at least `least`, unless the stage has fewer batches.
        """
        each = self.step_seconds if stage == "train" else self.evaluation_seconds
        there = self.batches[stage]
        count = max(least, int(min(seconds / max(each, 1e-4), 10**6)))
        return count if there is None else min(count, there)


def begin(candidate: Candidate) -> Session:
    """Build the experiment, and run the first batches of training, validation and test.

    Sets torch's number of threads for the whole process.

    Raises:
        ConfigurationError: The experiment cannot be built.
        CheckpointError, CorruptRunError: The weights of `init_from` cannot be used.
        Exception: Any error of the experiment's own code.
    """
    section = TrainConfig.checked(candidate.config).trainer
    check_devices(section)
    quiet_lightning()
    torch.set_num_threads(section.threads)
    components = build_components(candidate.config)
    session = Session(candidate, components.task, components.data)
    trainer = session.trainer([session.first], train=FIRST_BATCHES, evaluation=FIRST_BATCHES)
    for stage, what in (("val", "fit"), ("test", "test")):
        metrics = session.run(trainer, what)
        session.logged[stage] = {
            name.removeprefix(f"{stage}/"): value
            for name, value in metrics.items()
            if name.startswith(f"{stage}/")
        }
    session.batches = {stage: _length(session, stage) for stage in STAGES}
    return session


def _length(session: Session, stage: str) -> int | None:
    try:
        lengths = [len(loader) for loader in loaders_of(session.data, stage)]
    except TypeError:
        return None
    # Several training loaders are iterated at the same time, others one after the other.
    length = max(lengths, default=0) if stage == "train" else sum(lengths)
    limit = session.config["trainer"].get(f"limit_{stage}_batches", 1.0)
    return min(length, limit) if isinstance(limit, int) else int(length * limit)


def train_shortly(session: Session) -> None:
    """Train for two epochs of a few batches; sets the session's `short` and `task`."""
    seconds = session.candidate.limits.short_training
    components = build_components(session.config)
    probe = Probe()
    trainer = session.trainer(
        [probe],
        epochs=2,
        train=session.affordable("train", seconds / 2, least=3),
        evaluation=session.affordable("val", seconds / 4),
    )
    session.run(trainer, "fit", components.task, components.data)
    session.short, session.task = probe, components.task
