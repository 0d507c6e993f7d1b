"""`python -m project.disk`: what a run leaves, how it is refused, skipped, killed and swept."""

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
import torch
import yaml
from hydra import compose, initialize_config_dir
from omegaconf import DictConfig, OmegaConf

import project.framework  # noqa: F401 - it turns autograd off; here, to turn it on again
from project.command import CONFIGURATION_FOLDER
from project.configuration import check_disk
from project.disk import execute, main, make_plan
from project.points.training import NonFiniteLossError
from project.runs.directory import DamagedRunError, RefusedError
from tests.commands import command, run_directories

torch.set_grad_enabled(True)

SMALL = ("train_points=40", "val_points=20", "test_points=30", "batch_size=20", "max_epochs=3")
# What equal runs have in common to the last byte; times and process ids are their own.
RESULTS = ("config.yaml", "history.csv", "predictions.csv", "last.json")


def composed(outputs: Path, *overrides: str) -> DictConfig:
    with initialize_config_dir(str(CONFIGURATION_FOLDER), version_base="1.3"):
        return compose("disk", overrides=[*SMALL, f"paths.outputs={outputs}", *overrides])


def plain(config: DictConfig) -> Any:
    return OmegaConf.to_container(config, resolve=True)


def run(outputs: Path, *overrides: str) -> tuple[Path, dict[str, Any]]:
    """One small run in this process: its directory and its record."""
    before = set(run_directories(outputs))
    execute(composed(outputs, *overrides))
    (directory,) = set(run_directories(outputs)) - before
    return directory, record(directory)


def record(directory: Path) -> dict[str, Any]:
    return json.loads((directory / "run.json").read_text())


def disk(outputs: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command("project.disk", outputs, *words), capture_output=True, text=True, timeout=240
    )


def same_results(first: Path, second: Path) -> bool:
    names = [name for name in RESULTS if name != "config.yaml"]  # it names the output folder
    equal = all((first / name).read_bytes() == (second / name).read_bytes() for name in names)
    return equal and record(first)["metrics"] == record(second)["metrics"]


def test_the_default_is_the_reports_experiment() -> None:
    with initialize_config_dir(str(CONFIGURATION_FOLDER), version_base="1.3"):
        checked = check_disk(plain(compose("disk")))
    assert (checked.activation, checked.hidden, checked.loss) == ("tanh", [25, 25, 25], "mse")
    assert (checked.lr, checked.initialisation, checked.seed) == (0.1, "normal", 0)
    assert (checked.train_points, checked.test_points) == (1000, 1000)
    assert dict(checked.optimizer) == {"name": "sgd", "momentum": 0.0, "weight_decay": 0.0}
    assert checked.paths.outputs == "outputs"


def test_a_run_leaves_its_record_history_predictions_and_weights(tmp_path: Path) -> None:
    directory, written = run(tmp_path, "activation=relu", "seed=7")
    assert directory.parent.name.startswith("disk_relu-")
    assert directory.name == "seed=7"
    assert {path.name for path in directory.iterdir() if "tfevents" not in path.name} == {
        "run.json",
        "run.log",
        *RESULTS,
    }
    assert len(list(directory.glob("events.out.tfevents.*"))) == 1
    assert (written["status"], written["model"], written["seed"]) == ("completed", "disk_relu", 7)
    assert written["parameters"] == 1427
    data = written["provenance"]["data"]
    assert (data["dataset"], data["fetched_from"], len(data["sha256"])) == ("disk", "generated", 64)
    assert set(written["metrics"]) == {
        f"{stage}/{name}" for stage in ("train", "val", "test") for name in MEASURES
    }
    config = yaml.safe_load((directory / "config.yaml").read_text())
    assert (config["activation"], config["seed"]) == ("relu", 7)


MEASURES = ("accuracy", "error", "loss")


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


def test_what_changes_the_result_changes_the_arm_and_nothing_else_does(tmp_path: Path) -> None:
    def arm(*overrides: str) -> str:
        return make_plan(plain(composed(tmp_path, *overrides))).directory.path.parent.name

    scientific = [
        "lr=0.2", "hidden=[25]", "initialisation=uniform", "normalise=false", "batch_size=10",
        "max_epochs=4", "loss=cross_entropy", "optimizer.name=adam", "optimizer.momentum=0.5",
        "optimizer.weight_decay=0.1", "train_points=41", "val_points=21", "test_points=31",
        "activation=relu",
    ]  # fmt: skip
    names = [arm(), *(arm(override) for override in scientific)]
    assert len(set(names)) == len(names)
    assert arm("seed=5") == arm("rerun=true") == arm("lr=1e-1") == arm()


def test_a_completed_run_is_skipped_and_rerun_moves_it_aside(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    directory, written = run(tmp_path)
    capsys.readouterr()
    execute(composed(tmp_path))
    assert "already completed, test error" in capsys.readouterr().out
    assert record(directory) == written
    execute(composed(tmp_path, "rerun=true"))
    aside = directory.with_name("seed=0.before-1")
    assert record(aside) == written
    assert same_results(directory, aside)


def test_a_directory_that_holds_another_run_is_refused(tmp_path: Path) -> None:
    directory, _ = run(tmp_path)
    stored = directory / "config.yaml"
    stored.write_text(stored.read_text().replace("lr: 0.1", "lr: 0.2"))
    with pytest.raises(RefusedError, match=r"(?s)holds another run.*\"lr\": 0.2"):
        execute(composed(tmp_path))


@pytest.mark.parametrize("content", ["{", '{"schema": 1, "status": "completed"}'])
def test_a_damaged_record_is_named_and_rerun_is_the_way_out(tmp_path: Path, content: str) -> None:
    directory, written = run(tmp_path)
    (directory / "run.json").write_text(content)
    with pytest.raises(DamagedRunError, match=r"run\.json .*rerun=true"):
        execute(composed(tmp_path))
    execute(composed(tmp_path, "rerun=true"))
    assert record(directory)["metrics"] == written["metrics"]


def test_a_loss_that_is_not_finite_fails_the_run_by_name_and_the_next_attempt_begins_again(
    tmp_path: Path,
) -> None:
    with pytest.raises(NonFiniteLossError) as raised:
        execute(composed(tmp_path, "lr=1e30"))
    assert raised.value.exit_code == 1
    (directory,) = run_directories(tmp_path)
    failed = record(directory)
    assert failed["status"] == "failed"
    assert "in epoch " in failed["error"]
    assert ", step " in failed["error"]
    assert "the run failed" in (directory / "run.log").read_text()
    with pytest.raises(NonFiniteLossError):
        execute(composed(tmp_path, "lr=1e30"))


def start_and_signal(outputs: Path, number: signal.Signals, *words: str) -> tuple[int, Path]:
    """Start a run, send it `number` while it trains; its exit code and its directory."""
    process = subprocess.Popen(
        command("project.disk", outputs, *words),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline and process.poll() is None:
        with contextlib.suppress(ValueError, FileNotFoundError):
            (directory,) = run_directories(outputs)
            if record(directory)["status"] == "running" and (directory / "run.log").exists():
                os.kill(process.pid, number)
                return process.wait(timeout=60), directory
        time.sleep(0.005)
    process.kill()
    raise AssertionError("the run ended before it could be signalled")


# Long enough to be met while it trains.
LONG = (*SMALL[:-1], "max_epochs=1000")


@pytest.mark.parametrize(
    ("number", "exit_code", "status"),
    [(signal.SIGKILL, -9, "running"), (signal.SIGTERM, 143, "interrupted")],
)
def test_a_run_that_was_stopped_begins_again_and_ends_with_the_same_bytes(
    tmp_path: Path, number: signal.Signals, exit_code: int, status: str
) -> None:
    code, directory = start_and_signal(tmp_path / "stopped", number, *LONG)
    assert code == exit_code
    assert record(directory)["status"] == status
    assert not (directory / "history.csv").exists()
    execute(composed(tmp_path / "stopped", *LONG))
    untouched, _ = run(tmp_path / "untouched", *LONG)
    assert record(directory)["status"] == "completed"
    assert same_results(directory, untouched)


def refused(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *words: str
) -> tuple[Any, str]:
    """Type the command in this process; its exit code and what it said on stderr."""
    monkeypatch.setenv("HYDRA_FULL_ERROR", "1")
    monkeypatch.setattr(sys, "argv", ["project.disk", *words])
    with pytest.raises(SystemExit) as raised:
        main()
    return raised.value.code, capsys.readouterr().err


@pytest.mark.parametrize("multirun", [(), ("-m",)], ids=["run", "sweep"])
@pytest.mark.parametrize(
    ("word", "said"),
    [
        ("activaton=relu", "unknown key 'activaton'; did you mean 'activation'?"),
        ("+nonsense=1", "unknown key 'nonsense'"),
        ("seeds=3", "unknown key 'seeds'; did you mean 'seed'?"),
        ("model=basic", "unknown key 'model'"),
        ("optimizer=adam", "'optimizer' is a section, of which one sets the keys: optimizer.mom"),
        ("optimizer.nme=adam", "did you mean 'optimizer.name'?"),
        ("lr=nan", "lr=nan: should be a finite number"),
        ("lr=inf", "lr=inf: should be a finite number"),
        ("lr=0", "lr=0: should be greater than 0"),
        ("lr=fast", "lr=fast: should be a valid number"),
        ("activation=foo", "activation=foo: should be 'tanh' or 'relu'"),
        ("initialisation=zero", "initialisation=zero: should be 'normal' or 'uniform'"),
        ("loss=hinge", "loss=hinge: should be 'mse' or 'cross_entropy'"),
        ("optimizer.name=rmsprop", "optimizer.name=rmsprop: should be 'sgd', 'adadelta' or 'adam'"),
        ("optimizer.momentum=1", "optimizer.momentum=1: should be less than 1"),
        ("optimizer={name: adam, momentum: 0.9}", "momentum belongs to sgd"),
        ("hidden=[]", "hidden=[]: List should have at least 1 item"),
        ("hidden=[25,0]", "hidden.1=0: should be greater than or equal to 1"),
        ("max_epochs=0", "max_epochs=0: should be greater than or equal to 1"),
        ("batch_size=1.5", "batch_size=1.5: should be a valid integer"),
        ("train_points=0", "train_points=0: should be greater than or equal to 1"),
        ("seed=-1", "seed=-1: should be greater than or equal to 0"),
        ("seed=4294967296", "seed=4294967296: should be less than 4294967296"),
        ("seed=true", "seed=True: should be a valid integer"),
        ("normalise=1", "normalise=1: should be a valid boolean"),
    ],
)
def test_bad_input_is_refused_by_name_before_anything_is_written(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    word: str,
    said: str,
    multirun: tuple[str, ...],
) -> None:
    outputs = tmp_path / "outputs"
    code, error = refused(monkeypatch, capsys, word, *multirun, f"paths.outputs={outputs}")
    assert code == 2
    assert said in error
    assert "Traceback" not in error
    assert not outputs.exists()


def test_a_study_of_the_other_command_is_refused_and_said_to_be_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ("-m", "+study=epfl_table", f"paths.outputs={tmp_path}")
    code, error = refused(monkeypatch, capsys, *words)
    assert code == 2
    assert "unknown key 'model'" in error
    assert "'model' comes from +study=epfl_table: is it a study of another command?" in error


def test_project_train_refuses_the_study_of_the_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from project import train

    monkeypatch.setenv("HYDRA_FULL_ERROR", "1")
    words = ["-m", "+study=disk_learning_rate", f"paths.outputs={tmp_path}"]
    monkeypatch.setattr(sys, "argv", ["project.train", *words])
    with pytest.raises(SystemExit) as raised:
        train.main()
    assert raised.value.code == 2
    error = capsys.readouterr().err
    assert "unknown key 'activation'" in error
    assert "comes from +study=disk_learning_rate: is it a study of another command?" in error


def test_an_unwritable_output_folder_is_an_error_of_the_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text("")
    code, error = refused(monkeypatch, capsys, *SMALL, f"paths.outputs={tmp_path / 'file'}")
    assert code == 3
    assert str(tmp_path / "file") in error


SPY = (
    "import atexit, sys\n"
    "heavy = ('torch', 'torchvision', 'pytorch_lightning', 'lightning_fabric', 'lightning')\n"
    "atexit.register(lambda: print('HEAVY', *[m for m in heavy if m in sys.modules]))\n"
    "from project.disk import main\n"
    "main()\n"
)


def heavy_modules(*words: str) -> set[str]:
    """What the command with `words` has imported when it is done."""
    done = subprocess.run(
        [sys.executable, "-c", SPY, *words], capture_output=True, text=True, timeout=240, check=True
    )
    return set(done.stdout.rpartition("HEAVY")[2].split())


def test_training_imports_torch_and_never_lightning_and_skipping_neither(tmp_path: Path) -> None:
    words = (*SMALL, f"paths.outputs={tmp_path}")
    assert heavy_modules(*words) == {"torch"}
    assert heavy_modules(*words) == set()
    assert heavy_modules("--help") == set()


def test_a_sweep_with_the_flag_in_the_middle_makes_every_run_once(tmp_path: Path) -> None:
    words = (*SMALL, "activation=tanh,relu", "-m", "lr=0.1,0.5", "seed=range(2)")
    first = disk(tmp_path, *words)
    assert first.returncode == 0, first.stderr
    records = [record(directory) for directory in run_directories(tmp_path)]
    assert sorted((each["model"], each["seed"]) for each in records) == sorted(
        (f"disk_{activation}", seed) for activation in ("tanh", "relu") for seed in (0, 1)
        for _ in range(2)
    )  # fmt: skip
    assert {each["status"] for each in records} == {"completed"}
    assert len({each["arm"] for each in records}) == 4
    again = disk(tmp_path, *words)
    assert again.returncode == 0
    assert "8 skipped" in again.stdout or "8 already completed" in again.stdout
    assert [record(directory) for directory in run_directories(tmp_path)] == records
    alone, _ = run(tmp_path / "alone", "activation=relu", "lr=0.5", "seed=1")
    assert same_results(alone, tmp_path / alone.relative_to(tmp_path / "alone"))


def test_a_diverging_run_is_one_failed_row_of_a_sweep(tmp_path: Path) -> None:
    done = disk(tmp_path, *SMALL, "-m", "lr=0.1,1e30")
    assert done.returncode == 1
    assert "the loss became" in done.stdout + done.stderr
    statuses = [record(directory)["status"] for directory in run_directories(tmp_path)]
    assert sorted(statuses) == ["completed", "failed"]


def test_the_study_is_the_reports_grid_and_its_command_works(tmp_path: Path) -> None:
    study = yaml.safe_load((CONFIGURATION_FOLDER / "study/disk_learning_rate.yaml").read_text())
    assert study["hydra"]["sweeper"]["params"] == {
        "activation": "tanh,relu",
        "lr": "0.01,0.02,0.05,0.1,0.2,0.5,1",
        "seed": "range(50)",
    }
    done = disk(tmp_path, "-m", "+study=disk_learning_rate", *SMALL, "lr=0.1", "seed=3")
    assert done.returncode == 0, done.stderr
    assert [path.name for path in run_directories(tmp_path)] == ["seed=3"] * 2


@pytest.mark.slow
def test_tanh_at_learning_rate_01_reaches_the_reports_error(tmp_path: Path) -> None:
    """The report: 2.09 % over 50 runs. Here seeds 0 to 49 gave 1.78 %, deviation 0.50 %.

    So a mean of ten has a standard error of 0.16 %, and the report's value lies two of them above
    the mean that seeds 0 to 9 gave (1.75 %). Other processors round otherwise, but the points and
    the first weights are the same: they move the mean by less than that.
    """
    errors = []
    with initialize_config_dir(str(CONFIGURATION_FOLDER), version_base="1.3"):
        for seed in range(10):
            overrides = [f"paths.outputs={tmp_path}", f"seed={seed}"]
            errors.append(100 * execute(compose("disk", overrides=overrides))["test/error"])
    assert statistics.fmean(errors) < 2.09
