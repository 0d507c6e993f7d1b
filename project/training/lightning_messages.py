"""Lightning without its messages about things that are intended in this project."""

import logging
import warnings
from typing import Any

from pytorch_lightning import Trainer
from pytorch_lightning.plugins.environments import LightningEnvironment

IGNORED = (
    ".*does not have many workers.*",
    # A data module may have no validation examples on purpose.
    ".*Total length of `list` across ranks is zero.*",
    # Metrics are logged once per epoch.
    ".*smaller than the logging interval.*",
    # Lightning 2.6 uses a class that torch 2.14 marks as deprecated.
    ".*LeafSpec.*is deprecated.*",
    # The test loads the weights only, not the state of callbacks.
    ".*callbacks used to create the checkpoint need to.*",
    # The project averages over processes itself, before logging.
    ".*recommended to use .self.log.*sync_dist=True.*",
    ".*WeightAveraging callback, but loading a checkpoint outside.*",
    ".*Checkpoint directory .* exists and is not empty.*",
)


def quiet_lightning() -> None:
    """Ignore these warnings, and log messages of Lightning below WARNING, in this process."""
    for name in ("pytorch_lightning", "lightning_fabric", "lightning.pytorch"):
        logging.getLogger(name).setLevel(logging.WARNING)
    for message in IGNORED:
        warnings.filterwarnings("ignore", message=message)


def quiet_trainer(**arguments: Any) -> Trainer:
    """Return a trainer, by default on one device, that logs nothing and writes no files."""
    quiet_lightning()
    quiet: dict[str, Any] = {
        "devices": 1,
        "logger": False,
        "enable_checkpointing": False,
        "enable_model_summary": False,
        "enable_progress_bar": False,
        "num_sanity_val_steps": 0,
        "use_distributed_sampler": False,
        # Else Lightning would react to Slurm's environment variables.
        "plugins": [LightningEnvironment()],
    }
    return Trainer(**quiet | arguments)
