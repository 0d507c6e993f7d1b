"""Lightning's Trainer for short trainings that write no files."""

from collections.abc import Sequence
from typing import Any

from pytorch_lightning import Trainer
from pytorch_lightning.callbacks import Callback, Checkpoint
from pytorch_lightning.plugins.environments import LightningEnvironment

from project.checks.candidate import Candidate
from project.config.identity import OBSERVERS, seeds_of
from project.config.schema import validate_train
from project.training.components import build_callbacks
from project.training.streams import Streams

# Arguments of the run's trainer that are left out, as they are about a whole run.
WHOLE_RUN = frozenset(
    {
        "check_val_every_n_epoch", "enable_model_summary", "enable_progress_bar",
        "limit_predict_batches", "limit_test_batches", "limit_train_batches", "limit_val_batches",
        "log_every_n_steps", "max_steps", "min_epochs", "min_steps", "profiler",
        "val_check_interval",
    }
)  # fmt: skip


def scratch_trainer(
    candidate: Candidate,
    callbacks: Sequence[Callback] = (),
    epochs: int = 1,
    train: int | float = 1.0,
    evaluation: int | float = 1.0,
    own: bool = True,
) -> Trainer:
    """Return a trainer configured as the run's, but on one device, without loggers and checkpoints.

    Args:
        candidate: The experiment.
        callbacks: Callbacks that are called before the experiment's own.
        epochs: The number of epochs.
        train: The number (int) or share (float) of training batches in an epoch.
        evaluation: The number (int) or share (float) of validation and test batches.
        own: Whether to add the experiment's own callbacks, except observers and checkpoints.

    Raises:
        ConfigurationError: A callback of the experiment cannot be built.
    """
    config = candidate.config
    section = validate_train(config).trainer
    kept = _own_callbacks(config) if own else []
    return Trainer(
        **{key: value for key, value in section.arguments.items() if key not in WHOLE_RUN},
        accelerator=section.accelerator,
        devices=1,
        max_epochs=epochs,
        limit_train_batches=train,
        limit_val_batches=evaluation,
        limit_test_batches=evaluation,
        logger=False,
        enable_checkpointing=False,
        enable_model_summary=False,
        enable_progress_bar=False,
        num_sanity_val_steps=0,
        use_distributed_sampler=False,
        default_root_dir=candidate.scratch,
        plugins=[LightningEnvironment()],
        callbacks=[Streams(seeds_of(config)["order"]), *callbacks, *kept],
    )


def _own_callbacks(config: dict[str, Any]) -> list[Callback]:
    """Build the experiment's callbacks, without observers and checkpoints."""
    kept = {
        name: each
        for name, each in (config.get("callbacks") or {}).items()
        if each["_target_"] not in OBSERVERS
    }
    built = build_callbacks({"callbacks": kept})
    return [each for each in built if not isinstance(each, Checkpoint)]
