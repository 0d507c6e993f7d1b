"""TensorBoard curves over all seeds of a variant, computed from history.csv without torch.

`<variant>/mean` holds the mean over the seeds, `<variant>/mean minus std` and `plus std` a band of
one std. Tags are those of the runs' own event files. Equal runs give identical bytes.
"""

import re
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
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
EDGES = {"mean": 0, "mean minus std": -1, "mean plus std": 1}
# With more variants no bands are written: TensorBoard's checksums are slow Python, and so many
# curves cannot be told apart.
MAX_BANDS = 100

Scalars = dict[int, dict[str, float]]  # step -> tag -> value


def write_aggregates(variants: Sequence[Variant], folder: Path, metric: str) -> None:
    """Write a folder of event files for each variant with completed runs.

    `metric`, without a stage, and the loss get bands, unless there are more variants than
    `MAX_BANDS`.

    Raises:
        CorruptRunError: The history of a run cannot be read.
    """
    edges = EDGES if len(variants) <= MAX_BANDS else {"mean": 0}
    for each in variants:
        if each.runs:
            for edge, scalars in aggregate(each, edges, {metric, "loss"}).items():
                _write(folder / folder_name(each) / edge / EVENTS, scalars)


def folder_name(variant: Variant) -> str:
    """Return the label as a folder name; if characters were replaced, with the hash."""
    name = re.sub(r"[^\w.,=\[\]() -]", "_", variant.label, flags=re.ASCII)
    return name if name == variant.label else f"{name} {variant.anchor.partition('-')[2]}"


def aggregate(
    variant: Variant, edges: Mapping[str, int], bands: Collection[str]
) -> dict[str, Scalars]:
    """Return the mean plus `factor` stds over the variant's runs by edge, step and tag.

    Only epochs and metrics that all runs have are included. Test values belong to the last epoch.

    Args:
        variant: A variant with completed runs.
        edges: The factor by name. A single run has only edges of factor 0.
        bands: The metrics, without a stage, for which edges of other factors are computed.
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
            ends_of = epochs if name in by_epoch else epochs[-1:]
            ends = values.mean(axis=0)
            if factor:
                ends = ends + factor * values.std(axis=0, ddof=1)
            for epoch, value in zip(ends_of, ends.tolist(), strict=True):
                scalars[_step(variant.runs[0], epoch)][tag(name)] = value
        aggregates[edge] = dict(scalars)
    return aggregates


def _step(run: RunRecord, epoch: int) -> int:
    """Return an epoch's last step, as in the run's own events; the epoch if unknown."""
    steps = run.record.get("steps")
    return epoch if steps is None or not run.epochs else epoch * steps // run.epochs - 1


def _write(path: Path, scalars: Scalars) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path, "wb") as file:
        writer = RecordWriter(file)
        # The step is used as the time too, because a clock would make equal runs differ.
        events = [Event(wall_time=0, step=0, file_version="brain.Event:2")]
        for step, values in scalars.items():
            named = [Summary.Value(tag=name, simple_value=value) for name, value in values.items()]
            events.append(Event(wall_time=step, step=step, summary=Summary(value=named)))
        for event in events:
            writer.write(event.SerializeToString(deterministic=True))
