"""Find the run that the name `best` stands for: the one with the best validation value."""

from pathlib import Path

from project.results.metrics import own_metric
from project.results.reading import read_runs
from project.results.records import RunRecord
from project.runs.lifecycle import metric_text
from project.runs.record import NoRunError


def find_best(outputs: Path) -> tuple[RunRecord, str]:
    """Return the run with the best validation value under an output folder, and why it was chosen.

    Raises:
        NoRunError: No run of project.train has completed with a validation value, or they belong to
            several tasks or data sets.
        ConfigurationError: The records of the runs name different metrics.
    """
    found = [
        run
        for run in read_runs(outputs)[0]
        if run.record.get("command") == "train"
        and f"val/{run.record['metric']['name']}" in run.metrics
    ]
    if not found:
        raise NoRunError(
            f"there is no completed run with a validation metric in {outputs / 'runs'}; "
            "python -m project.train makes one"
        )
    kinds = sorted({f"task={run.task} data={run.dataset}" for run in found})
    if len(kinds) > 1:
        raise NoRunError(
            f"the runs in {outputs / 'runs'} are of several experiments ({'; '.join(kinds)}), "
            "so none can be called the best; name one: run=DIRECTORY"
        )
    metric = own_metric(found)
    best = min(found, key=lambda run: metric.sign * run.metrics[metric.validation])
    value = metric_text(metric.name, best.metrics[metric.validation])
    word = "lowest" if metric.sign > 0 else "highest"
    plural = "s" * (len(found) != 1)
    return best, (
        f"the {word} validation {metric.name}, {value}, of {len(found)} completed run{plural}"
    )
