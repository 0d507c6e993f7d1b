"""Callbacks that record a run's test data and predictions during the test."""

import logging
from pathlib import Path
from typing import Any

import numpy as np
import torch
from pytorch_lightning import LightningModule, Trainer
from pytorch_lightning.callbacks import Callback

from project.data.digests import ExampleDigest
from project.runs.atomic import replacing

log = logging.getLogger(__name__)

PREDICTIONS = "predictions.npz"


class DataDigests(Callback):
    """Callback that computes a digest of the test examples during the test.

    Attributes:
        test: The digest of the examples in the loader's batches; empty if the data module has its
            own `example_digest`.
    """

    def __init__(self) -> None:
        self.test = ExampleDigest()

    def on_test_batch_start(
        self,
        trainer: Trainer,
        pl_module: LightningModule,
        batch: Any,
        batch_idx: int,
        dataloader_idx: int = 0,
    ) -> None:
        """Add the batch to the digest, unless the data module has its own `example_digest`."""
        if not callable(getattr(getattr(trainer, "datamodule", None), "example_digest", None)):
            self.test.add_batch(batch)


class Predictions(Callback):
    """Callback that collects the outputs of `test_step` if it returns `prediction` and `target`."""

    def __init__(self) -> None:
        self._kept: dict[str, list[torch.Tensor]] = {"prediction": [], "target": []}

    def on_test_batch_end(
        self,
        trainer: Trainer,
        pl_module: LightningModule,
        outputs: Any,
        batch: Any,
        batch_idx: int,
        dataloader_idx: int = 0,
    ) -> None:
        """Store a batch's predictions and targets if `outputs` holds both as tensors."""
        if isinstance(outputs, dict) and all(
            isinstance(outputs.get(key), torch.Tensor) for key in self._kept
        ):
            for key, values in self._kept.items():
                values.append(outputs[key].detach().cpu())

    def write(self, directory: Path) -> None:
        """Write predictions.npz into `directory`; do nothing if no predictions were collected.

        If the batches' tensors cannot be joined, log a warning and write nothing.
        """
        if not self._kept["prediction"]:
            return
        try:
            arrays: Any = {key: _compact(torch.cat(each)) for key, each in self._kept.items()}
        except RuntimeError:
            log.warning("the predictions of the test batches do not fit together", exc_info=True)
            return
        with replacing(directory / PREDICTIONS) as file:
            np.savez_compressed(file, **arrays)


def _compact(values: torch.Tensor) -> np.ndarray:
    array = values.float().numpy() if values.is_floating_point() else values.numpy()
    if array.dtype.kind in "iu" and array.size:
        return array.astype(np.min_scalar_type(array.max() if array.min() >= 0 else array.min()))
    return array
