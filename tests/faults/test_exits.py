"""Code of a run that ends its process has not ended the run."""

import json
from pathlib import Path

import pytest

from tests.commands import SMALL, command, run_directories
from tests.faults.forked import begin

EXITS = """
import sys
from project.models import Basic

class Exits(Basic):
    def forward(self, pairs):
        sys.exit(0)
"""


@pytest.mark.parametrize("words", [(), ("-m", "hydra/launcher=basic")])
def test_a_run_whose_code_calls_sys_exit_has_failed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...]
) -> None:
    (tmp_path / "exiting_net.py").write_text(EXITS)
    monkeypatch.syspath_prepend(tmp_path)  # the forked process has it from here
    target = ("model=basic", "model._target_=exiting_net.Exits")
    arguments = command("project.train", tmp_path / "out", *SMALL, *target, *words)[3:]
    run = begin(arguments, tmp_path / "printed")
    run.join()
    printed = (tmp_path / "printed").read_text()
    assert run.exitcode == 1, printed
    assert "the run's own code called sys.exit(0)" in printed
    (directory,) = run_directories(tmp_path / "out")
    record = json.loads((directory / "run.json").read_text())
    assert (record["status"], record["error"]) == ("failed", "SystemExit: 0")
