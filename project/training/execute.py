"""Train, validate and test one run; the only module that builds the Trainer of a run."""

import logging
import sys
from functools import partial
from pathlib import Path
from typing import Any

import torch
from pytorch_lightning import LightningModule, Trainer
from pytorch_lightning.callbacks import Callback
from pytorch_lightning.loggers.logger import DummyLogger
from pytorch_lightning.plugins.environments import LightningEnvironment
from pytorch_lightning.profilers import AdvancedProfiler, SimpleProfiler
from pytorch_lightning.utilities.exceptions import MisconfigurationException, SIGTERMException

from project import seeding
from project.config.errors import ConfigurationError
from project.config.identity import seeds_of
from project.config.schema import TrainConfig
from project.runs.interruption import StopFlag
from project.runs.spec import Result, RunSpec
from project.training.best_checkpoint import BestCheckpoint
from project.training.callbacks import ProgressBar, StopOnDivergence, stop_at_batch_boundary
from project.training.checkpoint import (
    BEST,
    LAST,
    AtomicCheckpointIO,
    CheckpointError,
    newest_readable,
    read_weights,
    weights_digest,
)
from project.training.components import build_callbacks, build_components, build_loggers
from project.training.facts import (
    check_converged,
    machine_facts,
    parameter_count,
    require_metric,
    scalar_metrics,
    settings_of,
)
from project.training.lightning_messages import quiet_trainer
from project.training.loggers import GuardedLogger
from project.training.observed import DataDigests, OriginCheck, Predictions
from project.training.processes import check_devices, other_processes, trainer_arguments
from project.training.recorder import RunRecorder, last_values
from project.training.streams import named_streams

log = logging.getLogger(__name__)

PROFILERS = {"simple": SimpleProfiler, "advanced": AdvancedProfiler}


def execute(spec: RunSpec, stop: StopFlag) -> Result:
    """Train a run from its initial weights or its newest checkpoint, and test it once.

    Writes history.csv, checkpoints, logger files and predictions to the run directory. `stop` tells
    whether a signal has arrived; it is checked before each batch.

    Raises:
        ConfigurationError: A setting, the net, the task or the data do not work.
        ConflictError: A resumed run had other data files or another kind of device, or runs of the
            variant had other data files.
        DataError: The data are not available.
        CheckpointError: No checkpoint of the run can be read or fits the net.
        CheckpointError, CorruptRunError: The weights of `init_from` cannot be used.
        DivergedError: The loss or a weight became NaN or infinite.
        ProcessError: Another process of the run failed.
        Interrupted: A signal arrived.
    """
    checkpoint = newest_readable(spec.directory.path)
    if checkpoint:
        log.info("resuming from %s", checkpoint)
    check_devices(TrainConfig.checked(spec.config).trainer)
    with other_processes(spec, partial(follow, spec, checkpoint)):
        return _Training(spec, checkpoint, 0, stop).run()


def follow(spec: RunSpec, checkpoint: Path | None, rank: int) -> None:
    """Train as a process other than the first, which writes nothing and does not test."""
    _Training(spec, checkpoint, rank, StopFlag()).fit()


class _Training:
    """The training and the test of one run, in one process."""

    def __init__(self, spec: RunSpec, checkpoint: Path | None, rank: int, stop: StopFlag) -> None:
        self.spec = spec
        self.config = TrainConfig.checked(spec.config)
        self.checkpoint = checkpoint
        self.rank = rank
        self.stop = stop
        self.seeds = seeds_of(spec.config)
        self.directory = spec.directory.path
        torch.set_num_threads(self.config.trainer.threads)
        components = build_components(spec.config, spec.data_folder)
        self.task, self.data = components.task, components.data
        self.recorder = RunRecorder(self.directory, self.config.checkpoints.max_overhead)
        self.origin = OriginCheck(spec)
        self.own_callbacks = build_callbacks(spec.config)
        # Callbacks may ask whether there are loggers, in any process.
        sections = self.config.logger.values()
        self.loggers: list[Any] = [DummyLogger() for each in sections if each is not None]

    def run(self) -> Result:
        """Train and test the run; called in the first process only."""
        parameters = parameter_count(self.task)
        settings = settings_of(self.spec.run, parameters)
        self.loggers = self._loggers(settings)
        trainer = self.fit()
        recorder = self.recorder
        check_converged(self.task, last_values(recorder.rows), len(recorder.rows))
        checkpoint = self._tested_checkpoint()
        tested_epoch = AtomicCheckpointIO().load_checkpoint(checkpoint)["epoch"] + 1
        digests, predictions = DataDigests(self.data), Predictions()
        tested = self._test(checkpoint, [digests, predictions])
        metrics = last_values(recorder.rows[:tested_epoch]) | tested
        name = self.config.metric.name
        require_metric(f"metric.name={name}", f"test/{name}", metrics, self.config.task.name)
        check_converged(self.task, metrics, tested_epoch)
        for logger in self.loggers:
            logger.finish(self.spec.run.name, settings, metrics, recorder.step + 1)
            logger.finalize("success")
        predictions.write(self.directory)
        epochs, limit = len(recorder.rows), trainer.limit_train_batches
        facts = {
            "epochs": epochs,
            "steps": recorder.step + 1,
            "stopped_early": recorder.should_stop and epochs < self.config.trainer.max_epochs,
            "tested": checkpoint.name,
            "tested_epoch": tested_epoch,
            "weights_sha256": weights_digest(checkpoint),
        }
        if limit != 1.0 or isinstance(limit, int):  # 1 is a batch, 1.0 all of them
            facts["limited"] = True
        source = self.origin.facts["source"]
        return Result(
            parameters=parameters,
            metrics=metrics,
            training_seconds=recorder.seconds,
            facts=facts,
            data=digests.facts() | ({} if source is None else {"source": source}),
            machine=machine_facts(trainer),
        )

    def fit(self) -> Trainer:
        """Train until the last epoch and return the trainer.

        Raises:
            CheckpointError: The checkpoint belongs to another net.
            ConfigurationError: Lightning refuses a setting.
        """
        seeding.start(self.seeds["data"], "data")
        last = [self.origin, self.recorder, stop_at_batch_boundary(self.stop)]
        devices = self.config.trainer.devices
        trainer = self._trainer([*self.own_callbacks, *last], devices)
        try:
            trainer.fit(
                self.task, datamodule=self.data, ckpt_path=self.checkpoint, weights_only=True
            )
        except SIGTERMException:
            # Lightning notices SIGTERM too, and would end the process with exit code 0.
            self.stop.check()
            raise
        except MisconfigurationException as error:
            raise ConfigurationError(str(error)) from error
        except (RuntimeError, KeyError, ValueError) as error:
            if self.checkpoint is not None and not _fits(self.task, self.checkpoint):
                raise CheckpointError(
                    f"{self.checkpoint} does not fit this net: {error}; pass rerun=true to begin "
                    "again"
                ) from error
            raise
        if devices > 1:
            torch.distributed.destroy_process_group()
        return trainer

    def _trainer(self, callbacks: list[Callback], devices: int) -> Trainer:
        section = self.config.trainer
        own = section.arguments | trainer_arguments(section, devices)
        if (profiler := PROFILERS.get(str(own.get("profiler")))) is not None:
            # Lightning would print the profile to its own log.
            own["profiler"] = profiler(dirpath=self.directory, filename="profile")
        has_bar = self.rank == 0 and sys.stderr.isatty()
        bar: list[Callback] = [ProgressBar(self.config.metric.name)] if has_bar else []
        return quiet_trainer(
            **own,
            max_epochs=section.max_epochs,
            logger=self.loggers,
            enable_checkpointing=True,
            default_root_dir=self.directory,
            plugins=[AtomicCheckpointIO(), LightningEnvironment()],
            callbacks=[named_streams(self.seeds["order"]), StopOnDivergence(), *callbacks, *bar],
        )

    def _loggers(self, settings: dict[str, Any]) -> list[GuardedLogger]:
        """Build the loggers and log the settings; those of a resumed run continue their output."""
        first_step = 0
        if self.checkpoint is not None:
            states = AtomicCheckpointIO().load_checkpoint(self.checkpoint)["callbacks"]
            first_step = int(states[self.recorder.state_key]["step"])
        loggers = build_loggers(self.spec.config, self.directory, first_step)
        for logger in loggers:
            logger.log_hyperparams(settings)
        return loggers

    def _tested_checkpoint(self) -> Path:
        """Return best.ckpt if the configuration asks for it and it exists, else last.ckpt."""
        best = self.directory / BEST
        asked = any(isinstance(each, BestCheckpoint) for each in self.own_callbacks)
        return best if asked and best.exists() else self.directory / LAST

    def _test(self, checkpoint: Path, observers: list[Callback]) -> dict[str, float]:
        """Test the weights of a checkpoint on one device; return the metrics."""
        seeding.start(self.seeds["data"], "data")
        # New callbacks, restored from the checkpoint: the same as in a run that was killed between
        # training and test and resumed.
        own = build_callbacks(self.spec.config)
        tester = self._trainer([*own, *observers, stop_at_batch_boundary(self.stop)], 1)
        # With this state, loggers get the test's results at the last step of the training.
        last = AtomicCheckpointIO().load_checkpoint(self.directory / LAST)
        tester.fit_loop.load_state_dict(last["loops"]["fit_loop"])
        tester.test(
            self.task, datamodule=self.data, ckpt_path=checkpoint, verbose=False, weights_only=True
        )
        return scalar_metrics(tester)


def _fits(task: LightningModule, checkpoint: Path) -> bool:
    """Return whether a checkpoint's weights have the names and shapes of the task's."""
    ours, stored = task.state_dict(), read_weights(checkpoint)
    return ours.keys() == stored.keys() and all(
        each.shape == stored[name].shape for name, each in ours.items()
    )
