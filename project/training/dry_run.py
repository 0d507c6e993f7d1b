"""One real forward and backward pass before anything trains: an unfit net is found in seconds."""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import torch
from lightning_utilities.core.apply_func import apply_to_collection
from pytorch_lightning import Trainer
from pytorch_lightning.plugins.environments import LightningEnvironment
from torch.utils.data import DataLoader

from project import seeding
from project.config.errors import ConfigurationError
from project.config.identity import seeds_of
from project.config.schema import validate_train
from project.config.source import is_own
from project.runs.spec import RunSpec
from project.training.components import Components, build_callbacks, build_components
from project.training.execute import check_devices, quiet_lightning
from project.training.streams import SeededLoader, Streams


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
        if here:
            check_devices(validate_train(spec.config).trainer)
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
    build_callbacks(config)
    seeding.start(seeds_of(config)["data"], "data")
    try:
        _pass_batches(components, config)
        _try_last_batch(components, config)
    except (Exception, SystemExit) as error:  # a net may call sys.exit
        if hasattr(error, "exit_code"):
            raise
        raise ConfigurationError(
            f"{_what(config)} does not work on a batch of data={config['data']['name']}: "
            f"{type(error).__name__}: {error}{_where(error)}"
        ) from error


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


def _pass_batches(components: Components, config: dict[str, Any]) -> None:
    trainer, name = _trainer(config), config["metric"]["name"]
    trainer.fit(components.task, datamodule=components.data)
    _require(trainer.callback_metrics, f"val/{name}", config, _has_validation(components))
    trainer.test(components.task, datamodule=components.data, verbose=False)
    _require(trainer.callback_metrics, f"test/{name}", config, True)


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


def _require(metrics: Any, name: str, config: dict[str, Any], needed: bool) -> None:
    if needed and name not in metrics:
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
