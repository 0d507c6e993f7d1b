"""The best run is that of the best validation value."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from project.results.best import find_best
from project.runs.record import NoRunError
from tests.results.stored_runs import change_record, write_run


def test_the_best_run_is_that_of_the_lowest_validation_error(tmp_path: Path) -> None:
    """A lower test error counts for nothing, nor does a run that is not completed."""
    for seed, (validation, test) in enumerate([(0.05, 0.01), (0.02, 0.06), (0.02, 0.01)]):
        write_run(tmp_path, seed=seed, error=test, val_error=validation)
    write_run(tmp_path, seed=7, val_error=float("nan"))
    write_run(tmp_path, seed=8, metrics={"test/error": 0.0})
    write_run(tmp_path, seed=9, val_error=0.001, status="failed")
    write_run(tmp_path, model="disk", val_error=0.001, record={"command": "disk"})
    damaged = write_run(tmp_path, seed=10, val_error=0.001)
    (damaged / "run.json").write_text("{")
    best, why = find_best(tmp_path)
    assert best.directory.name == "seed_1"
    assert why == "the lowest validation error, 2.00 %, of 3 completed runs"


def test_a_metric_of_which_more_is_better_is_the_highest(tmp_path: Path) -> None:
    accuracy = {"name": "accuracy", "direction": "max"}
    for seed, value in enumerate([0.5, 0.9, 0.7]):
        metrics = {"val/accuracy": value, "test/accuracy": 1 - value}
        write_run(
            tmp_path, seed=seed, metrics=metrics, metric=accuracy, record={"metric": accuracy}
        )
    best, why = find_best(tmp_path)
    assert best.directory.name == "seed_1"
    assert why == "the highest validation accuracy, 90.00 %, of 3 completed runs"


@pytest.mark.parametrize(
    ("other", "named"),
    [
        ({"origin": {"data": {"dataset": "mnist_5k"}}}, "task=digit_pairs data=mnist_5k"),
        ({"record": {"task": "image_classification"}}, "task=image_classification data=mnist"),
    ],
)
def test_of_several_experiments_no_run_is_the_best(
    tmp_path: Path, other: dict[str, Any], named: str
) -> None:
    write_run(tmp_path, seed=0)
    write_run(tmp_path, seed=1, optimizer__lr=0.5, **other)
    with pytest.raises(NoRunError, match="are of several experiments") as error:
        find_best(tmp_path)
    assert "task=digit_pairs data=mnist" in str(error.value)
    assert named in str(error.value)
    assert str(error.value).endswith("name one: run=DIRECTORY")


def test_where_there_is_no_run_there_is_no_best(tmp_path: Path) -> None:
    with pytest.raises(NoRunError, match=r"no completed run .* python -m project\.train makes one"):
        find_best(tmp_path)


def test_a_run_that_was_moved_to_the_trash_is_not_the_best(finished_run: Path) -> None:
    outputs = finished_run.parents[2]
    trash = outputs / "trash" / finished_run.parent.name
    trash.mkdir(parents=True)
    shutil.copytree(finished_run, trash / "seed_0.1")
    better = json.loads((finished_run / "run.json").read_text())["metrics"] | {"val/error": 0.0}
    change_record(trash / "seed_0.1", metrics=better)
    assert find_best(outputs)[0].directory == finished_run
