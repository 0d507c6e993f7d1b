"""Pass one real batch forward and backward before training, so that errors are found in seconds."""

import traceback
import warnings
from collections.abc import Mapping, Sequence
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
from project.config.schema import validate_train
from project.config.source import is_own
from project.runs.interruption import StopFlag
from project.runs.spec import RunSpec
from project.training.callbacks import StopAtBatchBoundary
from project.training.components import Components, build_callbacks, build_components
from project.training.devices import check_devices
from project.training.lightning_messages import quiet_lightning, quiet_trainer
from project.training.origin import check_source_of_variant, source_digest
from project.training.streams import SeededLoader, Streams

# Trainer arguments that matter for a single batch; the dry run keeps these only.
OF_A_BATCH = ("accumulate_grad_batches", "gradient_clip_algorithm", "gradient_clip_val")
# Precisions that a CPU supports; other ones (float16) are tried in float32.
CPU_PRECISIONS = ("32", "32-true", "64", "64-true", "bf16", "bf16-mixed", "bf16-true")


def dry_run_variants(specs: Sequence[RunSpec], here: bool) -> None:
    """Try each variant of a sweep on a real batch, at one of its seeds.

    Args:
        specs: The runs that will be executed.
        here: Whether they run on this machine; if so, its devices are checked too.

    Raises:
        ConflictError: Earlier runs of a variant had other data files.
        Exception: As `dry_run`.
    """
    variants: dict[str, RunSpec] = {}
    for spec in specs:
        variants.setdefault(spec.run.variant, spec)
    for spec in variants.values():
        if here:
            check_devices(validate_train(spec.config).trainer)
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
    quiet_lightning()
    section = validate_train(config).trainer
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
    arguments = validate_train(config).trainer.arguments
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
        callbacks=[Streams(seeds_of(config)["order"]), StopAtBatchBoundary(stop)],
    )


def _pass_batches(
    components: Components, callbacks: Sequence[Callback], config: dict[str, Any], stop: StopFlag
) -> None:
    trainer = _trainer(config, stop)
    trainer.fit(components.task, datamodule=components.data)
    if trainer.fit_loop.total_batch_idx < 0:
        raise _no_batch("training", config)
    if trainer.num_val_batches:
        _require(trainer, "val", components, config)
    for callback in callbacks:
        monitor = getattr(callback, "monitor", None)
        if isinstance(monitor, str) and monitor not in trainer.callback_metrics:
            raise ConfigurationError(
                f"callbacks: {type(callback).__name__} monitors {monitor}, but "
                f"{_logged(trainer.callback_metrics, config)}"
            )
    trainer.test(components.task, datamodule=components.data, verbose=False)
    _require(trainer, "test", components, config)


def _no_batch(stage: str, config: dict[str, Any]) -> ConfigurationError:
    return ConfigurationError(
        f"data={config['data']['name']}: the {stage} loader yields no batch; is the split empty?"
    )


def _require(trainer: Trainer, stage: str, components: Components, config: dict[str, Any]) -> None:
    """Raise ConfigurationError if a stage has not logged the metric or its loader is empty."""
    name = config["metric"]["name"]
    if f"{stage}/{name}" in trainer.callback_metrics:
        return
    loaders = getattr(components.data, f"{stage}_dataloader")()
    each = loaders if isinstance(loaders, list) else [loaders]
    if stage == "val" and not each:
        return  # the data module has no validation data
    if not each or any(next(iter(loader), None) is None for loader in each):
        raise _no_batch(stage, config)
    raise ConfigurationError(
        f"metric.name={name}: there is no {stage}/{name}; "
        f"{_logged(trainer.callback_metrics, config)}"
    )


def _logged(metrics: Mapping[str, Any], config: dict[str, Any]) -> str:
    return f"task={config['task']['name']} logs {', '.join(sorted(metrics)) or 'nothing'}"


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
        dataset: Any = [batch]
        one_batch = DataLoader(dataset, batch_size=None, collate_fn=lambda batch: batch)
        trainer.fit(components.task, train_dataloaders=one_batch)
    except Exception as error:
        raise ConfigurationError(
            f"the last training batch of an epoch has {last} example{'s' * (last != 1)} "
            f"(data.batch_size={size}), on which {_what(config)} fails: {_in_one_line(error)}; "
            "choose another data.batch_size"
        ) from error


def _batch_sizes(loader: DataLoader[Any]) -> tuple[int, int]:
    """Return the sizes of an epoch's first and last batch; (0, 0) if they are unknown."""
    try:
        if loader.batch_size is None:
            sizes = [len(indices) for indices in loader.sampler]
            return sizes[0], sizes[-1]
        count = len(loader.sampler)  # type: ignore[arg-type]
    except (TypeError, IndexError):
        return 0, 0
    size = loader.batch_size
    return size, size if loader.drop_last or count < size else count % size


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
