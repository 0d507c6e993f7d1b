"""Claims about the model card: its numbers are the runs', its warnings are there."""

import re
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from scipy import stats
from torch import nn

from project.model_card import model_card
from project.runs.record import read_record
from project.tasks.calibrated_pairs import OUTPUTS, Calibration, pairs_card
from project.tasks.exportable import Exportable
from project.training.load_run import LoadedRun
from tests.results.stored_runs import write_run as write_any_run

FACTS: dict[str, Any] = {
    "checkpoint_sha256": "c4" * 32,
    "input": "pairs: float32 (N, 2, 14, 14)",
    "files": {
        "model.onnx": {
            "sha256": "0a" * 32,
            "examples": 1000,
            "differences": {"comparison": 1.2e-5, "probability_ordered": 3e-6},
            "differing_answers": 0,
        }
    },
    "versions": {"torch": "2.14.1", "onnx": "1.23.2"},
}


def write_run(outputs: Path, **settings: Any) -> Path:
    """A run on as many validation pairs as there are of the others."""
    return write_any_run(outputs, data__val_pairs=1000, **settings)


CALIBRATION = Calibration(1000, 2.0061, 0.5, False)


def card(run: Path, calibration: Calibration = CALIBRATION) -> str:
    record = read_record(run)
    assert record is not None
    counts = {f"{stage}_pairs": 1000 for stage in ("train", "val", "test")}
    data: Any = SimpleNamespace(dataset_name="mnist", image_size=14, **counts)
    text = pairs_card(data, calibration)
    outputs = OUTPUTS if calibration.digits is not None else OUTPUTS[:2]
    net = Exportable(
        nn.Identity(), torch.zeros(2, 2, 14, 14), (), "pairs", FACTS["input"], outputs, text
    )
    return model_card(LoadedRun(run, record), net, FACTS)


def test_the_variants_mean_has_its_interval_and_its_seeds(tmp_path: Path) -> None:
    """Over completed runs of this variant alone."""
    errors = [0.02, 0.03, 0.025, 0.04, 0.021, 0.033]
    runs = [write_run(tmp_path, seed=seed, error=each) for seed, each in enumerate(errors)]
    write_run(tmp_path, seed=6, error=0.9, status="failed")
    write_run(tmp_path, seed=0, error=0.9, optimizer__lr=0.5)
    write_run(tmp_path, model="basic", error=0.9)
    half = stats.t.ppf(0.975, 5) * np.std(errors, ddof=1) / np.sqrt(6)
    low, high = 100 * (np.mean(errors) - half), 100 * (np.mean(errors) + half)
    text = card(runs[3])
    assert f"| test error | 4.00 % | 2.82 % ± 0.77 % | {low:.2f} % to {high:.2f} % | 6 |" in text
    assert "over the seeds 0 to 5, each with data and weights of its own;" in text
    assert "1 more of its runs did not complete" in text
    assert "exploratory" not in text


def test_what_is_held_fixed_over_the_seeds_is_said(tmp_path: Path) -> None:
    for seed in (0, 1):
        run = write_run(tmp_path, seed=seed, seeds={"data": 7, "init": None, "order": None})
    assert "over the seeds 0, 1, with data 7 for all of them;" in card(run)


def test_few_seeds_are_said_to_be_few(tmp_path: Path) -> None:
    first = write_run(tmp_path, seed=0, error=0.02)
    text = card(first)
    assert "| test error | 2.00 % | | | 1 |" in text
    assert "One seed has no interval" in text
    write_run(tmp_path, seed=1, error=0.03)
    assert "Under 6 seeds such an interval is exploratory" in card(first)


def test_a_run_that_was_carried_away_speaks_for_itself(tmp_path: Path) -> None:
    run = write_run(tmp_path, seed=0)
    write_run(tmp_path, seed=1)
    assert "One seed has no interval" in card(run.rename(tmp_path / "elsewhere"))


def test_it_says_where_the_net_comes_from(tmp_path: Path) -> None:
    text = card(write_run(tmp_path, seed=3, origin={"git": {"dirty": True}}))
    for fact in (
        "# ws_al-",
        "75,908 trainable parameters",
        "`mnist`, SHA-256 `" + "50" * 32,
        "1,000 training, 1,000 validation and 1,000 test pairs",
        "- seed 3 (data 3, init 3, order 3)",
        "2 epochs, batches of 100, `lab.Adadelta`, learning rate 1.0",
        "`" + "c0ffee00" * 5 + "` with uncommitted changes",
        "python 3.11.7, torch 2.14.1",
        "exported with torch 2.14.1, onnx 1.23.2",
        "`last.ckpt` SHA-256 `" + "c4" * 32,
        "| `model.onnx` | 1.2e-05 | 0 of 1000 | `" + "0a" * 32,
        "Temperatures (comparison 2.006, digits 0.500) were fitted on 1,000 validation pairs",
    ):
        assert fact in text, fact


def test_it_says_where_the_net_must_not_be_trusted(tmp_path: Path) -> None:
    text = card(write_run(tmp_path))
    limits = text[text.index("## Limits") :]
    for word in (
        "digits of `mnist` only",
        "typeset",
        "photographs",
        "several digits",
        "contradict",
    ):
        assert word in limits


@pytest.mark.parametrize(
    ("calibration", "said"),
    [
        (Calibration(0, 1.0, 1.0, False), "the probabilities are not calibrated"),
        (Calibration(20, 3.0, None, False), r"does not name the digits.*\(comparis"),
    ],
)
def test_it_claims_no_more_than_there_is(
    tmp_path: Path, calibration: Calibration, said: str
) -> None:
    text = card(write_run(tmp_path), calibration)
    assert re.search(said, text, re.DOTALL)
    assert "digits 1.0" not in text
