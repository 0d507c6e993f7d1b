"""What starts often starts without torch."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
HEAVY = ("torch", "torchvision", "pytorch_lightning", "lightning_fabric")


def heavy_modules_after(code: str, folder: Path) -> tuple[set[str], str]:
    """Which heavy packages a new process has imported when it has run `code`, and what it said."""
    report = (
        "import atexit, sys\n"
        f"atexit.register(lambda: print('HEAVY', *[m for m in {HEAVY} if m in sys.modules]))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", report + code],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
        env={"PATH": "/usr/bin:/bin", "PYTHONPATH": str(ROOT), "HOME": str(folder)},
    )
    output, marker, names = done.stdout.rpartition("HEAVY")
    assert marker
    return set(names.split()), output


def test_the_measurement_sees_torch(tmp_path: Path) -> None:
    heavy, _ = heavy_modules_after("import project.seeding", tmp_path)
    assert heavy == {"torch"}


def test_runs_configuration_launchers_results_and_commands_know_no_torch(tmp_path: Path) -> None:
    packages = ("runs", "config", "launchers", "results", "report", "cli", "epfl")
    unasked = ("ray", "optuna", "slurm")  # their libraries are imported when they are chosen
    names = [
        ".".join(path.relative_to(ROOT).with_suffix("").parts)
        for package in packages
        for path in (ROOT / "project" / package).rglob("*.py")
        if not set(unasked) & set(path.parts)
    ]
    assert len(names) > 60
    names += [f"project.{name}" for name in ("train", "api", "check", "predict", "export")]
    names += ["project.evaluate", "project.projector", "project.disk.__main__"]
    heavy, _ = heavy_modules_after(f"import {', '.join(names)}", tmp_path)
    assert heavy == set()


@pytest.mark.parametrize(
    ("arguments", "shown"),
    [
        (["--help"], "== Choices: GROUP=FILE"),
        (["--cfg", "job"], "name: ws_al_bn_do"),
        (["--cfg", "job", "model=resnet"], "name: resnet"),
    ],
    ids=["help", "configuration", "configuration of another model"],
)
def test_showing_help_or_configuration_imports_no_torch(
    tmp_path: Path, arguments: list[str], shown: str
) -> None:
    code = (
        f"import runpy, sys\nsys.argv = ['train', *{arguments}]\n"
        "try:\n    runpy.run_module('project.train', run_name='__main__', alter_sys=True)\n"
        "except SystemExit as end:\n    assert end.code in (0, None), end.code\n"
    )
    heavy, output = heavy_modules_after(code, tmp_path)
    assert shown in output
    assert heavy == set()
    assert list(tmp_path.iterdir()) == []
