"""The HParams tab: every run a row, every key of its configuration a column.

TensorBoard makes the columns from all runs' session summaries together, as long as no run writes an
experiment summary: that would fix the columns to its own.
"""

from typing import Any

from tensorboard.compat.proto.summary_pb2 import Summary
from tensorboard.plugins.hparams import metadata
from tensorboard.plugins.hparams.api_pb2 import Status
from tensorboard.plugins.hparams.plugin_data_pb2 import (
    HParamsPluginData,
    SessionEndInfo,
    SessionStartInfo,
)

from project.runs.identity import Run

Hyperparameters = dict[str, bool | float | str]


def hyperparameters(run: Run, parameters: int) -> Hyperparameters:
    """What distinguishes `run` from others, under the keys of the command line.

    parameters: number of trainable parameters of its net. Lists become text; a class stands as its
    name under the section's own.
    """
    flat: Hyperparameters = {"model": run.model, "seed": run.seed, "parameters": parameters}
    for section, values in run.arm.items():
        for key, value in values.items():
            name = f"{section}.{key}"
            if key == "_target_":
                name, value = section, str(value).rpartition(".")[2]
            # The row's name says more than its class, which many rows share.
            flat.setdefault(name, _plain(value))
    return flat


def _plain(value: Any) -> bool | float | str:
    return value if isinstance(value, bool | int | float | str) else str(value)


def session_start(values: Hyperparameters, seconds: float) -> Summary:
    """The beginning of a run, `seconds` after the epoch.

    No group is named, so the run's place in the folder is its name; a run that is moved aside keeps
    a row of its own.
    """
    info = SessionStartInfo(start_time_secs=seconds)
    for name, value in values.items():
        if isinstance(value, bool):
            info.hparams[name].bool_value = value
        elif isinstance(value, str):
            info.hparams[name].string_value = value
        else:
            info.hparams[name].number_value = value
    return _summary(metadata.SESSION_START_INFO_TAG, HParamsPluginData(session_start_info=info))


def session_end(seconds: float) -> Summary:
    """The end of a run that succeeded, `seconds` after the epoch.

    Of several ends TensorBoard heeds the first alone: a run that fails or is interrupted may be
    resumed, and writes none.
    """
    info = SessionEndInfo(status=Status.STATUS_SUCCESS, end_time_secs=seconds)
    return _summary(metadata.SESSION_END_INFO_TAG, HParamsPluginData(session_end_info=info))


def _summary(tag: str, data: HParamsPluginData) -> Summary:
    description = metadata.create_summary_metadata(data)
    value = Summary.Value(tag=tag, metadata=description, tensor=metadata.NULL_TENSOR)
    return Summary(value=[value])
