"""The files that a run writes beside its record: history, predictions, weights and events."""

import csv
import io
from collections.abc import Iterable, Sequence
from pathlib import Path

from torch.utils.tensorboard import SummaryWriter

from project.disk.data import Points
from project.disk.training import Outcome, Row
from project.framework import save
from project.runs.atomic import write_text
from project.runs.tags import tag

HISTORY, PREDICTIONS, WEIGHTS = "history.csv", "predictions.csv", "last.json"


def csv_text(header: Sequence[str], rows: Iterable[Sequence[float | str]]) -> str:
    """Return CSV text; floats get their shortest exact spelling, so equal runs give equal bytes."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(header)
    writer.writerows(rows)
    return text.getvalue()


def predictions_csv(points: Points, outcome: Outcome) -> str:
    """Return the text of predictions.csv: a line `x,y,label,prediction` for each test point.

    Coordinates have nine significant digits, which represent a float32 exactly.
    """
    columns = zip(
        points.coordinates.tolist(),
        points.labels.tolist(),
        outcome.predictions.tolist(),
        strict=True,
    )
    rows = ((f"{x:.9g}", f"{y:.9g}", label, predicted) for (x, y), label, predicted in columns)
    return csv_text(("x", "y", "label", "prediction"), rows)


def write_events(directory: Path, history: list[Row], metrics: Row) -> None:
    """Write TensorBoard events: `train/loss` as `loss/train`, so that stages share a chart.

    Existing event files in `directory` are deleted first: those of an unfinished attempt would show
    every epoch twice.

    Args:
        directory: The run directory.
        history: A row for each epoch.
        metrics: The final metrics.
    """
    for unfinished in directory.glob("events.out.tfevents.*"):
        unfinished.unlink()
    with SummaryWriter(str(directory)) as events:
        for row in history:
            for name, value in row.items():
                if name.endswith(("/accuracy", "/loss")):  # the error is 1 - accuracy
                    events.add_scalar(tag(name), value, int(row["epoch"]))
        for name, value in metrics.items():
            if name in ("test/accuracy", "test/loss"):
                events.add_scalar(tag(name), value, len(history))


def write_outcome(directory: Path, outcome: Outcome, test: Points) -> None:
    """Write all files of a run except its record, which is written last and completes the run."""
    rows = (list(row.values()) for row in outcome.history)
    write_text(directory / HISTORY, csv_text(list(outcome.history[0]), rows))
    write_text(directory / PREDICTIONS, predictions_csv(test, outcome))
    save(outcome.state, directory / WEIGHTS)
    write_events(directory, outcome.history, outcome.metrics)
