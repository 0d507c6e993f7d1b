"""Checkpoints that are written completely or not at all, and loaded without running code."""

import errno
import io
import logging
import os
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from lightning_fabric.plugins.io.checkpoint_io import CheckpointIO
from torch import Tensor

from project.config.errors import ConfigurationError
from project.runs.atomic import replacing

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
# Error numbers of file systems that do not support hard links.
NO_LINKS = (errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS, errno.EXDEV, errno.EMLINK)


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
        if path.name == LAST and path.exists():
            _keep(path)
        with replacing(path) as file:
            file.write(content)
            file.flush()
            if Path(file.name).read_bytes() != content:
                raise OSError(errno.EIO, "what was read back is not what was written", str(path))

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


def _keep(path: Path) -> None:
    # The old file gets a second name first, so that it is reachable at every moment.
    link = path.with_name(f".{PREVIOUS}.{os.getpid()}.tmp")
    link.unlink(missing_ok=True)
    try:
        try:
            os.link(path, link)
        except OSError as error:
            if error.errno not in NO_LINKS:
                raise
            shutil.copyfile(path, link)
        link.replace(path.with_name(PREVIOUS))
    finally:
        link.unlink(missing_ok=True)


def newest_readable(directory: Path) -> Path | None:
    """Return the newest readable checkpoint in a run directory; None if no checkpoint exists.

    Damaged checkpoints that are newer are logged and renamed to `<name>.damaged`.

    Raises:
        CheckpointError: Checkpoints exist but none can be read.
    """
    damaged: list[Path] = []
    for path in (directory / LAST, directory / PREVIOUS):
        if not path.exists():
            continue
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
