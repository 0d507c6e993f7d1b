"""The Makefile types the commands that it says it types."""

import os
import re
import subprocess

import pytest

from tests.commands import ROOT, SMALL

# The environment is there, whatever make thinks of its age.
MAKE = ("make", "--no-print-directory", "--old-file=.venv/.ready")
# Without what the `make test ARGS=...` around this test hands on.
ENVIRONMENT = {key: value for key, value in os.environ.items() if key not in ("ARGS", "MAKEFLAGS")}


def make(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*MAKE, *words], capture_output=True, text=True, cwd=ROOT, env=ENVIRONMENT, timeout=600
    )


@pytest.mark.parametrize(
    ("words", "typed"),
    [
        (["train"], [".venv/bin/python -m project.train "]),
        (["train", "ARGS=model=resnet seed=3"],
         [".venv/bin/python -m project.train model=resnet seed=3"]),
        (["table"], [".venv/bin/python -m project.train study=epfl_table "]),
        (["report"], [".venv/bin/python -m project.report "]),
        (["reproduce"],
         [".venv/bin/python -m project.train study=epfl_table 'seed=range(20)' ",
          ".venv/bin/python -m project.report study=epfl_table"]),
        (["dashboard"],
         [".venv/bin/tensorboard --logdir outputs --host 127.0.0.1 --port 0"]),
    ],
)  # fmt: skip
def test_a_target_is_the_command_that_one_would_type(words: list[str], typed: list[str]) -> None:
    assert make("--dry-run", *words).stdout.splitlines() == typed


def test_every_target_is_explained() -> None:
    text = (ROOT / "Makefile").read_text().replace("\\\n", "")
    phony = re.search(r"^\.PHONY: (.*)$", text, re.MULTILINE)
    assert phony is not None
    explained = re.findall(r"^([a-z-]+):.*## ", text, re.MULTILINE)
    assert sorted(explained) == sorted(phony[1].split())


@pytest.mark.slow
@pytest.mark.skipif(not (ROOT / ".venv/bin/python").exists(), reason="made by `make setup`")
def test_make_reproduce_goes_from_nothing_to_the_page_and_goes_on_where_it_was_left(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    outputs = tmp_path_factory.mktemp("reproduced")
    small = " ".join((*SMALL, f"paths.outputs={outputs} paths.data={outputs}/data"))
    report = f"REPORT=paths.outputs={outputs}"
    first = make("reproduce", f"ARGS={small} model=basic,ws_al seed=0,1", report)
    assert first.returncode == 0, first.stderr
    assert (outputs / "report/index.html").exists()
    assert len((outputs / "report/results.csv").read_text().splitlines()) == 1 + 4
    again = make("reproduce", f"ARGS={small} model=basic,ws_al,resnet seed=0,1", report)
    assert again.returncode == 0, again.stderr
    assert "2 done, 4 skipped" in again.stdout
    assert len((outputs / "report/results.csv").read_text().splitlines()) == 1 + 6
