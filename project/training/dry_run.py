"""Pass one real batch forward and backward before training, so that errors are found in seconds."""

import traceback
import warnings
from collections.abc import Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import torch
from lightning_utilities.core.apply_func import apply_to_collection
from lightning_utilities.core.overrides import is_overridden
from pytorch_lightning import LightningDataModule, Trainer
from pytorch_lightning.callbacks import Callback, LearningRateMonitor
from torch.utils.data import DataLoader

from project import seeding
from project.config.errors import ConfigurationError
from project.config.identity import seeds_of
from project.config.schema import TrainConfig
from project.config.source import is_own
from project.runs.interruption import StopFlag
from project.runs.spec import RunSpec
from project.training.callbacks import stop_at_batch_boundary
from project.training.components import Components, build_callbacks, build_components
from project.training.facts import require_metric
from project.training.lightning_messages import quiet_trainer
from project.training.observed import check_source_of_variant, source_digest
from project.training.processes import check_devices
from project.training.streams import SeededLoader, loader_of, named_streams

# Trainer arguments that matter for a single batch; the dry run keeps these only.
OF_A_BATCH = ("accumulate_grad_batches", "gradient_clip_algorithm", "gradient_clip_val")
# Precisions that a CPU supports; other ones (float16) are tried in float32.
CPU_PRECISIONS = ("32", "32-true", "64", "64-true", "bf16", "bf16-mixed", "bf16-true")


def dry_run_variants(specs: Sequence[RunSpec], here: bool) -> None:
    """Try each variant of a sweep on a real batch, at one of its seeds.

    If the runs will be executed `here`, on this machine, its devices are checked too.

    Raises:
        ConflictError: Earlier runs of a variant had other data files.
        Exception: As `dry_run`.
    """
    variants: dict[str, RunSpec] = {}
    for spec in specs:
        variants.setdefault(spec.run.variant, spec)
    for spec in variants.values():
        if here:
            check_devices(TrainConfig.checked(spec.config).trainer)
        components = dry_run(spec.config)
        check_source_of_variant(spec, source_digest(components.data))


def dry_run(config: dict[str, Any]) -> Components:
    """Build a run's objects, pass one batch of each stage through them, and return the objects.

    Nothing is written to disk. The run itself builds new objects.

    Raises:
        ConfigurationError: Something does not work; the message says what.
        DataError: The data are not available.
        CheckpointError, CorruptRunError: The weights of `init_from` cannot be used.
        Interrupted: A signal arrived.
    """
    section = TrainConfig.checked(config).trainer
    torch.set_num_threads(section.threads)
    components = build_components(config)
    callbacks = build_callbacks(config)
    _check_objects(components, callbacks, config)
    with StopFlag() as stop, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the run itself will show the warnings
        seeding.start(seeds_of(config)["data"], "data")
        try:
            _check_trainer(section.arguments)
            _pass_batches(components, callbacks, config, stop)
            _try_last_batch(components, config, stop)
        except (Exception, SystemExit) as error:  # a net may call sys.exit
            if hasattr(error, "exit_code"):
                raise
            raise ConfigurationError(
                f"{_what(config)} does not work on a batch of data={config['data']['name']}: "
                f"{type(error).__name__}: {_in_one_line(error)}{_where(error)}"
            ) from error
        stop.check()
    return components


def _check_objects(
    components: Components, callbacks: Sequence[Callback], config: dict[str, Any]
) -> None:
    """Raise ConfigurationError if a loader or a logger is missing."""
    loggers = [each for each in config["logger"].values() if each is not None]
    if not loggers and any(isinstance(each, LearningRateMonitor) for each in callbacks):
        raise ConfigurationError(
            "callbacks.lr_monitor: there is no logger that could get the learning rate; leave it "
            "out, or choose logger=tensorboard"
        )
    for name in ("train_dataloader", "test_dataloader"):
        if not is_overridden(name, components.data, LightningDataModule):
            raise ConfigurationError(
                f"data={config['data']['name']}: {type(components.data).__name__} has no {name}()"
            )


def _check_trainer(arguments: dict[str, Any]) -> None:
    """Raise ConfigurationError for invalid arguments of Lightning's Trainer."""
    if arguments.get("limit_train_batches") in (0, 0.0):
        raise ConfigurationError("trainer.limit_train_batches=0: there is nothing to train on")
    if isinstance(interval := arguments.get("val_check_interval"), str):
        raise ConfigurationError(
            f"trainer.val_check_interval={interval}: the moment of validation would depend on the "
            "machine's speed; use a number of batches, or a share of an epoch"
        )
    try:
        quiet_trainer(accelerator="cpu", **arguments)
    except Exception as error:
        raise ConfigurationError(f"trainer: {_in_one_line(error)}") from error


def _trainer(config: dict[str, Any], stop: StopFlag, val_batches: int = 1) -> Trainer:
    arguments = TrainConfig.checked(config).trainer.arguments
    kept = {key: value for key, value in arguments.items() if key in OF_A_BATCH}
    if str(arguments.get("precision")) in CPU_PRECISIONS:
        kept["precision"] = arguments["precision"]
    return quiet_trainer(
        **kept,
        accelerator="cpu",
        max_epochs=1,
        limit_train_batches=1,
        limit_val_batches=val_batches,
        limit_test_batches=1,
        callbacks=[named_streams(seeds_of(config)["order"]), stop_at_batch_boundary(stop)],
    )


def _pass_batches(
    components: Components, callbacks: Sequence[Callback], config: dict[str, Any], stop: StopFlag
) -> None:
    trainer = _trainer(config, stop)
    trainer.fit(components.task, datamodule=components.data)
    if trainer.fit_loop.total_batch_idx < 0:
        raise _no_batch("training", config)
    if trainer.val_dataloaders not in (None, []):  # else the data module has no validation data
        _require_metric("val", trainer, trainer.num_val_batches, config)
    for callback in callbacks:
        monitor = getattr(callback, "monitor", None)
        if isinstance(monitor, str) and monitor not in trainer.callback_metrics:
            raise ConfigurationError(
                f"callbacks: {type(callback).__name__} monitors {monitor}, but "
                f"task={config['task']['name']} logs {', '.join(sorted(trainer.callback_metrics))}"
            )
    trainer.test(components.task, datamodule=components.data, verbose=False)
    _require_metric("test", trainer, trainer.num_test_batches, config)


def _no_batch(stage: str, config: dict[str, Any]) -> ConfigurationError:
    return ConfigurationError(
        f"data={config['data']['name']}: the {stage} loader yields no batch; is the split empty?"
    )


def _require_metric(
    stage: str, trainer: Trainer, batches: Sequence[float], config: dict[str, Any]
) -> None:
    """Raise ConfigurationError if a stage lacks the metric, also because a loader is empty."""
    name, metrics = config["metric"]["name"], trainer.callback_metrics
    if f"{stage}/{name}" not in metrics and 0 in (batches or [0]):
        raise _no_batch(stage, config)
    require_metric(f"metric.name={name}", f"{stage}/{name}", metrics, config["task"]["name"])


def _try_last_batch(components: Components, config: dict[str, Any], stop: StopFlag) -> None:
    """Train on a batch as small as the last one of an epoch: batch norm may need more examples."""
    loader = components.data.train_dataloader()
    is_plain = isinstance(loader, SeededLoader) and isinstance(loader.loader, DataLoader)
    if not is_plain or "limit_train_batches" in config["trainer"]:
        return
    size, last = _batch_sizes(loader.loader)
    if last in (0, size):
        return

    def cut(tensor: torch.Tensor) -> torch.Tensor:
        return tensor[:last] if tensor.dim() and len(tensor) == size else tensor

    batch = apply_to_collection(next(iter(loader)), torch.Tensor, cut)
    try:
        trainer = _trainer(config, stop, val_batches=0)
        trainer.fit(components.task, train_dataloaders=loader_of([batch]))
    except Exception as error:
        raise ConfigurationError(
            f"the last training batch of an epoch has {last} example{'s' * (last != 1)} "
            f"(data.batch_size={size}), on which {_what(config)} fails: {_in_one_line(error)}; "
            "choose another data.batch_size"
        ) from error


def _batch_sizes(loader: DataLoader[Any]) -> tuple[int, int]:
    """Return the sizes of an epoch's first and last batch; (0, 0) if they are unknown."""
    batches: Any = loader.sampler if loader.batch_sampler is None else loader.batch_sampler
    try:
        sizes = [len(indices) for indices in islice(batches, len(batches))]
    except TypeError:  # a stream of examples
        return 0, 0
    return (sizes[0], sizes[-1]) if sizes else (0, 0)


def _what(config: dict[str, Any]) -> str:
    model = config.get("model")
    return f"task={config['task']['name']}" + (f" with model={model['name']}" if model else "")


def _in_one_line(error: BaseException) -> str:
    return " ".join(str(error).split())


def _where(error: BaseException) -> str:
    """Return ` (file, line N)` of the innermost line of own code in a traceback, or ""."""
    for frame in reversed(traceback.extract_tb(error.__traceback__)):
        if is_own(path := Path(frame.filename)) and path != Path(__file__):
            return f" ({path}, line {frame.lineno})"
    return ""
