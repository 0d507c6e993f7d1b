"""Logger for TensorBoard that groups a metric's stages and shows each run in the HParams tab."""

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pytorch_lightning.loggers import TensorBoardLogger
from tensorboard.compat.proto.summary_pb2 import Summary
from tensorboard.plugins.hparams import metadata
from tensorboard.plugins.hparams.api_pb2 import Status
from tensorboard.plugins.hparams.plugin_data_pb2 import (
    HParamsPluginData,
    SessionEndInfo,
    SessionStartInfo,
)

from project.runs.tags import tag

STAGES = ("train", "val", "test")


class RunTensorBoardLogger(TensorBoardLogger):
    """Logger that writes a run's events to its directory and continues them after a resume.

    TensorBoard hides earlier events from `first_step` on, the first step that is logged again.
    """

    def __init__(self, directory: str | Path, first_step: int = 0) -> None:
        super().__init__(
            save_dir=str(directory),
            name="",
            version="",
            default_hp_metric=False,
            purge_step=first_step,
        )
        self._is_described = False
        self._epoch_step: int | None = None

    def log_metrics(self, metrics: Mapping[str, float], step: int | None = None) -> None:
        """Write scalars and flush them, so that TensorBoard and a resumed run see them at once."""
        scalars = {tag(name): value for name, value in metrics.items()}
        if "epoch" in scalars:  # Lightning adds it to each call; a step may have several calls
            if step == self._epoch_step:
                del scalars["epoch"]
            self._epoch_step = step
        super().log_metrics(scalars, step)
        self.experiment.flush()

    def log_hyperparams(self, params: Any, metrics: Any = None, step: int | None = None) -> None:
        """Write the run's row of the HParams tab at the first call; ignore later calls.

        Lightning makes later ones, for modules that call `save_hyperparameters`.
        """
        # A session summary alone: an experiment summary would fix the columns of all runs.
        if not self._is_described:
            self._is_described = True
            start = HParamsPluginData(session_start_info=_session_start(params))
            self._add(metadata.SESSION_START_INFO_TAG, start)

    def finish(
        self, title: str, params: Mapping[str, Any], metrics: Mapping[str, float], step: int
    ) -> None:
        """Write a layout of charts, a text card and the end of session of a completed run."""
        names = sorted({metric.partition("/")[2] for metric in metrics if "/" in metric})
        charts = {  # train and val of each metric in one chart
            name.replace("_", " "): ["Multiline", [f"^{tag(f'{s}/{name}')}$" for s in STAGES[:2]]]
            for name in names
        }
        self.experiment.add_custom_scalars({"train and validation": charts})
        self.experiment.add_text("card", card(title, params, metrics), step)
        # TensorBoard uses the first end of session only. A run that fails or is interrupted may be
        # resumed, so only a completed run writes one.
        end = SessionEndInfo(status=Status.STATUS_SUCCESS, end_time_secs=time.time())
        self._add(metadata.SESSION_END_INFO_TAG, HParamsPluginData(session_end_info=end))
        self.experiment.flush()

    def save(self) -> None:
        """Flush the events; write no hparams.yaml, because config.yaml holds the settings."""
        self.experiment.flush()

    def _add(self, name: str, data: HParamsPluginData) -> None:
        description = metadata.create_summary_metadata(data)
        value = Summary.Value(tag=name, metadata=description, tensor=metadata.NULL_TENSOR)
        writer = self.experiment.file_writer
        assert writer is not None
        writer.add_summary(Summary(value=[value]), 0)


def card(title: str, params: Mapping[str, Any], metrics: Mapping[str, float]) -> str:
    """Return a run's final metrics (`<stage>/<name>`) and settings as two Markdown tables."""
    quantities = sorted({name.partition("/")[2] for name in metrics if name.startswith(STAGES)})
    lines = [f"### {title}", "", "| result | train | validation | test |", "|---|---|---|---|"]
    for quantity in quantities:
        values = [metrics.get(f"{stage}/{quantity}") for stage in STAGES]
        cells = ["" if value is None else f"{value:.6g}" for value in values]
        lines.append(f"| {quantity.replace('_', ' ')} | {' | '.join(cells)} |")
    lines += ["", "#### configuration", "", "| key | value |", "|---|---|"]
    lines += [f"| `{key}` | {value} |" for key, value in params.items()]
    return "\n".join(lines)


def _session_start(params: Mapping[str, Any]) -> SessionStartInfo:
    # Without a group name TensorBoard names the session by its directory.
    info = SessionStartInfo(start_time_secs=time.time())
    for name, value in params.items():
        if isinstance(value, bool):
            info.hparams[name].bool_value = value
        elif isinstance(value, int | float):
            info.hparams[name].number_value = value
        else:
            info.hparams[name].string_value = str(value)
    return info
