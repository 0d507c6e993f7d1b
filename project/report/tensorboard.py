"""TensorBoard curves over all seeds of a variant, computed from history.csv without torch.

`<variant>/mean` holds the mean over the seeds, `<variant>/mean minus std` and `plus std` a band of
one std. Tags are those of the runs' own event files. Equal runs give identical bytes.
"""

import re
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

import numpy as np

# These classes are generated on import, so a type checker does not know them.
from tensorboard.compat.proto.event_pb2 import Event  # type: ignore[missing-module-attribute]
from tensorboard.compat.proto.summary_pb2 import Summary  # type: ignore[missing-module-attribute]
from tensorboard.summary.writer.record_writer import RecordWriter

from project.results.records import RunRecord
from project.results.variants import Variant
from project.runs.tags import tag

# TensorBoard reads every file with `tfevents` in its name; its own writers add time and machine.
EVENTS = "events.out.tfevents.aggregate"
NO_QUANTITIES = ("epoch", "lr")
MAX_BANDS = 100  # variants: TensorBoard's checksums are slow, and more cannot be told apart
Curves = dict[str, tuple[list[int], np.ndarray]]  # epochs (E,) and values (runs, E) by metric


def write_aggregates(variants: Sequence[Variant], folder: Path, metric: str) -> None:
    """Write a folder of event files for each variant with completed runs.

    `metric`, without a stage, and the loss get bands, unless there are more variants than
    `MAX_BANDS` or there is only one run.

    Raises:
        CorruptRunError: The history of a run cannot be read.
    """
    for each in (each for each in variants if each.runs):
        curves, place, run = _curves(each), folder / folder_name(each), each.runs[0]
        _write(place / "mean" / EVENTS, run, curves, 0)
        if len(variants) <= MAX_BANDS and len(each.runs) > 1:
            banded = {
                name: own for name, own in curves.items()
                if name.partition("/")[2] in (metric, "loss")
            }  # fmt: skip
            _write(place / "mean minus std" / EVENTS, run, banded, -1)
            _write(place / "mean plus std" / EVENTS, run, banded, 1)


def folder_name(variant: Variant) -> str:
    """Return the label as a folder name; if characters were replaced, with the hash."""
    name = re.sub(r"[^\w.,=\[\]() -]", "_", variant.label, flags=re.ASCII)
    return name if name == variant.label else f"{name} {variant.anchor.partition('-')[2]}"


def _curves(variant: Variant) -> Curves:
    """Return the metrics that all runs have, over the epochs that all have; tests at the end."""
    histories = [run.columns() for run in variant.runs]
    epochs = [int(epoch) for epoch in min((each["epoch"] for each in histories), key=len)]
    curves = {
        name: (epochs, np.array([history[name][: len(epochs)] for history in histories]))
        for name in histories[0]
        if name not in NO_QUANTITIES and all(name in history for history in histories)
    }
    for name in sorted(variant.runs[0].metrics):
        if name.startswith("test/") and (values := variant.values(name)):
            curves[name] = epochs[-1:], np.array(values)[:, None]
    return curves


def _write(path: Path, run: RunRecord, curves: Curves, factor: int) -> None:
    """Write the means plus `factor` stds at the steps of the events of `run`."""
    summaries: dict[int, list[Summary.Value]] = defaultdict(list)
    for name, (epochs, values) in curves.items():
        ends = values.mean(axis=0)
        if factor:
            ends += factor * values.std(axis=0, ddof=1)
        for epoch, value in zip(epochs, ends.tolist(), strict=True):
            summaries[epoch].append(Summary.Value(tag=tag(name), simple_value=value))
    # The step is used as the time too, because a clock would make equal runs differ.
    events = [Event(wall_time=0, step=0, file_version="brain.Event:2")]
    steps = run.record.get("steps")
    for epoch, own in summaries.items():
        step = epoch * steps // run.epochs - 1 if steps and run.epochs else epoch
        events.append(Event(wall_time=step, step=step, summary=Summary(value=own)))
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path, "wb") as file:
        writer = RecordWriter(file)
        for event in events:
            writer.write(event.SerializeToString(deterministic=True))
