"""What several checks look at: the experiment's objects, a first step, a short training."""

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
        components: Net, task and data of the first step.
        first: What was seen of the first step.
        logged: By stage, the metrics of the first step.
        batches: By stage, how many batches there are; None where the loaders do not know.
        short: What was seen of a short training.
        trained: The task after it.
        classes: How many classes the training examples have; None where they have none.
        commonest: The share of the commonest class in validation; None where there are none.
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
        """The experiment's configuration."""
        return self.candidate.config

    @property
    def seeds(self) -> dict[str, int]:
        """The seed of each source of chance."""
        return seeds_of(self.config)

    @property
    def data(self) -> LightningDataModule:
        """The data module, set up."""
        return self.components.data

    @property
    def task(self) -> LightningModule:
        """The task after the short training, or after its first step."""
        return self.trained or self.components.task

    @property
    def step_seconds(self) -> float:
        """The seconds of a training step, without waiting for its batch."""
        seconds = self.short.step_seconds or self.first.step_seconds
        return statistics.median(seconds) if seconds else 0.0

    @property
    def evaluation_seconds(self) -> float:
        """The seconds of a batch of validation or test."""
        seconds = self.short.evaluation_seconds or self.first.evaluation_seconds
        return statistics.median(seconds) if seconds else 0.0

    def run(
        self,
        trainer: Trainer,
        what: Literal["fit", "validate", "test"],
        task: LightningModule | None = None,
        data: LightningDataModule | None = None,
    ) -> dict[str, float]:
        """Train or evaluate as a run does, whose data module draws from the start of its stream.

        Args:
            trainer: Carries it out.
            what: The trainer's method.
            task: Another task than `task`.
            data: Another data module than `data`.

        Returns:
            What was logged, by name, as far as it is one number.
        """
        return carry_out(self.candidate, trainer, what, task or self.task, data or self.data)

    def affordable(self, stage: str, seconds: float, least: int = 1) -> int:
        """Return how many batches of a stage can be worked on in so many seconds.

        Args:
            stage: train, val or test.
            seconds: The time.
            least: The fewest that are worth it.
        """
        each = self.step_seconds if stage == "train" else self.evaluation_seconds
        there = self.batches.get(stage)
        count = 10**6 if seconds == float("inf") else int(seconds / max(each, 1e-4))
        count = max(least, count)
        return count if there is None else min(count, there)


def begin(candidate: Candidate) -> Session:
    """Build the experiment; make a step of training, of validation and of test.

    Raises:
        Exception: Whatever the experiment's own code raises.
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
    """Train or evaluate; see `Session.run`."""
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
    """Return metrics by stage and name; those of other names are left out."""
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
    # Several training loaders are gone through side by side, others one after the other.
    length = max(lengths, default=0) if stage == "train" else sum(lengths)
    limit = config["trainer"].get(f"limit_{stage}_batches", 1.0)
    return min(length, limit) if isinstance(limit, int) else int(length * limit)


def train_shortly(session: Session) -> None:
    """Train two epochs of a few batches, with the experiment's schedule, and watch them."""
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
