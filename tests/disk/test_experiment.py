"""`python -m project.disk`: what a run leaves, how it is named, refused, killed and swept."""

import contextlib
import csv
import json
import os
import signal
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import yaml

from project.config.compose import compose, study_words
from project.disk.data import digest, draw_points
from project.disk.experiment import execute, identify, prepare_run
from project.disk.schema import DiskConfig
from tests.commands import ROOT, command
from tests.small_runs import CommandEnd, only_run, record, run_directories, type_command

SMALL = ("train_points=40", "val_points=20", "test_points=30", "batch_size=20", "max_epochs=3")
# What equal runs have in common to the last byte; times and process ids are their own.
RESULTS = ("history.csv", "predictions.csv", "last.json")
MEASURES = ("accuracy", "error", "loss")


def disk(outputs: Path, *words: str) -> CommandEnd:
    return type_command("project.disk.__main__", *SMALL, f"paths.outputs={outputs}", *words)


def run(outputs: Path, *words: str) -> tuple[Path, dict[str, Any]]:
    """Carry out a small run; returns its directory and its record."""
    before = set(run_directories(outputs))
    end = disk(outputs, *words)
    assert end.exit_code == 0, end.errors
    (directory,) = set(run_directories(outputs)) - before
    return directory, record(directory)


def same_results(first: Path, second: Path) -> bool:
    equal = all((first / name).read_bytes() == (second / name).read_bytes() for name in RESULTS)
    return equal and record(first)["metrics"] == record(second)["metrics"]


def test_the_default_is_the_reports_experiment() -> None:
    checked = DiskConfig.checked(compose("disk"))
    assert (checked.activation, checked.hidden, checked.loss) == ("tanh", [25, 25, 25], "mse")
    assert (checked.lr, checked.initialisation, checked.seed) == (0.1, "normal", 0)
    assert (checked.train_points, checked.test_points) == (1000, 1000)
    assert dict(checked.optimizer) == {"name": "sgd", "momentum": 0.0, "weight_decay": 0.0}
    assert checked.paths.outputs == "outputs"


def test_a_run_leaves_its_record_history_predictions_and_weights(tmp_path: Path) -> None:
    directory, written = run(tmp_path, "activation=relu", "seed=7")
    assert directory.parent.name.startswith("disk_relu-")
    assert directory.name == "seed_7"
    events = [path for path in directory.iterdir() if "tfevents" in path.name]
    assert len(events) == 1
    assert {path.name for path in directory.iterdir() if path not in events} == {
        "run.json", "run.log", "config.yaml", *RESULTS,
    } | ({"code.diff"} if (directory / "code.diff").exists() else set())  # fmt: skip
    assert (written["status"], written["command"]) == ("completed", "disk")
    assert (written["model"], written["data"], written["task"]) == ("disk_relu", "disk", "disk")
    assert written["metric"] == {"name": "error", "direction": "min"}
    assert (written["parameters"], written["epochs"]) == (1427, 3)
    assert set(written["metrics"]) == {
        f"{stage}/{name}" for stage in ("train", "val", "test") for name in MEASURES
    }
    assert written["provenance"]["data"] == {
        "name": "disk", "dataset": "disk", "fetched_from": "generated",
        "train": digest(draw_points(40, 7, "train")), "test": digest(draw_points(30, 7, "test")),
    }  # fmt: skip
    assert {"project.disk.training:fit", "project.framework.linear:Linear"} <= set(
        written["provenance"]["code"]["definitions"]
    )
    config = yaml.safe_load((directory / "config.yaml").read_text())
    assert (config["activation"], config["seed"]) == ("relu", 7)


def test_the_record_agrees_with_history_and_predictions(tmp_path: Path) -> None:
    directory, written = run(tmp_path)
    with open(directory / "history.csv", newline="") as file:
        history = list(csv.DictReader(file))
    with open(directory / "predictions.csv", newline="") as file:
        predictions = list(csv.DictReader(file))
    assert [row["epoch"] for row in history] == ["1", "2", "3"]
    for name in ("train/loss", "train/accuracy", "val/loss", "val/accuracy"):
        assert float(history[-1][name]) == written["metrics"][name]
    wrong = sum(row["label"] != row["prediction"] for row in predictions)
    assert wrong / 30 == written["metrics"]["test/error"]


def test_equal_runs_are_equal_to_the_last_byte_and_other_seeds_differ(tmp_path: Path) -> None:
    first, _ = run(tmp_path / "a")
    again, _ = run(tmp_path / "b")
    other, _ = run(tmp_path / "a", "seed=1")
    assert same_results(first, again)
    assert not same_results(first, other)
    assert first.parent == other.parent
    assert first.relative_to(tmp_path / "a") == again.relative_to(tmp_path / "b")


def test_what_changes_the_result_changes_the_variant_and_nothing_else_does() -> None:
    config = compose("disk")

    def variant(**changes: Any) -> str:
        return identify(config | changes).variant

    scientific: list[dict[str, Any]] = [
        {"lr": 0.2}, {"hidden": [25]}, {"initialisation": "uniform"}, {"normalise": False},
        {"batch_size": 10}, {"max_epochs": 4}, {"loss": "cross_entropy"},
        {"optimizer": {"name": "adam", "momentum": 0.0, "weight_decay": 0.0}},
        {"train_points": 41}, {"val_points": 21}, {"test_points": 31}, {"activation": "relu"},
    ]  # fmt: skip
    names = [variant(), *(variant(**each) for each in scientific)]
    assert len(set(names)) == len(names)
    others = [variant(seed=5), variant(rerun=True), variant(lr=1e-1), variant(code="accept"),
              variant(paths={"outputs": "x"})]  # fmt: skip
    assert set(others) == {variant()}
    assert variant() == "disk_tanh-2a7ef527"


def test_a_completed_run_is_skipped_and_rerun_moves_it_aside(tmp_path: Path) -> None:
    directory, written = run(tmp_path)
    assert ": already completed, test error" in disk(tmp_path).output
    assert record(directory) == written
    assert disk(tmp_path, "rerun=true").exit_code == 0
    aside = tmp_path / "trash" / directory.parent.name / "seed_0.1"
    assert record(aside) == written
    assert same_results(directory, aside)


def test_a_stored_configuration_runs_at_another_seed(tmp_path: Path) -> None:
    directory, _ = run(tmp_path)
    other = disk(tmp_path, "--config-dir", str(directory), "--config-name", "config", "seed=3")
    assert other.exit_code == 0, other.errors
    assert [path.name for path in run_directories(tmp_path)] == ["seed_0", "seed_3"]


def test_a_loss_that_is_not_finite_fails_the_run_and_the_next_attempt_begins_again(
    tmp_path: Path,
) -> None:
    for _ in range(2):
        end = disk(tmp_path, "lr=1e30")
        assert end.exit_code == 1
        assert "error: the loss became" in end.errors
    failed = record(only_run(tmp_path))
    assert (failed["status"], failed["diverged"]) == ("failed", True)
    assert failed["error"].startswith("DivergedError: the loss became")
    assert ", step " in failed["error"]


@pytest.mark.parametrize("multirun", [(), ("-m",)], ids=["run", "sweep"])
@pytest.mark.parametrize(
    ("word", "said"),
    [
        ("lr=nan", "lr=nan: should be a finite number"),
        ("lr=0", "lr=0: should be greater than 0"),
        ("lr=fast", "lr=fast: should be a valid number"),
        ("activation=foo", "activation=foo: should be 'tanh' or 'relu'"),
        ("initialisation=zero", "initialisation=zero: should be 'normal' or 'uniform'"),
        ("loss=hinge", "loss=hinge: should be 'mse' or 'cross_entropy'"),
        ("optimizer.nme=adam", "unknown key 'optimizer.nme'; did you mean 'optimizer.name'?"),
        ("optimizer.name=rmsprop", "optimizer.name=rmsprop: should be 'sgd', 'adadelta' or 'adam'"),
        ("optimizer.momentum=1", "optimizer.momentum=1: should be less than 1"),
        ("optimizer={name: adam, momentum: 0.9}", "optimizer: momentum belongs to sgd"),
        ("hidden=[]", "hidden=[]: List should have at least 1 item"),
        ("hidden=[25,0]", "hidden.1=0: should be greater than or equal to 1"),
        ("batch_size=1.5", "batch_size=1.5: should be a valid integer"),
        ("train_points=0", "train_points=0: should be greater than or equal to 1"),
        ("seed=-1", "seed=-1: should be greater than or equal to 0"),
        ("normalise=1", "normalise=1: should be a valid boolean"),
    ],
)
def test_bad_input_is_refused_by_name_before_anything_is_written(
    tmp_path: Path, word: str, said: str, multirun: tuple[str, ...]
) -> None:
    end = disk(tmp_path / "outputs", word, *multirun)
    assert (end.exit_code, end.errors.partition("\n")[0][: len(said) + 7]) == (2, f"error: {said}")
    assert not (tmp_path / "outputs").exists()


def test_an_unwritable_output_folder_is_an_error_of_the_disk(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    end = disk(tmp_path / "file")
    assert end.exit_code == 3
    assert str(tmp_path / "file") in end.errors


def test_the_study_is_the_reports_grid() -> None:
    assert study_words("disk", "disk_learning_rate") == [
        "activation=tanh,relu", "lr=0.01,0.02,0.05,0.1,0.2,0.5,1", "seed=range(50)",
    ]  # fmt: skip


# In processes of their own.


def start_and_signal(outputs: Path, number: signal.Signals, *words: str) -> tuple[int, Path]:
    """Start a run, send it a signal while it trains; returns its exit code and its directory."""
    process = subprocess.Popen(
        command("project.disk", outputs, *words),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline and process.poll() is None:
        with contextlib.suppress(ValueError, FileNotFoundError):
            directory = only_run(outputs)
            if record(directory)["status"] == "running" and (directory / "run.log").exists():
                os.kill(process.pid, number)
                return process.wait(timeout=60), directory
        time.sleep(0.005)
    process.kill()
    raise AssertionError("the run ended before it could be signalled")


@pytest.mark.parametrize(
    ("number", "exit_code", "status"),
    [
        (signal.SIGKILL, -9, "running"),
        pytest.param(signal.SIGTERM, 143, "interrupted", marks=pytest.mark.faults),
    ],
)
def test_a_run_that_was_stopped_begins_again_and_ends_with_the_same_bytes(
    tmp_path: Path, number: signal.Signals, exit_code: int, status: str
) -> None:
    long = (*SMALL[:-1], "max_epochs=1000")  # to be met while it trains
    code, directory = start_and_signal(tmp_path / "stopped", number, *long)
    assert code == exit_code
    assert record(directory)["status"] == status
    assert not (directory / "history.csv").exists()
    assert disk(tmp_path / "stopped", "max_epochs=1000").exit_code == 0
    untouched, _ = run(tmp_path / "untouched", "max_epochs=1000")
    assert record(directory)["status"] == "completed"
    assert same_results(directory, untouched)


HEAVY = """
import atexit, sys
heavy = ("torch", "torchvision", "pytorch_lightning", "lightning_fabric")
atexit.register(lambda: print("HEAVY", *[name for name in heavy if name in sys.modules]))
from project.disk.__main__ import main
main()
"""


def test_training_imports_torch_and_never_lightning_and_skipping_neither(tmp_path: Path) -> None:
    def heavy_modules() -> set[str]:
        words = [*SMALL, f"paths.outputs={tmp_path}"]
        done = subprocess.run(
            [sys.executable, "-c", HEAVY, *words],
            capture_output=True, text=True, timeout=240, check=True, cwd=ROOT,
        )  # fmt: skip
        return set(done.stdout.rpartition("HEAVY")[2].split())

    assert heavy_modules() == {"torch"}
    assert heavy_modules() == set()


def test_a_sweep_makes_every_run_once_and_a_diverging_one_is_a_failed_row(tmp_path: Path) -> None:
    words = [*SMALL, "activation=tanh,relu", "-m", "lr=0.1,1e30", "seed=range(2)"]
    typed = command("project.disk", tmp_path, *words)
    first = subprocess.run(typed, capture_output=True, text=True, timeout=240)
    assert first.returncode == 1, first.stderr
    assert "the loss became" in first.stdout + first.stderr
    records = [record(directory) for directory in run_directories(tmp_path)]
    assert sorted((each["config"]["lr"], each["status"]) for each in records) == (
        [(0.1, "completed")] * 4 + [(1e30, "failed")] * 4
    )
    assert len({each["variant"] for each in records}) == 4
    alone, _ = run(tmp_path / "alone", "activation=relu", "lr=0.1", "seed=1")
    assert same_results(alone, tmp_path / alone.relative_to(tmp_path / "alone"))


@pytest.mark.slow
def test_tanh_at_learning_rate_01_reaches_the_reports_error(tmp_path: Path) -> None:
    """The report: 2.09 % over 50 runs. Here seeds 0 to 49 gave 1.78 %, std 0.50 %.

    So a mean of ten has a standard error of 0.16 %, and the report's value lies two of them above
    the mean that seeds 0 to 9 gave (1.75 %). Other processors round otherwise, but the points and
    the first weights are the same: they move the mean by less than that.
    """
    config = compose("disk", [f"paths.outputs={tmp_path}"])
    errors = [100 * execute(config | {"seed": seed}, [])["test/error"] for seed in range(10)]
    assert statistics.fmean(errors) < 2.09


def test_a_sweep_prepares_a_run_as_the_command_does(tmp_path: Path) -> None:
    config = compose("disk", [f"paths.outputs={tmp_path}", "rerun=true"])
    spec = prepare_run(config, ["rerun=true"])
    assert (spec.rerun, spec.config["rerun"], spec.overrides) == (True, False, ("rerun=true",))
    assert json.loads(json.dumps(spec.code)) == spec.code
