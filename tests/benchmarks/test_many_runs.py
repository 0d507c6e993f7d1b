"""The made-up runs are runs to the project, or a benchmark of reading them would say nothing."""

from pathlib import Path

from project.results.reading import read_runs
from project.results.variants import group
from tests.benchmarks.many_runs import MODELS, fill


def test_made_up_runs_are_completed_runs_of_different_variants(tmp_path: Path) -> None:
    fill(tmp_path, variants=7, seeds=3)
    runs, problems = read_runs(tmp_path, histories=True)
    assert problems == []
    assert [len(each.runs) for each in group(runs)] == [3] * 7
    assert {run.model for run in runs} == set(MODELS)
    for run in runs:
        columns = run.columns()
        assert columns["epoch"] == list(range(1, 26))
        assert columns["lr"][0] == run.config["optimizer"]["lr"]
        assert columns["val/loss"][-1] == run.metrics["val/loss"]
