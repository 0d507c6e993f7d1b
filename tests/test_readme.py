"""Every command that the README shows is typed here, on a small budget."""

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

from project.data.mnist_5k import read_halves
from tests.commands import ROOT, SMALL
from tests.report.runs_on_disk import write_composed_arm
from tests.trained_runs import train_here

BLOCKS = re.findall(r"```bash\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
LINES = [line.split("  #")[0].strip() for block in BLOCKS for line in block.splitlines()]
PYTHON = [line for line in LINES if line.startswith("python -m project.")]
MAKE = sorted({line for line in LINES if line.startswith("make ")})

# One small job stands for each sweep: an override given later wins over a documented one.
BUDGET = {
    "project.train": [*SMALL[:-1], "trainer.max_epochs=1", "seed=0"],
    "project.disk": ["max_epochs=1", "seed=0"],
    "project.report": [],
}


def write_table(outputs: Path) -> None:
    """The runs of the report's table, for a report to be about."""
    for model in ("basic", "ws_al", "ws_al_do", "ws_al_bn", "ws_al_bn_do", "resnet"):
        write_composed_arm(outputs, range(10), f"model={model}")


SEARCH = "hydra/sweeper=optuna"
USING = ("python -m project.predict", "python -m project.export")


@pytest.fixture(scope="module")
def workplace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where a trained net is used: a run under outputs/, and the images that the README names."""
    folder = tmp_path_factory.mktemp("workplace")
    train_here(folder / "outputs")
    (folder / "drawings").mkdir()
    for number, digit in enumerate(read_halves()[0][0][:2]):
        image = Image.fromarray(255 - digit).resize((200, 200))
        image.save(folder / f"{'ab'[number]}.png")
        image.save(folder / "drawings" / f"{number}.png")
    (folder / "pairs.csv").write_text("first,second\na.png,b.png\n")
    return folder


@pytest.mark.parametrize(
    # One of them stands for the rest: tests/test_predict.py and tests/test_export.py try more.
    "line",
    [
        pytest.param(each, marks=[pytest.mark.slow] if number else [])
        for number, each in enumerate(line for line in PYTHON if line.startswith(USING))
    ],
)
def test_a_documented_use_of_a_trained_net_works(workplace: Path, line: str) -> None:
    (run,) = workplace.glob("outputs/runs/*/seed=0")
    done = subprocess.run(
        [sys.executable, *shlex.split(line.replace("RUN_DIRECTORY", str(run)))[1:]],
        capture_output=True,
        text=True,
        timeout=240,
        cwd=workplace,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout


def marks(line: str) -> list[pytest.MarkDecorator]:
    """Sweeps take their time even at one seed, and so do clusters."""
    slow = [pytest.mark.slow] if "-m +study" in line else []
    return slow + ([pytest.mark.cluster] if "hydra/launcher=" in line else [])


@pytest.mark.parametrize(
    "line",
    [pytest.param(each, marks=marks(each)) for each in PYTHON if not each.startswith(USING)],
)
def test_a_documented_command_works(tmp_path: Path, line: str) -> None:
    words = shlex.split(line)
    module = words[2]
    budget = BUDGET[module] + [f"paths.outputs={tmp_path}"]
    runs = "runs/*/seed=0/run.json"
    if "+study=sample_efficiency" in words:
        budget.append("+sample=pairs_100")
    if SEARCH in words:  # it has seeds of its own
        budget[budget.index("seed=0")] = "hydra.sweeper.seeds=[100]"
        budget.append("hydra.sweeper.trials=1")
        runs = "tuning/*/runs/*/seed=100/run.json"
    if module == "project.train":
        budget.append(f"paths.data={tmp_path / 'data'}")
    if module == "project.report":
        write_table(tmp_path)
    done = subprocess.run(
        [sys.executable, *words[1:], *budget],
        capture_output=True,
        text=True,
        timeout=240,
        cwd=ROOT,
    )
    assert done.returncode == 0, done.stderr
    assert list(tmp_path.glob(runs))


@pytest.mark.parametrize("line", MAKE)
def test_a_documented_target_exists(line: str) -> None:
    done = subprocess.run(
        ["make", "--dry-run", *shlex.split(line)[1:]], capture_output=True, text=True, cwd=ROOT
    )
    assert done.returncode == 0, done.stderr


def test_the_readme_documents_commands() -> None:
    assert len(PYTHON) >= 5
    assert sum(line.startswith(USING) for line in PYTHON) >= 5
    assert {"make train", "make test"} <= set(MAKE)


def test_every_promise_names_a_test_that_there_is() -> None:
    named = re.findall(r"`(tests/[\w/]+\.py)(?:::(\w+))?`", (ROOT / "README.md").read_text())
    assert len(named) >= 25
    for file, name in named:
        assert f"def {name}" in (ROOT / file).read_text(), f"{file}::{name}"


def test_what_the_readme_links_to_is_there() -> None:
    linked = re.findall(r"\]\(([\w/.-]+)\)", (ROOT / "README.md").read_text())
    assert len(linked) >= 3
    assert [path for path in linked if not (ROOT / path).is_file()] == []
