"""Train, validate and test one run: the only place that builds a Lightning Trainer."""

import hashlib
import logging
import sys
import warnings
from pathlib import Path
from typing import Any

import torch
from pytorch_lightning import LightningModule, Trainer
from pytorch_lightning.callbacks import Callback
from pytorch_lightning.loggers import Logger
from pytorch_lightning.plugins.environments import LightningEnvironment
from pytorch_lightning.utilities.exceptions import SIGTERMException

from project import seeding
from project.config.errors import ConfigurationError
from project.config.identity import seeds_of
from project.config.schema import TrainConfig, validate_train
from project.config.schema import Trainer as TrainerSection
from project.runs.directory import RunDirectory
from project.runs.interruption import StopFlag
from project.runs.provenance import available_cores
from project.runs.spec import Result, RunSpec
from project.training.best_checkpoint import BestCheckpoint
from project.training.callbacks import ProgressBar, StopAtBatchBoundary, StopOnDivergence
from project.training.checkpoint import (
    BEST,
    LAST,
    AtomicCheckpointIO,
    CheckpointError,
    newest_readable,
)
from project.training.components import (
    Components,
    build_callbacks,
    build_components,
    build_loggers,
)
from project.training.observed import DataDigests, Predictions, file_digest
from project.training.processes import Processes, launch_processes
from project.training.recorder import RunRecorder
from project.training.streams import Streams
from project.training.tensorboard import RunTensorBoardLogger

log = logging.getLogger(__name__)


def execute(spec: RunSpec, stop: StopFlag) -> Result:
    """Train a run from its initial weights or its last checkpoint, and test it once.

    Writes history.csv, last.ckpt, events and predictions to the run directory.

    Raises:
        ConfigurationError, DataError, CheckpointError, DivergedError, ProcessError, Interrupted.
    """
    config = validate_train(spec.config)
    checkpoint = newest_readable(spec.directory.path)
    if checkpoint:
        log.info("resuming from %s", checkpoint)
    check_devices(config.trainer)
    with launch_processes(spec, checkpoint, follow) as processes:
        return _Training(spec, config, checkpoint, processes, stop).run()


def follow(spec: RunSpec, checkpoint: Path | None, processes: Processes) -> None:
    """Do the work of a process other than the first: the same training, of which it keeps nothing."""
    config = validate_train(spec.config)
    _Training(spec, config, checkpoint, processes, StopFlag()).fit()


class _Training:
    """One run in one process."""

    def __init__(
        self,
        spec: RunSpec,
        config: TrainConfig,
        checkpoint: Path | None,
        processes: Processes,
        stop: StopFlag,
    ) -> None:
        self.spec = spec
        self.config = config
        self.checkpoint = checkpoint
        self.processes = processes
        self.stop = stop
        self.seeds = seeds_of(spec.config)
        self.directory: RunDirectory = spec.directory
        quiet_lightning()
        torch.set_num_threads(config.trainer.threads)
        self.components: Components = build_components(spec.config, spec.data_folder)
        self.recorder = RunRecorder(self.directory.path, config.checkpoints.max_overhead)
        self.own_callbacks = build_callbacks(spec.config)
        self.digests = DataDigests()
        self.predictions = Predictions()

    def run(self) -> Result:
        """Train and test; the first process alone."""
        self.loggers = self._loggers()
        trainer = self.fit()
        tested = self._test(trainer)
        metrics = self._last_epoch() | tested
        self._check_metrics(metrics)
        self._finish_loggers(metrics)
        epochs = len(self.recorder.rows)
        facts: dict[str, Any] = {
            "epochs": epochs,
            "stopped_early": epochs < self.config.trainer.max_epochs,
            "weights_sha256": weights_digest(self._tested_checkpoint()),
        }
        if trainer.limit_train_batches not in (1, 1.0):
            facts["limited"] = True
        self.predictions.write(self.directory.path)
        return Result(
            parameters=parameter_count(self.components.task),
            metrics=metrics,
            training_seconds=self.recorder.seconds,
            facts=facts,
            data=self.data_facts(),
            machine=machine_facts(trainer),
        )

    def fit(self) -> Trainer:
        """Train until the last epoch; raises CheckpointError where the checkpoint is another net's."""
        data, task = self.components.data, self.components.task
        seeding.start(self.seeds["data"], "data")
        callbacks = [self.recorder, *self._last_callbacks()]
        trainer = self._trainer(self.own_callbacks, callbacks, self.processes)
        try:
            trainer.fit(task, datamodule=data, ckpt_path=self.checkpoint, weights_only=True)
        except SIGTERMException:
            # Lightning notices SIGTERM too, and would end the process with exit code 0.
            self.stop.check()
            raise
        except (RuntimeError, KeyError, ValueError) as error:
            if self.checkpoint is not None and not fits(task, self.checkpoint):
                raise CheckpointError(
                    f"{self.checkpoint} does not fit this net: {error}; pass rerun=true to begin "
                    "again"
                ) from error
            raise
        if self.processes.count > 1:
            torch.distributed.destroy_process_group()
        if not self.recorder.rows:
            raise ConfigurationError(
                f"data={self.config.data.name}: the training loader yields no batch"
            )
        return trainer

    def _last_callbacks(self) -> list[Callback]:
        callbacks: list[Callback] = [StopAtBatchBoundary(self.stop)]
        if sys.stderr.isatty() and self.processes.rank == 0:
            callbacks.append(ProgressBar(self.config.metric.name))
        return callbacks

    def _trainer(
        self, own: list[Callback], callbacks: list[Callback], processes: Processes
    ) -> Trainer:
        section = self.config.trainer
        first = processes.rank == 0
        return Trainer(
            **(section.arguments | processes.trainer_arguments(section)),
            max_epochs=section.max_epochs,
            logger=getattr(self, "loggers", []) if first else False,
            enable_checkpointing=True,
            enable_model_summary=False,
            enable_progress_bar=False,
            num_sanity_val_steps=0,
            use_distributed_sampler=False,
            default_root_dir=self.directory.path,
            # The environment: else Lightning would act on what Slurm sets for the job around it.
            plugins=[AtomicCheckpointIO(), LightningEnvironment()],
            callbacks=[
                Streams(self.seeds["order"]),
                StopOnDivergence(),
                *own,
                *callbacks,
            ],
        )

    def _loggers(self) -> list[Logger]:
        first_step = None
        if self.checkpoint is not None:
            step = AtomicCheckpointIO().load_checkpoint(self.checkpoint)["global_step"]
            first_step = max(0, int(step) - 1)
        loggers = build_loggers(self.spec.config, self.directory.path, first_step)
        settings = self._settings()
        for logger in loggers:
            logger.log_hyperparams(settings)
        return loggers

    def _settings(self) -> dict[str, Any]:
        """What distinguishes the run from others, under the keys of the command line."""
        from project.config.identity import flatten

        flat = flatten(self.spec.run.settings)
        named = {"model": self.spec.run.model, "seed": self.spec.run.seed}
        named["parameters"] = parameter_count(self.components.task)
        for key, value in flat.items():
            if key.endswith("._target_"):
                key, value = key.removesuffix("._target_"), str(value).rpartition(".")[2]
            named.setdefault(key, value if isinstance(value, bool | int | float) else str(value))
        return named

    def _test(self, trainer: Trainer) -> dict[str, float]:
        """Test the weights of the checkpoint, on one device."""
        seeding.start(self.seeds["data"], "data")
        checkpoint = self._tested_checkpoint()
        observers = [self.digests, self.predictions, StopAtBatchBoundary(self.stop)]
        # New ones, with the checkpoint's state: as after a kill between training and test.
        own = restored_callbacks(self.spec.config, checkpoint)
        tester = self._trainer(own, observers, Processes.single())
        tester.test(
            self.components.task,
            datamodule=self.components.data,
            ckpt_path=checkpoint,
            verbose=False,
            weights_only=True,
        )
        return {
            name: float(value)
            for name, value in tester.callback_metrics.items()
            if value.numel() == 1
        }

    def _tested_checkpoint(self) -> Path:
        """The best epoch's where the configuration asks for it, else the last."""
        best = self.directory.path / BEST
        asked = any(isinstance(each, BestCheckpoint) for each in self.own_callbacks)
        return best if asked and best.exists() else self.directory.path / LAST

    def _last_epoch(self) -> dict[str, float]:
        return {name: value for name, value in self.recorder.rows[-1].items() if "/" in name}

    def _check_metrics(self, metrics: dict[str, float]) -> None:
        name = f"test/{self.config.metric.name}"
        if name not in metrics:
            known = ", ".join(sorted(metrics))
            raise ConfigurationError(
                f"task={self.config.task.name} logs no {name}, by which metric.name says that it "
                f"is judged; it logs {known or 'nothing'}"
            )

    def _finish_loggers(self, metrics: dict[str, float]) -> None:
        for logger in self.loggers:
            if isinstance(logger, RunTensorBoardLogger):
                try:
                    logger.log_layout(sorted(metrics))
                    logger.finish(self.spec.run.name, self._settings(), metrics)
                except Exception:
                    log.warning("the card of the run could not be written", exc_info=True)
            logger.finalize("success")

    def data_facts(self) -> dict[str, Any]:
        """What is known of the data once they have been read."""
        data = self.components.data
        facts: dict[str, Any] = {}
        digest_of = getattr(data, "example_digest", None)
        if callable(digest_of):
            facts = {stage: digest_of(stage) for stage in ("train", "test")}
        else:
            facts["test"] = self.digests.test.hexdigest()
        files = getattr(data, "files", None)
        if files is not None:
            facts["source"] = file_digest(files)
        return facts


def restored_callbacks(config: dict[str, Any], checkpoint: Path) -> list[Callback]:
    """Build the configuration's callbacks with the state that a checkpoint holds of them."""
    states = AtomicCheckpointIO().load_checkpoint(checkpoint).get("callbacks", {})
    callbacks = build_callbacks(config)
    for callback in callbacks:
        if callback.state_key in states:
            callback.load_state_dict(states[callback.state_key])
    return callbacks


def check_devices(trainer: TrainerSection) -> None:
    """Raise ConfigurationError if the devices that were asked for are not there."""
    asked = f"trainer.devices={trainer.devices}"
    if trainer.accelerator in ("gpu", "cuda", "mps"):
        is_there = torch.accelerator.is_available()
        if not is_there:
            raise ConfigurationError(
                f"trainer.accelerator={trainer.accelerator}: torch sees none on this machine; use "
                "trainer=cpu"
            )
        count = torch.accelerator.device_count()
        if trainer.devices > count:
            raise ConfigurationError(f"{asked}: torch sees {count} on this machine")
    # Two processes can be tried out on any machine.
    elif trainer.devices > (most := max(2, available_cores())):
        raise ConfigurationError(
            f"{asked}: on CPUs a device is a process, which needs a core; at most {most} here"
        )


def parameter_count(module: torch.nn.Module) -> int:
    """Return the number of trainable parameters."""
    return sum(each.numel() for each in module.parameters() if each.requires_grad)


def weights_digest(checkpoint: Path) -> str:
    """Return the SHA-256 of a checkpoint's weights, whatever else the file holds."""
    state = AtomicCheckpointIO().load_checkpoint(checkpoint)["state_dict"]
    digest = hashlib.sha256()
    for name in sorted(state):
        value = state[name]
        digest.update(f"{name} {value.dtype} {tuple(value.shape)}".encode())
        digest.update(value.contiguous().view(-1).view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()


def machine_facts(trainer: Trainer) -> dict[str, Any]:
    """What torch says of the machine."""
    return {
        "device": str(trainer.strategy.root_device.type),
        "cpu_capability": torch.backends.cpu.get_cpu_capability(),
    }


def fits(task: LightningModule, checkpoint: Path) -> bool:
    """Whether a checkpoint's weights are those of this net."""
    state = AtomicCheckpointIO().load_checkpoint(checkpoint)["state_dict"]
    own = task.state_dict()
    return own.keys() == state.keys() and all(
        own[name].shape == value.shape for name, value in state.items()
    )


def quiet_lightning() -> None:
    """Leave out what Lightning says about things that are as they should be here."""
    for name in ("pytorch_lightning", "lightning_fabric", "lightning.pytorch"):
        logging.getLogger(name).setLevel(logging.WARNING)
    ignored = (
        ".*does not have many workers.*",
        # Curves are written once an epoch.
        ".*smaller than the logging interval.*",
        # Lightning 2.6 uses a class that torch 2.14 means to remove.
        ".*LeafSpec.*is deprecated.*",
        # Weights alone are loaded for the test.
        ".*callbacks used to create the checkpoint need to.*",
        # Means over all processes are taken before they are logged.
        ".*recommended to use .self.log.*sync_dist=True.*",
        ".*WeightAveraging callback, but loading a checkpoint outside.*",
        ".*Checkpoint directory .* exists and is not empty.*",
    )
    for message in ignored:
        warnings.filterwarnings("ignore", message=message)
