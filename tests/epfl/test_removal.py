"""Without project/epfl and its publication everything else works."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.results.stored_runs import write_disk_run, write_variant
from tests.small_runs import run_directories

ROOT = Path(__file__).parents[2]


def test_a_report_is_made_without_the_publication_and_its_package(tmp_path: Path) -> None:
    for name, without in (("project", ["epfl"]), ("conf", ["reference"])):
        ignore = shutil.ignore_patterns("__pycache__", *without)
        shutil.copytree(ROOT / name, tmp_path / name, ignore=ignore)
    write_variant(tmp_path / "outputs", [0.2, 0.3])
    write_disk_run(tmp_path / "outputs")
    words = [sys.executable, "-m", "project.report", "sections=[failed,examples]"]
    done = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True, timeout=120)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.endswith("outputs/report/index.html\n")


STUDIES = ("epfl_table", "auxiliary_position", "double_softmax", "batch_norm_or_learning_rate")
TYPED = (
    "project.train task=image_classification data=digits8x8 model=mlp,convnet seed=0,1 -m "
    "trainer.max_epochs=1 data.train_images=60 data.val_images=30 data.test_images=40",
    "project.runs list",
    "project.report last=true sections=[seeds,epochs,costs]",
)


@pytest.mark.slow
def test_another_experiment_is_swept_and_reported_without_it(tmp_path: Path) -> None:
    gone = ["epfl", "reference", *(f"{name}.yaml" for name in STUDIES)]
    for name in ("project", "conf"):
        ignore = shutil.ignore_patterns("__pycache__", *gone)
        shutil.copytree(ROOT / name, tmp_path / name, ignore=ignore)
    for line in TYPED:
        done = subprocess.run(
            [sys.executable, "-m", *line.split()],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=280,
        )
        assert done.returncode == 0, done.stderr
    assert len(run_directories(tmp_path / "outputs")) == 4
    assert "convnet" in (tmp_path / "outputs/report/table.md").read_text()
