"""Check that a run continues with the data files and kind of device with which it was begun."""

from dataclasses import replace
from typing import Any

from pytorch_lightning import LightningModule, Trainer
from pytorch_lightning.callbacks import Callback

from project.config.errors import ConflictError
from project.data.file_digest import file_digest
from project.runs.origin import check_variant
from project.runs.spec import RunSpec

RULES = {
    "device": "continue on a machine that has one, or pass rerun=true",
    "source": "restore the data files, or pass rerun=true",
}


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
