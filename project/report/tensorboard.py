"""Aggregate TensorBoard runs: ten seeds as one curve, computed from history.csv, without torch.

`<variant>/mean` holds the mean over the variant's seeds, `<variant>/mean minus std` and `... plus
std`, for the metric that judges and for losses, the edges of a band of one std. The tags are those
of the runs' own events, so that one chart shows a variant beside its seeds. Equal runs give equal
bytes.
"""

import re
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

import numpy as np

# Generated when they are imported, so unknown to a type checker.
from tensorboard.compat.proto.event_pb2 import Event  # type: ignore[missing-module-attribute]
from tensorboard.compat.proto.summary_pb2 import Summary  # type: ignore[missing-module-attribute]
from tensorboard.summary.writer.record_writer import RecordWriter

from project.results.variants import Variant
from project.runs.tags import tag

# TensorBoard reads every file with `tfevents` in its name; its own writers add time and machine.
EVENTS = "events.out.tfevents.aggregate"
NO_QUANTITIES = ("epoch", "lr")
EDGES = {"mean": 0, "mean minus std": -1, "mean plus std": 1}
# TensorBoard's checksums are slow Python: no bands where there are so many variants that nobody
# could tell their curves apart.
MAX_BANDS = 100

Scalars = dict[int, dict[str, float]]  # epoch -> tag -> value


def write_aggregates(variants: Sequence[Variant], folder: Path, metric: str) -> None:
    """Write a folder for every variant with completed runs; of very many the means alone.

    Raises:
        CorruptRunError: A history cannot be read.
    """
    edges = EDGES if len(variants) <= MAX_BANDS else {"mean": 0}
    for each in variants:
        if each.runs:
            for edge, scalars in aggregate(each, edges, {metric, "loss"}).items():
                _write(folder / folder_name(each) / edge / EVENTS, scalars)


def folder_name(variant: Variant) -> str:
    """Return the variant's label; where that could not be a folder's name, one that can."""
    name = re.sub(r"[^\w.,=\[\]() -]", "_", variant.label, flags=re.ASCII)
    return name if name == variant.label else f"{name} {variant.anchor.partition('-')[2]}"


def aggregate(
    variant: Variant, edges: Mapping[str, int], bands: Collection[str]
) -> dict[str, Scalars]:
    """Return the variant's mean plus so many stds, for each of `edges`; of one run the mean alone.

    Only the epochs and quantities that all runs have. Test values stand at the last epoch.
    """
    histories = [run.columns() for run in variant.runs]
    epochs = [int(epoch) for epoch in min((each["epoch"] for each in histories), key=len)]
    by_epoch = {
        name: np.array([history[name][: len(epochs)] for history in histories])
        for name in histories[0]
        if name not in NO_QUANTITIES and all(name in history for history in histories)
    }
    at_the_end = {
        name: np.array([[value] for value in values])
        for name in sorted(variant.runs[0].metrics)
        if name.startswith("test/") and (values := variant.values(name))
    }
    aggregates = {}
    for edge, factor in edges.items():
        if factor and len(variant.runs) == 1:
            continue
        scalars: Scalars = defaultdict(dict)
        for name, values in (by_epoch | at_the_end).items():
            if factor and name.partition("/")[2] not in bands:
                continue
            steps = epochs if name in by_epoch else epochs[-1:]
            ends = values.mean(axis=0)
            if factor:
                ends = ends + factor * values.std(axis=0, ddof=1)
            for epoch, value in zip(steps, ends.tolist(), strict=True):
                scalars[epoch][tag(name)] = value
        aggregates[edge] = dict(scalars)
    return aggregates


def _write(path: Path, scalars: Scalars) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path, "wb") as file:
        writer = RecordWriter(file)
        # The epoch stands for the time as well: a clock would make equal runs differ.
        events = [Event(wall_time=0, step=0, file_version="brain.Event:2")]
        for epoch, values in scalars.items():
            named = [Summary.Value(tag=name, simple_value=value) for name, value in values.items()]
            events.append(Event(wall_time=epoch, step=epoch, summary=Summary(value=named)))
        for event in events:
            writer.write(event.SerializeToString(deterministic=True))
