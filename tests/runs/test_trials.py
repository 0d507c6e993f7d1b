"""A study's history comes back as it was written; a damaged one is named."""

from pathlib import Path

import pytest

from project.runs.record import CorruptRunError
from project.runs.trials import (
    COMPLETE,
    FAILED,
    FOLDER,
    HISTORY,
    PRUNED,
    History,
    Trial,
    read_histories,
)

STUDY = History(
    study="width",
    objective="val/error",
    seeds=[100, 101],
    words=["model=basic"],
    space={"optimizer.lr": "0.1 to 1"},
    sampler="a.Sampler",
    pruner="a.Pruner",
    versions={"optuna": "5"},
    trials=[
        Trial(0, COMPLETE, {"optimizer.lr": 0.5}, 0.02, {"100": 0.01, "101": 0.03}),
        Trial(1, PRUNED, {"optimizer.lr": 0.1}, 0.01, {"100": 0.01}),
        Trial(2, FAILED, {"optimizer.lr": 1.0}, None, {}),
        Trial(3, COMPLETE, {"optimizer.lr": 0.6}, 0.015, {"100": 0.01, "101": 0.02}),
    ],
)


def test_what_was_written_is_read(tmp_path: Path) -> None:
    assert read_histories(tmp_path) == []
    for name in ("b", "a"):
        (tmp_path / FOLDER / name).mkdir(parents=True)
        STUDY.write(tmp_path / FOLDER / name)
    assert read_histories(tmp_path) == [STUDY, STUDY]


def test_the_best_trial_is_a_complete_one() -> None:
    assert STUDY.best == STUDY.trials[3]


@pytest.mark.parametrize("content", ["", "{}", '{"trials": [{"number": 1}]}', "[]"])
def test_a_damaged_history_is_named(tmp_path: Path, content: str) -> None:
    path = tmp_path / FOLDER / "a" / HISTORY
    path.parent.mkdir(parents=True)
    path.write_text(content)
    with pytest.raises(CorruptRunError, match=r"trials\.json cannot be read .* move it away"):
        read_histories(tmp_path)
