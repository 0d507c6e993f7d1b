"""Train, validate and test one net: the only place that builds a Lightning Trainer."""

import logging
import warnings
from dataclasses import dataclass
from pathlib import Path

import torch
from pytorch_lightning import Trainer
from pytorch_lightning.callbacks import Callback
from pytorch_lightning.utilities.exceptions import SIGTERMException
from torch import nn

from project.data.pairs import PairsDataModule
from project.runs.identity import Run
from project.seeding import initialise
from project.training.checkpoint import AtomicCheckpointIO, CheckpointError, newest_readable
from project.training.dashboard.hyperparameters import hyperparameters
from project.training.dashboard.writer import DashboardWriter
from project.training.interruption import StopFlag
from project.training.module import OptimizerFactory, PairClassifier
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
    # Metrics are logged by epoch, through the recorder.
    warnings.filterwarnings("ignore", message=".*The number of training batches .* is smaller.*")
    # A checkpoint is resumed in the directory that it was written to, by design.
    warnings.filterwarnings("ignore", message=".*Checkpoint directory .* exists.*")
    # Lightning 2.6 uses a class that torch 2.14 means to remove: nothing that a user could mend.
    warnings.filterwarnings("ignore", message=".*LeafSpec.*is deprecated", category=FutureWarning)


def fit(
    net: nn.Module,
    data: PairsDataModule,
    optimizer_factory: OptimizerFactory,
    auxiliary_weight: float,
    init_seed: int,
    noise_seed: int,
    max_epochs: int,
    accelerator: str,
    threads: int,
    run: Run,
    directory: Path,
    images: bool,
    show_progress: bool,
    stop: StopFlag,
) -> Outcome:
    """Train `net` from the weights of `init_seed`, or from the run's last checkpoint; test it once.

    noise_seed: of what is drawn in every step (dropout). images: whether the dashboard gets
    pictures of the test's mistakes.
    Writes history.csv, last.ckpt and events to `directory`. Raises NonFiniteLossError, DataError,
    CheckpointError or Interrupted.
    """
    torch.set_num_threads(threads)
    quiet_lightning()
    data.setup()
    initialise(net, init_seed)
    module = PairClassifier(net, optimizer_factory, auxiliary_weight, noise_seed)
    recorder = EpochRecorder(directory)
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
    trainer = Trainer(
        accelerator=accelerator,
        devices=1,
        max_epochs=max_epochs,
        logger=False,
        enable_checkpointing=True,
        enable_model_summary=False,
        enable_progress_bar=show_progress,
        num_sanity_val_steps=0,
        limit_val_batches=1.0 if data.val_pairs else 0,
        plugins=[AtomicCheckpointIO()],
        callbacks=callbacks,
    )
    checkpoint = newest_readable(directory)
    if checkpoint:
        log.info("resuming from %s", checkpoint)
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
    trainer.test(module, datamodule=data, verbose=False)
    tested = {name: float(value) for name, value in trainer.callback_metrics.items()}
    last_epoch = {name: value for name, value in recorder.rows[-1].items() if "/" in name}
    return Outcome(parameter_count(net), last_epoch | tested, recorder.seconds)
