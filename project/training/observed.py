"""Callbacks that record a run's test data and predictions during the test."""

import logging
from pathlib import Path
from typing import Any

import numpy as np
import torch
from pytorch_lightning import LightningDataModule, LightningModule, Trainer
from pytorch_lightning.callbacks import Callback

from project.data.digests import ExampleDigest
from project.runs.atomic import replacing

log = logging.getLogger(__name__)

PREDICTIONS = "predictions.npz"


class DataDigests(Callback):
    """Callback that computes a digest of the test examples during the test.

    A data module that has a method `example_digest(stage)` computes its digests itself.
    """

    def __init__(self, data: LightningDataModule) -> None:
        self._own = getattr(data, "example_digest", None)
        self._test = ExampleDigest()

    def on_test_batch_start(
        self, trainer: Trainer, pl_module: LightningModule, batch: Any, *_: Any, **__: Any
    ) -> None:
        """Add the batch to the digest."""
        if self._own is None:
            self._test.add_batch(batch)

    def facts(self) -> dict[str, str | None]:
        """Return the SHA-256 of the `test` examples and, if the data module has it, of `train`."""
        if self._own is not None:
            return {stage: self._own(stage) for stage in ("train", "test")}
        return {"test": self._test.hexdigest()}


class Predictions(Callback):
    """Callback that collects the outputs of `test_step` if it returns `prediction` and `target`."""

    def __init__(self) -> None:
        self._kept: dict[str, list[torch.Tensor]] = {"prediction": [], "target": []}

    def on_test_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, *_: Any, **__: Any
    ) -> None:
        """Store a batch's predictions and targets if `outputs` holds both as tensors."""
        if isinstance(outputs, dict) and all(
            isinstance(outputs.get(key), torch.Tensor) for key in self._kept
        ):
            for key, values in self._kept.items():
                values.append(outputs[key].detach().cpu())

    def write(self, directory: Path) -> None:
        """Write predictions.npz into `directory`, if there are predictions that can be joined."""
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
