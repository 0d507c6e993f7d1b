"""Callbacks that record a run's data, device and predictions, or refuse to continue with others."""

import logging
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from pytorch_lightning import LightningDataModule, LightningModule, Trainer
from pytorch_lightning.callbacks import Callback

from project.config.errors import ConflictError
from project.data.digests import ExampleDigest
from project.data.file_digest import file_digest
from project.runs.atomic import replacing
from project.runs.origin import check_variant
from project.runs.spec import RunSpec

log = logging.getLogger(__name__)

PREDICTIONS = "predictions.npz"
RULES = {
    "device": "continue on a machine that has one, or pass rerun=true",
    "source": "restore the data files, or pass rerun=true",
}


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


class OriginCheck(Callback):
    """Callback that refuses to continue a run with other data files or another kind of device.

    It also compares the data files with those of the variant's other runs. Neither can be read off
    the configuration: `accelerator=auto` leaves the device open, and a data module lists its
    `files` only when it has been set up.

    Attributes:
        facts: `device` (such as "cpu") and `source` (`source_digest`).
    """

    def __init__(self, spec: RunSpec) -> None:
        self.spec = spec
        self.facts: dict[str, Any] = {}
        self._stored: dict[str, Any] = {}

    def state_dict(self) -> dict[str, Any]:
        """Return `facts`, which the checkpoint stores for comparison when the run is resumed."""
        return self.facts

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Remember the stored facts."""
        self._stored = state_dict

    def on_fit_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Raise ConflictError if the checkpoint or the variant has other facts; in one process."""
        if not trainer.is_global_zero:
            return
        source = source_digest(trainer.datamodule)  # type: ignore[attr-defined]
        self.facts = {"device": trainer.strategy.root_device.type, "source": source}
        for key, stored in self._stored.items():
            if stored != self.facts[key]:
                raise ConflictError(
                    f"{self.spec.directory.path} was begun with {key} {stored}, now it is "
                    f"{self.facts[key]}; {RULES[key]}"
                )
        check_source_of_variant(self.spec, source)


def source_digest(data: Any) -> str | None:
    """Return the SHA-256 of the files that a data module lists as `files`; None without a list."""
    files = getattr(data, "files", None)
    return None if files is None else file_digest(files)


def check_source_of_variant(spec: RunSpec, source: str | None) -> None:
    """Raise ConflictError if a run of the variant, at any seed, had other data files (`source`)."""
    if source is not None:
        check_variant(replace(spec, data=spec.data | {"source": source}))
