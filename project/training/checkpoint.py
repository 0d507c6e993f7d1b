"""Checkpoints that are whole or absent, and that can be opened without trust.

Lightning's own save goes through the system's temporary folder and is no atomic rename when that
is another file system: a full disk can destroy the checkpoint that was there. Here the old file
stays until the new one is on the disk and has been read back, and the one before it is kept too.
"""

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

from project.config.errors import ConfigurationError
from project.runs.atomic import replacing

log = logging.getLogger(__name__)

LAST = "last.ckpt"
PREVIOUS = "previous.ckpt"
BEST = "best.ckpt"
# What Lightning adds where a module calls `save_hyperparameters`: arbitrary objects, which a file
# that is opened without trust cannot hold. run.json holds the configuration.
DROPPED = (
    "hyper_parameters",
    "datamodule_hyper_parameters",
    "hparams_name",
    "datamodule_hparams_name",
)
# What file systems without hard links say.
NO_LINKS = (errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS, errno.EXDEV, errno.EMLINK)


class CheckpointError(Exception):
    """No checkpoint of the run can be read, or it belongs to another net."""

    exit_code = 3


class AtomicCheckpointIO(CheckpointIO):
    """Lightning's plug-in for checkpoints, which hold tensors and plain containers only."""

    def save_checkpoint(
        self, checkpoint: dict[str, Any], path: str | Path, storage_options: Any = None
    ) -> None:
        """Write `checkpoint` to `path`; of last.ckpt, what stood there becomes previous.ckpt.

        Raises:
            ConfigurationError: It holds what cannot be read back without trust.
            OSError: Naming the path.
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
        """Read a checkpoint; never runs code from it, whatever the caller asks.

        Raises:
            zipfile.BadZipFile: A byte has changed. (torch.load would take wrong weights as they
                are, for it does not look at the checksums that torch.save has written.)
            ValueError: It is something else than a checkpoint.
        """
        with zipfile.ZipFile(path) as archive:
            damaged = archive.testzip()
        if damaged is not None:
            raise zipfile.BadZipFile(f"wrong checksum of {damaged}")
        checkpoint = torch.load(path, map_location=map_location or "cpu", weights_only=True)
        if not isinstance(checkpoint, dict) or "state_dict" not in checkpoint:
            raise ValueError("it holds no state_dict")
        return checkpoint

    def remove_checkpoint(self, path: str | Path) -> None:
        """Delete a checkpoint, if it is there."""
        Path(path).unlink(missing_ok=True)


def _to_bytes(checkpoint: dict[str, Any]) -> bytes:
    buffer = io.BytesIO()
    try:
        torch.save(checkpoint, buffer)
        torch.load(io.BytesIO(buffer.getvalue()), map_location="cpu", weights_only=True)
    except Exception as error:  # pickling can raise anything
        reason = str(error).strip().splitlines()[0]
        raise ConfigurationError(
            "a callback or the task puts something else than tensors and plain values into the "
            f"checkpoint, which could not be read back without trust ({reason})"
        ) from None
    return buffer.getvalue()


def _keep(path: Path) -> None:
    # A second name for the old file: at every moment one of the two names leads to it.
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
    except OSError:
        link.unlink(missing_ok=True)
        raise


def newest_readable(directory: Path) -> Path | None:
    """Return the newest checkpoint of a run that can be read; None where none was ever written.

    A corrupt one is reported and set aside, and the one before it is taken.

    Raises:
        CheckpointError: None can be read; beginning again would silently discard the run's work.
    """
    present = [path for name in (LAST, PREVIOUS) if (path := directory / name).exists()]
    damaged: list[Path] = []
    for path in present:
        try:
            AtomicCheckpointIO().load_checkpoint(path)
        except Exception as error:  # damaged bytes can raise anything
            reason = str(error).strip().splitlines()[0] if str(error).strip() else repr(error)
            log.warning("checkpoint %s cannot be read (%s)", path, reason)
            damaged.append(path)
        else:
            # Out of the way: the next save would put the damaged file in the place of this one.
            for each in damaged:
                each.replace(each.with_name(f"{each.name}.damaged"))
            return path
    if present:
        raise CheckpointError(
            f"no checkpoint in {directory} can be read; move that directory aside to begin the run "
            "again, or pass rerun=true"
        )
    return None
