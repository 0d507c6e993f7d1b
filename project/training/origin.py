"""A run goes on, and a variant is extended, with the data files and the kind of device it had."""

from dataclasses import replace
from typing import Any

from pytorch_lightning import LightningModule, Trainer
from pytorch_lightning.callbacks import Callback

from project.config.errors import ConflictError
from project.data.file_digest import file_digest
from project.runs.origin import check_variant
from project.runs.spec import RunSpec

RULES = {
    "device": "go on where there is one, or pass rerun=true",
    "source": "restore the data files, or pass rerun=true",
}


class OriginCheck(Callback):
    """Refuses to train on other data files than before, or to go on with another kind of device.

    It knows what the configuration cannot say: `accelerator=auto` stays as it was typed, and the
    `files` of a data module are there once it is set up.

    Args:
        spec: The run.

    Attributes:
        facts: `device`, and `source`, the SHA-256 of the data files, None where nobody knows.
    """

    def __init__(self, spec: RunSpec) -> None:
        self.spec = spec
        self.facts: dict[str, Any] = {}
        self._stored: dict[str, Any] = {}

    def state_dict(self) -> dict[str, Any]:
        """Return what a resumed run is held against."""
        return self.facts

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Remember what the run had when it was interrupted."""
        self._stored = state_dict

    def on_fit_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Compare; raises ConflictError."""
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
    """Return the SHA-256 of the files that a data module lists as `files`; None without any."""
    files = getattr(data, "files", None)
    return None if files is None else file_digest(files)


def check_source_of_variant(spec: RunSpec, source: str | None) -> None:
    """Raise ConflictError where runs of the variant, at any seed, had other data files."""
    if source is not None:
        check_variant(replace(spec, data=spec.data | {"source": source}))
