"""What several checks use: the experiment's objects, its first step and a short training."""

import statistics
from dataclasses import dataclass, field
from typing import Any, Literal

import torch
from pytorch_lightning import LightningDataModule, LightningModule, Trainer

from project import seeding
from project.checks.candidate import Candidate
from project.checks.loaders import loaders_of
from project.checks.probe import Probe
from project.checks.trainers import scratch_trainer
from project.config.identity import seeds_of
from project.config.schema import validate_train
from project.training.components import Components, build_components
from project.training.devices import check_devices
from project.training.lightning_messages import quiet_lightning

FIRST_BATCHES = 2


@dataclass
class Session:
    """An experiment that is being checked.

    Attributes:
        candidate: The experiment.
        components: Net, task and data module of the first step.
        first: What was recorded in the first step.
        logged: For each stage (train, val, test), the metrics of the first step by name.
        batches: For each stage, the number of batches; None if its loaders have no length.
        short: What was recorded in the short training; empty before `train_shortly`.
        trained: The task after the short training; None before.
        classes: The number of classes in training; None if unknown, or if there are no classes.
        commonest: The share of the commonest class in validation; None if unknown.
    """

    candidate: Candidate
    components: Components
    first: Probe
    logged: dict[str, dict[str, float]]
    batches: dict[str, int | None]
    short: Probe = field(default_factory=Probe)
    trained: LightningModule | None = None
    classes: int | None = None
    commonest: float | None = None

    @property
    def config(self) -> dict[str, Any]:
        """The resolved configuration of the experiment."""
        return self.candidate.config

    @property
    def seeds(self) -> dict[str, int]:
        """The seed of each source of chance: data, init and order."""
        return seeds_of(self.config)

    @property
    def data(self) -> LightningDataModule:
        """The data module, set up."""
        return self.components.data

    @property
    def task(self) -> LightningModule:
        """The task after the short training, or before that, the task of the first step."""
        return self.trained or self.components.task

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
            what: The method of the trainer to call.
            task: The task; None for the session's own.
            data: The data module; None for the session's own.

        Returns:
            The logged metrics that are a single number, by name.

        Raises:
            Exception: Any error of the experiment's own code.
        """
        return carry_out(self.candidate, trainer, what, task or self.task, data or self.data)

    def affordable(self, stage: str, seconds: float, least: int = 1) -> int:
        """Return how many batches of a stage fit into a time limit.

        Args:
            stage: train, val or test.
            seconds: The time limit; may be infinite.
            least: The smallest number to return, unless the stage has fewer batches.
        """
        each = self.step_seconds if stage == "train" else self.evaluation_seconds
        there = self.batches.get(stage)
        count = 10**6 if seconds == float("inf") else int(seconds / max(each, 1e-4))
        count = max(least, count)
        return count if there is None else min(count, there)


def begin(candidate: Candidate) -> Session:
    """Build the experiment, and run the first batches of training, validation and test.

    Sets torch's number of threads for the whole process.

    Raises:
        ConfigurationError: The experiment cannot be built.
        CheckpointError, CorruptRunError: The weights of `init_from` cannot be used.
        Exception: Any error of the experiment's own code.
    """
    section = validate_train(candidate.config).trainer
    check_devices(section)
    quiet_lightning()
    torch.set_num_threads(section.threads)
    components = build_components(candidate.config)
    probe = Probe()
    trainer = scratch_trainer(candidate, [probe], train=FIRST_BATCHES, evaluation=FIRST_BATCHES)
    task, data = components.task, components.data
    logged = by_stage(carry_out(candidate, trainer, "fit", task, data))
    logged["test"] = by_stage(carry_out(candidate, trainer, "test", task, data))["test"]
    batches = {stage: _length(components.data, stage, candidate.config) for stage in logged}
    return Session(candidate, components, probe, logged, batches)


def carry_out(
    candidate: Candidate,
    trainer: Trainer,
    what: Literal["fit", "validate", "test"],
    task: LightningModule,
    data: LightningDataModule,
) -> dict[str, float]:
    """Train or evaluate as a run does, with the global generators at the stream `data`.

    Args:
        candidate: The experiment.
        trainer: The trainer.
        what: The method of the trainer to call.
        task: The task.
        data: The data module.

    Returns:
        The logged metrics that are a single number, by name.

    Raises:
        Exception: Any error of the experiment's own code.
    """
    seeding.start(seeds_of(candidate.config)["data"], "data")
    if what == "fit":
        trainer.fit(task, datamodule=data)
    elif what == "validate":
        trainer.validate(task, datamodule=data, verbose=False)
    else:
        trainer.test(task, datamodule=data, verbose=False)
    return {
        name: float(value) for name, value in trainer.callback_metrics.items() if value.numel() == 1
    }


def by_stage(metrics: dict[str, float]) -> dict[str, dict[str, float]]:
    """Group metrics named `<stage>/<name>` by stage (train, val, test); leave out all others."""
    found: dict[str, dict[str, float]] = {"train": {}, "val": {}, "test": {}}
    for name, value in metrics.items():
        stage, _, metric = name.partition("/")
        if stage in found:
            found[stage][metric] = value
    return found


def _length(data: LightningDataModule, stage: str, config: dict[str, Any]) -> int | None:
    try:
        lengths = [len(loader) for loader in loaders_of(data, stage)]
    except TypeError:
        return None
    # Several training loaders are iterated at the same time, others one after the other.
    length = max(lengths, default=0) if stage == "train" else sum(lengths)
    limit = config["trainer"].get(f"limit_{stage}_batches", 1.0)
    return min(length, limit) if isinstance(limit, int) else int(length * limit)


def train_shortly(session: Session) -> None:
    """Train for two epochs of a few batches, with the experiment's schedule.

    Sets the session's `short` and `trained`.

    Raises:
        ConfigurationError, CheckpointError, CorruptRunError: As `build_components`.
        Exception: Any error of the experiment's own code.
    """
    candidate = session.candidate
    seconds = candidate.limits.short_training
    components = build_components(candidate.config)
    probe = Probe()
    trainer = scratch_trainer(
        candidate,
        [probe],
        epochs=2,
        train=session.affordable("train", seconds / 2, least=3),
        evaluation=session.affordable("val", seconds / 4),
    )
    session.run(trainer, "fit", components.task, components.data)
    session.short, session.trained = probe, components.task
