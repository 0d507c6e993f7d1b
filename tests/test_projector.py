"""Claims about `python -m project.projector`: the run's own weights on its own test pairs."""

import csv
import json
import subprocess
import sys
from pathlib import Path

import pytest

from project.projector import ProjectorError, show
from tests.trained_runs import train_here


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A completed run of each model, by its name."""
    outputs = tmp_path_factory.mktemp("outputs")
    names = ("basic", "ws_al_bn_do")
    return {name: train_here(outputs, f"model={name}", "seed=3") for name in names}


def record(run: Path) -> dict:
    return json.loads((run / "run.json").read_text())


def test_what_the_points_say_is_what_the_run_measured(runs: dict[str, Path]) -> None:
    """The share of digits that are read wrong is the record's, to the last digit."""
    run = runs["ws_al_bn_do"]
    folder = show(run)
    assert folder.is_relative_to(run)
    lines = (folder / "labels.tsv").read_text().splitlines()
    labels = list(csv.DictReader(lines, delimiter="\t"))
    assert len(labels) == 2 * 20
    wrong = [label["right"] for label in labels].count("no")
    assert wrong / 40 == pytest.approx(record(run)["metrics"]["test/digit_error"])
    by_pair = [
        (int(a["digit"]), int(b["digit"])) for a, b in zip(labels[::2], labels[1::2], strict=True)
    ]
    assert len(set(by_pair)) > 5


def test_the_command_says_where_the_files_are(runs: dict[str, Path]) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "project.projector", str(runs["ws_al_bn_do"])],
        capture_output=True,
        text=True,
        timeout=240,
        check=True,
    )
    folder, what_next = done.stdout.splitlines()
    assert Path(folder, "projector_config.pbtxt").exists()
    assert "make dashboard" in what_next


def test_bad_input_is_refused_by_name_with_exit_code_2(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "project.projector", str(tmp_path)],
        capture_output=True,
        text=True,
        timeout=240,
    )
    assert done.returncode == 2
    assert done.stderr.startswith(f"error: {tmp_path} holds no completed run")
    assert done.stdout == ""


def test_a_net_that_names_no_digits_is_refused(runs: dict[str, Path]) -> None:
    with pytest.raises(ProjectorError, match="Basic names no digits"):
        show(runs["basic"])
    assert not (runs["basic"] / "plugins").exists()
