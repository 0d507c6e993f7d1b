"""Load the weights of another run, from which this one starts (`init_from`)."""

from textwrap import shorten
from typing import Any

from pytorch_lightning import LightningModule
from torch import nn

from project.config.errors import ConfigurationError
from project.runs.initial import initial_checkpoint
from project.training.checkpoint import CheckpointError, read_weights
from project.training.facts import weights_digest

MAX_SHOWN = 600  # characters of torch's list of misfits


def load_initial(
    config: dict[str, Any],
    net: nn.Module | None,
    task: LightningModule,
    data_folder: str | None,
) -> None:
    """Load the weights of the run that `init_from` names into the net, in place.

    Args:
        config: The configuration; its `init_from` is as `project.runs.initial` returns it.
        net: The net; None if the task builds its own, which then gets all weights.
        task: The LightningModule around the net.
        data_folder: The folder to which a launcher copied the weights; None for the other run's.

    Raises:
        CheckpointError: The weights cannot be read, or are not those on record.
        ConfigurationError: The weights have other names or shapes than the net's.
        CorruptRunError: The record of the other run cannot be read.
    """
    section = config["init_from"]
    path = initial_checkpoint(config, data_folder)
    try:
        digest = weights_digest(path)
        state = read_weights(path, "" if net is None else "net.")
    except Exception as error:  # damaged bytes can raise anything
        raise CheckpointError(f"init_from={section['run']}: {path}: {error}") from None
    if digest != section["weights_sha256"]:
        raise CheckpointError(
            f"init_from={section['run']}: the weights in {path} (SHA-256 {digest}) are not those "
            f"on record ({section['weights_sha256']})"
        )
    try:
        (task if net is None else net).load_state_dict(state)
    except RuntimeError as error:
        raise ConfigurationError(
            f"init_from={section['run']}: its weights are of another net: "
            f"{shorten(str(error), MAX_SHOWN)}"
        ) from None
