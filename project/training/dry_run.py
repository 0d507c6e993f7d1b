"""One real forward and backward pass before anything trains: an unfit net is found in seconds."""

import json
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import torch
from lightning_utilities.core.apply_func import apply_to_collection
from pytorch_lightning import Trainer
from pytorch_lightning.callbacks import LearningRateMonitor
from pytorch_lightning.plugins.environments import LightningEnvironment
from pytorch_lightning.utilities.exceptions import MisconfigurationException
from torch.utils.data import DataLoader

from project import seeding
from project.config.errors import ConfigurationError
from project.config.identity import seeds_of
from project.config.schema import Trainer as TrainerSection
from project.config.schema import validate_train
from project.config.source import is_own
from project.runs.lifecycle import RunSpec
from project.training.components import Components, build_callbacks, build_components
from project.training.execute import check_devices, quiet_lightning
from project.training.streams import SeededLoader, Streams


STAGES = {"train": "training", "val": "validation", "test": "test"}


def dry_run_variants(specs: Sequence[RunSpec], here: bool) -> None:
    """Try each variant of a sweep on a real batch, at one of its seeds.

    Args:
        specs: The runs that are to be executed.
        here: Whether they will run on this machine, so that its devices are theirs.

    Raises:
        ConfigurationError: Naming what does not work.
    """
    quiet_lightning()
    seen: set[str] = set()
    for spec in specs:
        key = json.dumps([spec.run.model, spec.run.data, spec.run.settings], sort_keys=True)
        if key in seen:
            continue
        seen.add(key)
        trainer = validate_train(spec.config).trainer
        if here:
            check_devices(trainer)
        _check_trainer(trainer, here)
        dry_run(spec.config)


def dry_run(config: dict[str, Any]) -> None:
    """Build a run's objects and pass one batch of each stage through them.

    Nothing is written, and nothing of it stays: the run itself builds its objects anew.

    Raises:
        ConfigurationError: Naming what does not work.
        DataError: The data cannot be had.
    """
    section = validate_train(config).trainer
    quiet_lightning()
    torch.set_num_threads(section.threads)
    components = build_components(config)
    _check_callbacks(config)
    seeding.start(seeds_of(config)["data"], "data")
    try:
        _pass_batches(components, config)
        _try_last_batch(components, config)
    except Exception as error:
        if hasattr(error, "exit_code"):
            raise
        raise ConfigurationError(
            f"{_what(config)} does not work on a batch of data={config['data']['name']}: "
            f"{type(error).__name__}: {error}{_where(error)}"
        ) from error


def _check_callbacks(config: dict[str, Any]) -> None:
    has_logger = any(each is not None for each in (config.get("logger") or {}).values())
    for callback in build_callbacks(config):
        if isinstance(callback, LearningRateMonitor) and not has_logger:
            raise ConfigurationError(
                "callbacks.lr_monitor hands the learning rate to loggers, and there is none; leave "
                "it out, or choose logger=tensorboard"
            )


def _trainer(config: dict[str, Any]) -> Trainer:
    return Trainer(
        **_arguments(validate_train(config).trainer.arguments),
        accelerator="cpu",
        devices=1,
        max_epochs=1,
        limit_train_batches=1,
        limit_val_batches=1,
        limit_test_batches=1,
        logger=False,
        enable_checkpointing=False,
        enable_model_summary=False,
        enable_progress_bar=False,
        num_sanity_val_steps=0,
        use_distributed_sampler=False,
        plugins=[LightningEnvironment()],
        callbacks=[Streams(seeds_of(config)["order"])],
    )


def _arguments(arguments: dict[str, Any]) -> dict[str, Any]:
    """Leave out what belongs to a whole run."""
    kept = ("precision", "gradient_clip_val", "gradient_clip_algorithm", "accumulate_grad_batches")
    return {key: value for key, value in arguments.items() if key in kept and key != "precision"}


def _check_trainer(section: TrainerSection, here: bool) -> None:
    """Let Lightning judge the values of its own arguments, before anything is written."""
    if section.arguments.get("limit_train_batches") in (0, 0.0):
        raise ConfigurationError("trainer.limit_train_batches=0: there is nothing to train on")
    accelerator = section.accelerator if here else "cpu"
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # what it warns of, it says when the run begins
            Trainer(
                **section.arguments,
                accelerator=accelerator,
                devices=1,
                logger=False,
                enable_checkpointing=False,
                plugins=[LightningEnvironment()],
            )
    except (ValueError, TypeError, MisconfigurationException) as error:
        raise ConfigurationError(f"trainer: Lightning refuses it: {error}") from None


def _pass_batches(components: Components, config: dict[str, Any]) -> None:
    trainer, name = _trainer(config), config["metric"]["name"]
    trainer.fit(components.task, datamodule=components.data)
    if trainer.fit_loop.total_batch_idx < 0:
        _require_batch(components, "train", config)
    if _has_validation(components):
        _require_metric(trainer, components, "val", config)
    trainer.test(components.task, datamodule=components.data, verbose=False)
    _require_metric(trainer, components, "test", config)


def _require_batch(components: Components, stage: str, config: dict[str, Any]) -> None:
    """Refuse data of which a stage has a loader that yields nothing."""
    loaders = getattr(components.data, f"{stage}_dataloader")()
    each = [loaders] if isinstance(loaders, SeededLoader) else list(loaders)
    if not each or any(next(iter(loader), None) is None for loader in each):
        raise ConfigurationError(
            f"data={config['data']['name']}: the {STAGES[stage]} loader yields no batch; is the "
            "split empty?"
        )


class _OneBatch:
    """A loader of a single batch."""

    def __init__(self, batch: Any) -> None:
        self.batch = batch

    def __iter__(self) -> Iterator[Any]:
        yield self.batch

    def __len__(self) -> int:
        return 1


def _try_last_batch(components: Components, config: dict[str, Any]) -> None:
    """Train on as few examples as an epoch's last batch has: batch statistics may need more."""
    loader = components.data.train_dataloader()
    if not isinstance(loader, SeededLoader) or not isinstance(loader.loader, DataLoader):
        return
    size, last = _batch_sizes(loader.loader)
    if last in (0, size):
        return

    def cut(tensor: torch.Tensor) -> torch.Tensor:
        return tensor[:last] if tensor.dim() and len(tensor) == size else tensor

    batch = apply_to_collection(next(iter(loader)), torch.Tensor, cut)
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message=".*but have no `val_dataloader`.*")
            _trainer(config).fit(components.task, train_dataloaders=_OneBatch(batch))
    except Exception as error:
        raise ConfigurationError(
            f"the last training batch of an epoch has {last} example{'s' * (last != 1)} "
            f"(data.batch_size={size}), on which {_what(config)} fails: {error}; choose another "
            "data.batch_size"
        ) from error


def _batch_sizes(loader: DataLoader[Any]) -> tuple[int, int]:
    """Return the sizes of an epoch's first and last batch; 0 for the last where nobody knows."""
    try:
        if loader.batch_size is None:
            sizes = [len(indices) for indices in loader.sampler]
            return sizes[0], sizes[-1]
        count = len(loader.sampler)  # type: ignore[arg-type]
    except (TypeError, IndexError):
        return 0, 0
    left = count % loader.batch_size
    return loader.batch_size, 0 if loader.drop_last or count < loader.batch_size else left


def _has_validation(components: Components) -> bool:
    loaders = components.data.val_dataloader()
    return not (isinstance(loaders, list) and not loaders)


def _require_metric(
    trainer: Trainer, components: Components, stage: str, config: dict[str, Any]
) -> None:
    name, metrics = f"{stage}/{config['metric']['name']}", trainer.callback_metrics
    if name in metrics:
        return
    _require_batch(components, stage, config)
    known = ", ".join(sorted(metrics)) or "nothing"
    raise ConfigurationError(
        f"task={config['task']['name']} logs no {name}, by which metric.name="
        f"{config['metric']['name']} says that it is judged; it logs {known}"
    )


def _what(config: dict[str, Any]) -> str:
    model = config.get("model")
    return f"task={config['task']['name']}" + (f" with model={model['name']}" if model else "")


def _where(error: BaseException) -> str:
    """Name the line of the user's or our code in which an error was raised."""
    place = ""
    trace = error.__traceback__
    while trace is not None:
        path = Path(trace.tb_frame.f_code.co_filename)
        if is_own(path) and path.name != "dry_run.py":
            place = f" ({path}, line {trace.tb_lineno})"
        trace = trace.tb_next
    return place
