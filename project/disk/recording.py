"""The files that a run writes beside its record: history, predictions, weights and events."""

import csv
import io
from collections.abc import Iterable
from pathlib import Path

from torch.utils.tensorboard import SummaryWriter

from project.disk.data import Points
from project.disk.training import Outcome, Row
from project.framework import save
from project.runs.atomic import write_text
from project.runs.tags import tag


def write_outcome(directory: Path, outcome: Outcome, test: Points) -> None:
    """Write all files of a run except its record, which is written last and completes the run.

    Coordinates have nine significant digits, which represent a float32 exactly.
    """
    points = zip(
        test.coordinates.tolist(), test.labels.tolist(), outcome.predictions.tolist(), strict=True
    )
    predictions = ((f"{x:.9g}", f"{y:.9g}", label, guess) for (x, y), label, guess in points)
    history = outcome.history
    _write_csv(directory / "history.csv", history[0], (row.values() for row in history))
    _write_csv(directory / "predictions.csv", ("x", "y", "label", "prediction"), predictions)
    save(outcome.state, directory / "last.json")
    _write_events(directory, outcome.history, outcome.metrics)


def _write_csv(path: Path, header: Iterable[str], rows: Iterable[Iterable[float | str]]) -> None:
    """Write a table; floats get their shortest exact spelling, so equal runs give equal bytes."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(header)
    writer.writerows(rows)
    write_text(path, text.getvalue())


def _write_events(directory: Path, history: list[Row], metrics: Row) -> None:
    """Write TensorBoard events: `train/loss` as `loss/train`, so that stages share a chart.

    Those of an unfinished attempt are deleted first: they would show every epoch twice.
    """
    for unfinished in directory.glob("events.out.tfevents.*"):
        unfinished.unlink()
    with SummaryWriter(str(directory)) as events:
        for row in history:
            for name, value in row.items():
                if name.endswith(("/accuracy", "/loss")):  # the error is 1 - accuracy
                    events.add_scalar(tag(name), value, int(row["epoch"]))
        for name in ("test/accuracy", "test/loss"):
            events.add_scalar(tag(name), metrics[name], len(history))
