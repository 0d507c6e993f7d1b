"""Code of a run that ends its process has not ended the run."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.small_runs import only_run, record, run_directories, run_small

EXITS = """
import sys
from pathlib import Path
from project.models import Basic

class Exits(Basic):
    def forward(self, pairs):
        if {when}:
            sys.exit(0)
        return super().forward(pairs)
"""
HAS_BEGUN = "list(Path('out').glob('runs/*/*/run.json'))"


@pytest.mark.parametrize("words", [(), ("-m", "hydra/launcher=basic")])
def test_a_run_whose_code_calls_sys_exit_has_failed(
    small_mnist: Path, own_modules: Callable[[str, str], Path], words: tuple[str, ...]
) -> None:
    own_modules("exiting_net", EXITS.format(when=HAS_BEGUN))
    ended = run_small(Path("out"), "model._target_=exiting_net.Exits", *words)
    assert ended.exit_code == 1, ended.errors
    assert "the run's own code called sys.exit(0)" in ended.errors
    failed = record(only_run(Path("out")))
    assert (failed["status"], failed["error"]) == ("failed", "SystemExit: 0")


def test_a_net_that_calls_sys_exit_when_it_is_tried_is_refused(
    small_mnist: Path, own_modules: Callable[[str, str], Path]
) -> None:
    own_modules("exiting_net", EXITS.format(when="True"))
    ended = run_small(Path("out"), "model._target_=exiting_net.Exits")
    assert ended.exit_code == 2
    assert ended.errors.startswith("error: task=digit_pairs with model=basic does not work on a ")
    assert "SystemExit: 0" in ended.errors
    assert not run_directories(Path("out"))
