"""Without project/epfl and its publication everything else works."""

import shutil
import subprocess
import sys
from pathlib import Path

from tests.results.stored_runs import write_disk_run, write_variant

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
