"""Claims about `python -m project.projector`: the run's own weights on its own test pairs."""

import csv
from pathlib import Path

import pytest

from project.config.errors import ConfigurationError
from project.projector import show
from tests.small_runs import record, type_command


def test_what_the_points_say_is_what_the_run_measured(siamese_run: Path) -> None:
    """The share of digits that are read wrong is the record's, to the last digit."""
    end = type_command("project.projector", "best", f"paths.outputs={siamese_run.parents[2]}")
    assert end.exit_code == 0
    folder, what_next = end.output.splitlines()
    assert Path(folder).is_relative_to(siamese_run)
    assert "make dashboard" in what_next
    assert end.errors.startswith(f"run={siamese_run}: the lowest validation error, ")
    assert Path(folder, "projector_config.pbtxt").exists()
    lines = Path(folder, "labels.tsv").read_text().splitlines()
    labels = list(csv.DictReader(lines, delimiter="\t"))
    assert len(labels) == 2 * 20
    wrong = [label["right"] for label in labels].count("no")
    assert wrong / 40 == pytest.approx(record(siamese_run)["metrics"]["test/digit_error"])
    by_pair = [
        (int(a["digit"]), int(b["digit"])) for a, b in zip(labels[::2], labels[1::2], strict=True)
    ]
    assert len(set(by_pair)) > 5


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["run=none"], "error: none holds no completed run"),
        ([], "error: name a run first"),
        (["best", "run=none"], "error: run= and best are two choices"),
        (["run=none", "to=x"], "error: unknown argument 'to=x'; see --help"),
    ],
)
def test_bad_input_is_refused_by_name_with_exit_code_2(words: list[str], message: str) -> None:
    end = type_command("project.projector", *words)
    assert (end.exit_code, end.output) == (2, "")
    assert end.errors.startswith(message)


def test_a_net_that_names_no_digits_is_refused(finished_run: Path) -> None:
    with pytest.raises(ConfigurationError, match="Basic does not name digits"):
        show([f"run={finished_run}"])
    assert not (finished_run / "plugins").exists()
