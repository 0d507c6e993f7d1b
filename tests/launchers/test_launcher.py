"""Claims about sweeps: what is run, skipped, survived and reported."""

from pathlib import Path
from typing import Any

import pytest
import yaml
from omegaconf import OmegaConf

from project.config.errors import ConfigurationError
from project.launchers.local.launcher import LocalSettings
from project.launchers.ray.settings import RaySettings
from project.launchers.settings import LauncherSettings, read_settings
from project.launchers.slurm.settings import SlurmSettings
from tests.commands import ROOT
from tests.launchers.sweeps import small_words, sweep
from tests.small_runs import record, run_directories, type_command


def test_a_sweep_runs_the_grid_then_skips_it_then_does_only_what_is_new(tmp_path: Path) -> None:
    first = sweep(tmp_path, "seed=range(2)")
    assert first.exit_code == 0, first.errors
    assert [path.name for path in run_directories(tmp_path)] == ["seed_0", "seed_1"]
    assert "2 done; " in first.output
    assert first.errors.splitlines()[-1] == (
        f"tables and figures: python -m project.report last=true paths.outputs={tmp_path}"
    )
    written = {path: path.read_bytes() for path in tmp_path.glob("runs/*/*/run.json")}

    again = sweep(tmp_path, "seed=range(2)")
    assert again.exit_code == 0
    assert "0 done, 2 skipped; " in again.output

    wider = sweep(tmp_path, "seed=range(3)")
    assert "1 done, 2 skipped; " in wider.output
    assert {path: path.read_bytes() for path in written} == written
    assert {path.name for path in tmp_path.glob("runs/*/.*")} == {
        f".seed_{seed}.lock" for seed in range(3)
    }

    anew = sweep(tmp_path, "seed=0", "rerun=true")
    assert "1 done; " in anew.output
    assert [path.name for path in tmp_path.glob("trash/*/*")] == ["seed_0.1"]


def test_a_sweep_gives_the_numbers_of_single_runs(tmp_path: Path) -> None:
    assert sweep(tmp_path / "sweep", "seed=3,4").exit_code == 0
    alone = type_command("project.train", *small_words(tmp_path / "single"), "seed=4")
    assert alone.exit_code == 0
    (single,) = run_directories(tmp_path / "single")
    swept = tmp_path / "sweep" / single.relative_to(tmp_path / "single")
    assert (swept / "history.csv").read_bytes() == (single / "history.csv").read_bytes()
    for key in ("metrics", "weights_sha256", "variant", "parameters", "epochs"):
        assert record(swept)[key] == record(single)[key]


def test_a_failed_job_is_a_row_and_the_others_go_on(tmp_path: Path) -> None:
    mixed = sweep(tmp_path, "optimizer.lr=1e30,1")
    assert mixed.exit_code == 1
    assert mixed.errors.splitlines()[-1] == "error: 1 of 2 jobs failed"
    records = {each["status"]: each for each in map(record, run_directories(tmp_path))}
    assert records.keys() == {"completed", "failed"}
    assert records["failed"]["diverged"] is True
    failed = records["failed"]["name"]
    assert f"FAILED {failed} (optimizer.lr=1e+30): DivergedError: the loss became" in mixed.errors
    assert "a smaller optimizer.lr usually helps" in mixed.errors
    log = tmp_path / "runs" / Path(failed).with_name(f".{Path(failed).name}.log")
    assert f"log: {log}\n" in mixed.errors
    assert "DivergedError" in log.read_text()


def test_max_failures_starts_no_more_jobs(tmp_path: Path) -> None:
    stopped = sweep(
        tmp_path,
        "optimizer.lr=1e30",
        "seed=range(6)",
        "hydra.launcher.n_jobs=1",
        "hydra.launcher.max_failures=2",
    )
    assert stopped.exit_code == 1
    assert "0 done, 2 failed, 4 not started; " in stopped.output
    assert stopped.errors.splitlines()[-1] == (
        "error: 4 jobs were not started, because hydra.launcher.max_failures was reached"
    )


ENDS_ITS_PROCESS = '''
"""Nets that end a job in ways that no try block sees, and do nothing when they are tried out."""

import multiprocessing
import os
import signal
import sys
import time

from project.models import Basic


class Odd(Basic):
    def forward(self, pairs):
        if multiprocessing.current_process().name.startswith("job-"):
            self.act()
        return super().forward(pairs)


class Exits(Odd):
    def act(self):
        sys.exit(0)


class Killed(Odd):
    def act(self):
        os.kill(os.getpid(), signal.SIGKILL)


class Hangs(Odd):
    def act(self):
        time.sleep(3600)


class TriedInVain(Basic):
    def forward(self, pairs):
        os.kill(os.getpid(), signal.SIGSEGV)
'''


@pytest.fixture
def odd_nets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The name of a module in the working directory."""
    (tmp_path / "odd_nets.py").write_text(ENDS_ITS_PROCESS)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    return "odd_nets"


REASONS = {
    "Exits": "ExitedError: the run's own code called sys.exit(0)",
    "Killed": "killed by SIGKILL",
}


def test_jobs_that_exit_or_are_killed_are_failed_rows(tmp_path: Path, odd_nets: str) -> None:
    nets = ",".join(f"{odd_nets}.{name}" for name in REASONS)
    swept = sweep(tmp_path / "out", f"model._target_={nets},project.models.Basic")
    assert swept.exit_code == 1, swept.errors
    assert "1 done, 2 failed; " in swept.output
    for name, reason in REASONS.items():
        assert f"(model._target_={odd_nets}.{name}): {reason}\n" in swept.errors


@pytest.mark.long
def test_a_job_that_hangs_is_stopped_when_its_time_is_up(tmp_path: Path, odd_nets: str) -> None:
    swept = sweep(
        tmp_path / "out",
        f"model._target_={odd_nets}.Hangs,project.models.Basic",
        "hydra.launcher.timeout_minutes=0.4",
    )
    assert swept.exit_code == 1, swept.errors
    assert "1 done, 1 failed; " in swept.output
    assert "Hangs): ran past hydra.launcher.timeout_minutes\n" in swept.errors


def test_a_net_that_ends_its_process_when_it_is_tried_ends_the_sweep_in_a_line(
    tmp_path: Path, odd_nets: str
) -> None:
    refused = sweep(tmp_path / "out", f"model._target_={odd_nets}.TriedInVain")
    assert refused.exit_code == 1
    assert refused.errors == (
        "error: the process that tried a batch of each variant ended without a result (killed by "
        "SIGSEGV); run one variant alone, without -m, to see more\n"
    )
    assert not run_directories(tmp_path / "out")


def test_a_net_that_fails_when_it_is_tried_is_refused_by_name(tmp_path: Path) -> None:
    refused = sweep(tmp_path, "model.kernel=9,3")
    assert refused.exit_code == 2
    assert not run_directories(tmp_path)
    assert "Traceback" not in refused.errors


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (
            ("seed=0,1", "hydra.launcher.n_jobs=-1"),
            "hydra.launcher.n_jobs=-1: should be greater than 0",
        ),
        (
            ("seed=range(0)",),
            "seed=range(0) lists no values, so the sweep has no jobs; give at least one value",
        ),
        (
            ("seed=0,1", "hydra/launcher=ray", "hydra.launcher.memory_gb=abc"),
            "hydra.launcher.memory_gb=abc: should be a valid number",
        ),
        (
            ("seed=0,1", "hydra/launcher=ray", "hydra.launcher.num_gpus=1.5"),
            "hydra.launcher.num_gpus=1.5: above 1 it must be a whole number, since jobs can share "
            "no more than one GPU",
        ),
        (
            ("seed=0,1", "hydra/launcher=slurm", "hydra.launcher.array_size=null"),
            "hydra.launcher.array_size=None: should be a valid integer",
        ),
    ],
)
def test_a_sweep_that_cannot_be_is_refused_in_a_line(
    tmp_path: Path, words: tuple[str, ...], said: str
) -> None:
    refused = sweep(tmp_path, *words)
    assert (refused.exit_code, refused.output) == (2, "")
    assert refused.errors == f"error: {said}\n"
    assert not list(tmp_path.iterdir())


SETTINGS = {"local": LocalSettings, "ray": RaySettings, "slurm": SlurmSettings}


def settings_of(launcher: str, **changes: Any) -> LauncherSettings:
    """The keys in a launcher's file, but for `changes`."""
    values = yaml.safe_load((ROOT / "conf/hydra/launcher" / f"{launcher}.yaml").read_text())
    config = OmegaConf.create(values | changes)
    return read_settings(SETTINGS[launcher], config, "hydra.launcher.")


@pytest.mark.parametrize("name", SETTINGS)
def test_what_stands_in_a_launchers_file_is_allowed(name: str) -> None:
    settings_of(name)


COUNT = "should be a valid integer"
POSITIVE = "should be greater than 0"
AMOUNT = "should be a valid number"
NOT_NEGATIVE = "should be greater than or equal to 0"


@pytest.mark.parametrize(
    ("launcher", "key", "value", "said"),
    [
        ("local", "n_jobs", 0, POSITIVE),
        *[("local", "n_jobs", value, COUNT) for value in (1.5, "abc", True)],
        ("local", "timeout_minutes", 0, POSITIVE),
        ("local", "timeout_minutes", "abc", AMOUNT),
        ("local", "timeout_minutes", float("inf"), "should be a finite number"),
        ("local", "max_failures", 0, POSITIVE),
        ("ray", "num_cpus", None, AMOUNT),
        ("ray", "num_gpus", -1, NOT_NEGATIVE),
        ("ray", "retries", None, COUNT),
        ("slurm", "timeout_minutes", "soon", COUNT),
        ("slurm", "cpus_per_task", "many", COUNT),
        ("slurm", "gpus_per_node", -1, NOT_NEGATIVE),
        ("slurm", "mem_gb", "much", AMOUNT),
        ("slurm", "max_num_timeout", 0.5, COUNT),
        ("slurm", "signal_delay_s", -1, NOT_NEGATIVE),
    ],
)
def test_a_number_that_a_launcher_cannot_use_is_refused_by_its_key(
    launcher: str, key: str, value: Any, said: str
) -> None:
    with pytest.raises(ConfigurationError) as refused:
        settings_of(launcher, **{key: value})
    assert str(refused.value) == f"hydra.launcher.{key}={value}: {said}"


@pytest.mark.parametrize("value", [None, 1, 0.25])
def test_a_number_that_a_launcher_can_use_is_not_refused(value: float | None) -> None:
    settings_of("local", timeout_minutes=value)


def test_a_sweep_over_a_directory_that_holds_another_run_is_refused(tmp_path: Path) -> None:
    """Completed runs are held against their names before they are counted."""
    assert sweep(tmp_path, "seed=0,1").exit_code == 0
    first, second = run_directories(tmp_path)
    (second / "run.json").write_bytes((first / "run.json").read_bytes())
    refused = sweep(tmp_path, "seed=0,1")
    assert refused.exit_code == 4
    name = record(first)["name"]
    assert f"error: {second} holds another run, {name}; move it to the directory" in refused.errors
    assert "Traceback" not in refused.errors


def test_the_disks_runs_are_swept_as_well(tmp_path: Path) -> None:
    words = ("max_epochs=2", "train_points=20", "val_points=20", "test_points=20")
    outputs = f"paths.outputs={tmp_path}"
    for said in ("2 done; ", "0 done, 2 skipped; "):
        swept = type_command("project.disk.__main__", "-m", *words, outputs, "activation=tanh,relu")
        assert swept.exit_code == 0, swept.errors
        assert said in swept.output
    assert len(run_directories(tmp_path)) == 2
