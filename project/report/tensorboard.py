"""Aggregate TensorBoard runs: ten seeds as one curve, computed from history.csv, without torch.

`<arm>/mean` holds the mean over the arm's seeds, `<arm>/mean minus deviation` and `... plus
deviation`, for errors, accuracies and losses, the edges of a band of one standard deviation. The
tags are those of the runs' own events, so that one chart shows an arm beside its seeds. Equal runs
give equal bytes.
"""

import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

# Generated when they are imported, so unknown to a type checker.
from tensorboard.compat.proto.event_pb2 import Event  # type: ignore[missing-module-attribute]
from tensorboard.compat.proto.summary_pb2 import Summary  # type: ignore[missing-module-attribute]
from tensorboard.summary.writer.record_writer import RecordWriter

from project.report.arms import Arm
from project.runs.tags import tag

# TensorBoard reads every file with `tfevents` in its name; its own writers add time and machine.
EVENTS = "events.out.tfevents.aggregate"
NO_QUANTITIES = ("epoch", "lr")
EDGES = {"mean": 0, "mean minus deviation": -1, "mean plus deviation": 1}
# TensorBoard's checksums are slow Python: bands for what is looked at, not for every quantity, and
# not where there are so many arms that nobody could tell their curves apart.
BANDS = ("error", "accuracy", "loss")
MOST_BANDS = 100

Scalars = dict[int, dict[str, float]]  # epoch -> tag -> value


def write_aggregates(arms: Sequence[Arm], folder: Path) -> None:
    """A folder for every arm with completed runs under `folder`; raises DamagedRunError.

    Of more than `MOST_BANDS` arms the means alone.
    """
    edges = EDGES if len(arms) <= MOST_BANDS else {"mean": 0}
    for arm in arms:
        if arm.runs:
            for edge, scalars in aggregate(arm, edges).items():
                _write(folder / folder_name(arm) / edge / EVENTS, scalars)


def folder_name(arm: Arm) -> str:
    """The arm's label; where that could not be a folder's name, one that can."""
    plain = re.sub(r"[^\w.,=\[\]() -]", "_", arm.label, flags=re.ASCII)
    return plain if plain == arm.label else f"{plain} {arm.arm_hash}"


def aggregate(arm: Arm, edges: Mapping[str, int]) -> dict[str, Scalars]:
    """The arm's mean plus so many deviations, for each of `edges`; of a single run the mean alone.

    Only the epochs and quantities that all runs have. Test values stand at the last epoch, as in
    the runs' own events.
    """
    histories = [run.columns("history.csv") for run in arm.runs]
    epochs = [int(epoch) for epoch in min((each["epoch"] for each in histories), key=len)]
    by_epoch = {
        name: np.array([history[name][: len(epochs)] for history in histories])
        for name in histories[0]
        if name not in NO_QUANTITIES and all(name in history for history in histories)
    }
    at_the_end = {
        name: np.array([[value] for value in arm.values(name)])
        for name in sorted(set.intersection(*(set(run.metrics) for run in arm.runs)))
        if name.startswith("test/")
    }
    aggregates = {}
    for edge, factor in edges.items():
        if factor and len(arm.runs) == 1:
            continue
        scalars: Scalars = defaultdict(dict)
        for name, values in (by_epoch | at_the_end).items():
            if factor and name.partition("/")[2] not in BANDS:
                continue
            steps = epochs if name in by_epoch else epochs[-1:]
            edge_values = values.mean(axis=0)
            if factor:
                edge_values = edge_values + factor * values.std(axis=0, ddof=1)
            for epoch, value in zip(steps, edge_values.tolist(), strict=True):
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
