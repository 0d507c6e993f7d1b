"""Checkpoints, written completely or not at all and loaded without running code; their weights."""

import errno
import hashlib
import io
import logging
import os
import zipfile
from collections.abc import Callable
from pathlib import Path
from textwrap import shorten
from typing import Any

import torch
from lightning_fabric.plugins.io.checkpoint_io import CheckpointIO
from pytorch_lightning import LightningModule
from torch import Tensor, nn

from project.config.errors import ConfigurationError
from project.runs.atomic import replacing
from project.runs.initial import initial_checkpoint

log = logging.getLogger(__name__)

LAST = "last.ckpt"
PREVIOUS = "previous.ckpt"
BEST = "best.ckpt"
# Lightning adds these keys if a module calls `save_hyperparameters`. Their values may be arbitrary
# objects, which torch.load(weights_only=True) refuses. run.json holds the configuration anyway.
DROPPED = (
    "hyper_parameters",
    "datamodule_hyper_parameters",
    "hparams_name",
    "datamodule_hparams_name",
)
MAX_SHOWN = 600  # characters of torch's list of misfits


class CheckpointError(Exception):
    """No checkpoint of the run can be read, or the checkpoint does not fit the run's net."""

    exit_code = 3


class AtomicCheckpointIO(CheckpointIO):
    """Lightning plug-in that writes and reads checkpoints of tensors, plain values and containers.

    Lightning's own saves through the system's temporary folder: on another file system the file is
    not replaced atomically, and a full disk can destroy the existing checkpoint.
    """

    def save_checkpoint(
        self, checkpoint: dict[str, Any], path: str | Path, storage_options: Any = None
    ) -> None:
        """Write a checkpoint atomically; an existing last.ckpt is kept as previous.ckpt.

        The hyperparameters that Lightning adds are left out, `storage_options` are ignored.

        Raises:
            ConfigurationError: The content holds other objects.
            OSError: The file cannot be written or is not read back as written; names the path.
        """
        path = Path(path)
        content = _to_bytes({key: each for key, each in checkpoint.items() if key not in DROPPED})
        with replacing(path) as file:
            file.write(content)
            file.flush()
            if Path(file.name).read_bytes() != content:
                raise OSError(errno.EIO, "what was read back is not what was written", str(path))
            if path.name == LAST and path.exists():
                os.fsync(file.fileno())  # the new one is whole before the old one is renamed
                path.replace(path.with_name(PREVIOUS))

    def load_checkpoint(
        self,
        path: str | Path,
        map_location: Callable[..., Any] | None = None,
        weights_only: bool | None = None,
    ) -> dict[str, Any]:
        """Read a checkpoint; code in it never runs, whatever `weights_only` says.

        Raises:
            Exception: The file is damaged, holds other objects or no dictionary with `state_dict`.
        """
        # torch.load would not notice all damage: it ignores the checksums that torch.save writes.
        with zipfile.ZipFile(path) as archive:
            damaged = archive.testzip()
        if damaged is not None:
            raise zipfile.BadZipFile(f"wrong checksum of {damaged}")
        checkpoint = torch.load(path, map_location=map_location or "cpu", weights_only=True)
        if not isinstance(checkpoint, dict) or "state_dict" not in checkpoint:
            raise ValueError("it holds no state_dict")
        return checkpoint

    def remove_checkpoint(self, path: str | Path) -> None:
        """Delete a checkpoint; do nothing if it does not exist."""
        Path(path).unlink(missing_ok=True)


def read_weights(path: Path, prefix: str = "") -> dict[str, Tensor]:
    """Return the weights in a checkpoint whose names begin with `prefix`, by the names after it."""
    state = AtomicCheckpointIO().load_checkpoint(path)["state_dict"]
    return {k.removeprefix(prefix): v for k, v in state.items() if k.startswith(prefix)}


def weights_digest(checkpoint: Path) -> str:
    """Return the SHA-256 of a checkpoint's weights, independent of the file's other contents."""
    digest = hashlib.sha256()
    for name, value in sorted(read_weights(checkpoint).items()):
        digest.update(f"{name} {value.dtype} {tuple(value.shape)}".encode())
        digest.update(value.contiguous().view(-1).view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()


def load_initial(
    config: dict[str, Any],
    net: nn.Module | None,
    task: LightningModule,
    data_folder: str | None,
) -> None:
    """Load the weights of the run that `init_from` names into the net, in place.

    A task that builds its own net (`net` is None) gets all weights. A launcher may have copied the
    weights to `data_folder`.

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


def _to_bytes(checkpoint: dict[str, Any]) -> bytes:
    buffer = io.BytesIO()
    try:
        torch.save(checkpoint, buffer)
        torch.load(io.BytesIO(buffer.getvalue()), map_location="cpu", weights_only=True)
    except Exception as error:  # pickling can raise anything
        reason = str(error).strip().splitlines()[0]
        raise ConfigurationError(
            "a callback or the task puts something other than tensors and plain values into the "
            f"checkpoint, so the checkpoint could not be loaded safely ({reason})"
        ) from None
    return buffer.getvalue()


def newest_readable(directory: Path) -> Path | None:
    """Return the newest readable checkpoint in a run directory; None if no checkpoint exists.

    Damaged checkpoints that are newer are logged and renamed to `<name>.damaged`.

    Raises:
        CheckpointError: Checkpoints exist but none can be read.
    """
    damaged: list[Path] = []
    for path in filter(Path.exists, (directory / LAST, directory / PREVIOUS)):
        try:
            AtomicCheckpointIO().load_checkpoint(path)
        except Exception as error:  # damaged bytes can raise anything
            reason = (str(error).strip() or repr(error)).splitlines()[0]
            log.warning("checkpoint %s cannot be read (%s)", path, reason)
            damaged.append(path)
        else:
            # Else the next save would replace this checkpoint by the damaged one.
            for each in damaged:
                each.replace(each.with_name(f"{each.name}.damaged"))
            return path
    if damaged:
        raise CheckpointError(
            f"no checkpoint in {directory} can be read; move that directory aside to begin the run "
            "again, or pass rerun=true"
        )
    return None
