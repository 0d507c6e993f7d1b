"""`make report` and `make reproduce`, typed on a small budget."""

import os
import subprocess
from pathlib import Path

import pytest

from tests.commands import ROOT, SMALL
from tests.report.runs_on_disk import write_run

# The environment is there, whatever make thinks of its age.
MAKE = ("make", "--no-print-directory", "--old-file=.venv/.ready")
# Without what the `make test ARGS=...` around this test hands on.
ENVIRONMENT = {key: value for key, value in os.environ.items() if key not in ("ARGS", "MAKEFLAGS")}


def make(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*MAKE, *words], capture_output=True, text=True, cwd=ROOT, env=ENVIRONMENT, timeout=600
    )


def test_make_report_makes_a_report(tmp_path: Path) -> None:
    for seed in range(2):
        write_run(tmp_path, seed=seed, error=0.1 + seed / 10)
    done = make("report", f"ARGS=paths.outputs={tmp_path}")
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "report/index.html").exists()


def test_make_reproduce_trains_twenty_seeds_of_the_reports_table_and_reports_on_them() -> None:
    typed = make("--dry-run", "reproduce").stdout.splitlines()
    assert typed == [
        ".venv/bin/python -m project.train -m +study=epfl_table 'seed=range(20)' ",
        ".venv/bin/python -m project.report study=epfl_table",
    ]


@pytest.mark.slow
def test_make_reproduce_goes_from_nothing_to_the_page_and_goes_on_where_it_was_left(
    tmp_path: Path,
) -> None:
    places = f"paths.outputs={tmp_path} paths.data={tmp_path}/data"
    small = " ".join((*SMALL, places))
    report = f"REPORT=paths.outputs={tmp_path}"
    first = make("reproduce", f"ARGS={small} model=basic,ws_al seed=0,1", report)
    assert first.returncode == 0, first.stderr
    assert (tmp_path / "report/index.html").exists()
    assert len((tmp_path / "report/results.csv").read_text().splitlines()) == 1 + 4
    again = make("reproduce", f"ARGS={small} model=basic,ws_al,resnet seed=0,1", report)
    assert again.returncode == 0, again.stderr
    assert "2 done, 4 skipped" in again.stdout
    assert len((tmp_path / "report/results.csv").read_text().splitlines()) == 1 + 6
