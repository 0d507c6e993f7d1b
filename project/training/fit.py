"""Train, validate and test one net: the only place that builds a Lightning Trainer."""

import functools
import logging
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from pytorch_lightning import Trainer
from pytorch_lightning.callbacks import Callback
from pytorch_lightning.plugins.environments import LightningEnvironment
from pytorch_lightning.utilities.exceptions import SIGTERMException
from torch import nn

from project.data.pairs import PairsDataModule
from project.runs.identity import Run
from project.seeding import initialise
from project.training.averaging import AveragedWeights
from project.training.checkpoint import AtomicCheckpointIO, CheckpointError, newest_readable
from project.training.dashboard.hyperparameters import hyperparameters
from project.training.dashboard.writer import DashboardWriter
from project.training.distributed.classifier import DistributedClassifier
from project.training.distributed.ranks import ranks
from project.training.interruption import StopFlag
from project.training.module import (
    Augmentation,
    OptimizerFactory,
    PairClassifier,
    ScheduleFactory,
)
from project.training.recording import EpochRecorder, ProgressBar, StopAtBatchBoundary

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Outcome:
    """What a finished training leaves.

    parameters: number of trainable parameters. metrics: `train/...` and `val/...` of the last
    epoch, and `test/...`. training_seconds: monotonic, over all sessions of the run, without
    start-up and the final test.
    """

    parameters: int
    metrics: dict[str, float]
    training_seconds: float


def parameter_count(net: nn.Module) -> int:
    """Number of trainable parameters."""
    return sum(parameter.numel() for parameter in net.parameters() if parameter.requires_grad)


def quiet_lightning() -> None:
    """Leave out what Lightning says about things that are as they should be here."""
    for name in ("pytorch_lightning", "lightning_fabric", "lightning.pytorch"):
        logging.getLogger(name).setLevel(logging.WARNING)
    # Batches come from memory: worker processes would only slow them down.
    warnings.filterwarnings("ignore", message=".*does not have many workers.*")
    # Lightning 2.6 uses a class that torch 2.14 means to remove: nothing that a user could mend.
    warnings.filterwarnings("ignore", message=".*LeafSpec.*is deprecated", category=FutureWarning)
    # On several devices only the first rank records.
    warnings.filterwarnings("ignore", message=".*callbacks used to create the checkpoint need to")


@dataclass(frozen=True)
class Training:
    """What is to be trained, on what and how: the same for all ranks.

    noise_seed: of what is drawn in every step (dropout, augmentation). devices: each has a process,
    and a part of every batch. threads: of each process. schedule_factory: None for a constant
    learning rate. augmentation: None for images as they are. averaging_decay: of the weights that
    answer, None for those of the last step.
    """

    net: nn.Module
    data: PairsDataModule
    optimizer_factory: OptimizerFactory
    auxiliary_weight: float
    init_seed: int
    noise_seed: int
    max_epochs: int
    accelerator: str
    devices: int
    threads: int
    schedule_factory: ScheduleFactory | None = None
    augmentation: Augmentation | None = None
    averaging_decay: float | None = None
    label_smoothing: float = 0.0

    def begin(self, rank: int) -> PairClassifier:
        """Make this process ready: the pairs, and the net with its initial weights."""
        torch.set_num_threads(self.threads)
        quiet_lightning()
        self.data.setup()
        initialise(self.net, self.init_seed)
        if self.devices == 1:
            return self.classifier()
        return DistributedClassifier(rank, self.devices, **self._arguments)

    def classifier(self) -> PairClassifier:
        """For one process alone."""
        return PairClassifier(**self._arguments)

    @property
    def _arguments(self) -> dict[str, Any]:
        return {
            "net": self.net,
            "optimizer_factory": self.optimizer_factory,
            "auxiliary_weight": self.auxiliary_weight,
            "seed": self.noise_seed,
            "label_smoothing": self.label_smoothing,
            "schedule_factory": self.schedule_factory,
            "augmentation": self.augmentation,
        }

    def trainer(self, rank: int, callbacks: list[Callback], show_progress: bool) -> Trainer:
        """For this process alone: what ranks have to tell each other is DistributedClassifier's."""
        if self.averaging_decay is not None:
            callbacks = [AveragedWeights(self.averaging_decay), *callbacks]
        return Trainer(
            accelerator=self.accelerator,
            devices=[rank] if self.accelerator == "gpu" else 1,
            max_epochs=self.max_epochs,
            logger=False,
            enable_checkpointing=rank == 0,
            enable_model_summary=False,
            enable_progress_bar=show_progress,
            num_sanity_val_steps=0,
            limit_val_batches=1.0 if self.data.val_pairs else 0,
            # The environment: else Lightning would act on what Slurm sets for the job around it.
            plugins=[AtomicCheckpointIO(), LightningEnvironment()],
            callbacks=callbacks,
        )


def follow(training: Training, checkpoint: Path | None, rank: int) -> None:
    """The work of a rank that is not the first: the same training, of which it keeps nothing."""
    module = training.begin(rank)
    trainer = training.trainer(rank, [], show_progress=False)
    trainer.fit(module, datamodule=training.data, ckpt_path=checkpoint, weights_only=True)


def _train(
    trainer: Trainer,
    module: PairClassifier,
    data: PairsDataModule,
    checkpoint: Path | None,
    stop: StopFlag,
) -> None:
    """Train until the last epoch; raises CheckpointError where the checkpoint is another net's."""
    try:
        trainer.fit(module, datamodule=data, ckpt_path=checkpoint, weights_only=True)
    except (RuntimeError, KeyError, ValueError) as error:
        text = str(error).replace("state dict", "state_dict")
        if checkpoint and ("state_dict" in text or isinstance(error, KeyError)):
            raise CheckpointError(
                f"{checkpoint} does not fit this net: {error}; pass rerun=true to begin again"
            ) from error
        raise
    except SIGTERMException:
        # Lightning notices SIGTERM too, and would end the process with exit code 0.
        stop.check()
        raise


def fit(
    training: Training,
    run: Run,
    directory: Path,
    images: bool,
    checkpoint_share: float,
    show_progress: bool,
    stop: StopFlag,
) -> Outcome:
    """Train the net from its initial weights, or from the run's last checkpoint; test it once.

    images: whether the dashboard gets pictures of the test's mistakes. checkpoint_share: of the
    time, at most, for checkpoints between the first and the last epoch.
    Writes history.csv, last.ckpt and events to `directory`. Raises NonFiniteLossError, DataError,
    CheckpointError, RankError or Interrupted.
    """
    net, data = training.net, training.data
    checkpoint = newest_readable(directory)
    if checkpoint:
        log.info("resuming from %s", checkpoint)
    others = functools.partial(follow, training, checkpoint)
    with ranks(training.devices, training.accelerator, training.threads, others):
        module = training.begin(rank=0)
        recorder = EpochRecorder(directory, checkpoint_share)
        dashboard = DashboardWriter(
            name=run.name,
            hyperparameters=hyperparameters(run, parameter_count(net)),
            directory=directory,
            recorder=recorder,
            test_pairs=data.test,
            images=images,
        )
        callbacks: list[Callback] = [dashboard, recorder, StopAtBatchBoundary(stop)]
        if show_progress:
            callbacks.append(ProgressBar())
        trainer = training.trainer(0, callbacks, show_progress)
        _train(trainer, module, data, checkpoint, stop)
    # On several devices the first has all test pairs to itself, once.
    trainer.test(training.classifier(), datamodule=data, verbose=False)
    tested = {name: float(value) for name, value in trainer.callback_metrics.items()}
    last_epoch = {name: value for name, value in recorder.rows[-1].items() if "/" in name}
    return Outcome(parameter_count(net), last_epoch | tested, recorder.seconds)
