"""Jobs that run side by side get GPUs of their own, as long as there are any."""

import os
from pathlib import Path
from typing import Any

import pytest

from project.launchers.local.gpus import gpus_of_a_job, shares, visible_gpus
from project.launchers.local.launcher import LocalLauncher, LocalSettings
from project.launchers.local.processes import ProcessPool
from project.runs.provenance import available_cores
from tests.launchers.odd_jobs import PRELOAD, TASK, odd_job


@pytest.mark.parametrize(
    ("variable", "names"),
    [
        ("0,1,2", ["0", "1", "2"]),
        ("3, GPU-8f2a", ["3", "GPU-8f2a"]),
        ("", []),
        ("-1", []),
        ("1,-1,0", ["1"]),
    ],
)
def test_the_gpus_are_those_that_the_environment_leaves_visible(
    monkeypatch: pytest.MonkeyPatch, variable: str, names: list[str]
) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", variable)
    assert visible_gpus() == names


@pytest.mark.parametrize(
    ("script", "names"), [("echo 0; echo 1", ["0", "1"]), ("echo no driver; exit 9", [])]
)
def test_without_the_variable_the_driver_is_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str, names: list[str]
) -> None:
    command = tmp_path / "nvidia-smi"
    command.write_text(f"#!/bin/sh\n{script}\n")
    command.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    assert visible_gpus() == names


def test_without_a_driver_there_are_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    assert visible_gpus() == []


def test_a_job_needs_as_many_gpus_as_devices_and_none_on_a_cpu() -> None:
    def config(accelerator: str, devices: int) -> dict[str, Any]:
        return {"trainer": {"accelerator": accelerator, "devices": devices}}

    assert gpus_of_a_job([config("cpu", 4), {"lr": 0.1}]) == 0
    assert gpus_of_a_job([config("gpu", 1), config("cuda", 2), config("cpu", 4)]) == 2
    assert gpus_of_a_job([config("auto", 1)]) == 1


@pytest.mark.parametrize(
    ("size", "expected"),
    [(1, ["a", "b", "c", "d", "e"]), (2, ["a,b", "c,d"]), (5, ["a,b,c,d,e"]), (6, ["a,b,c,d,e"])],
)
def test_jobs_share_no_gpu_unless_one_needs_more_than_there_are(
    size: int, expected: list[str]
) -> None:
    assert shares(["a", "b", "c", "d", "e"], size) == expected


AS_BEFORE = os.environ.get("CUDA_VISIBLE_DEVICES", "all")


def launcher(n_jobs: int | None) -> LocalLauncher:
    class Odd:
        task, preload = TASK, PRELOAD

    made = LocalLauncher()
    made.settings = LocalSettings(n_jobs=n_jobs, timeout_minutes=None, max_failures=None)
    made.experiment = Odd()  # type: ignore[misc, assignment]
    return made


@pytest.mark.parametrize(
    ("accelerator", "n_jobs", "visible", "slots", "seen"),
    [
        ("gpu", None, "4,7", 2, ["4", "7"]),
        ("gpu", 1, "4,7", 1, ["4", "4"]),
        ("auto", 4, "4,7", 4, ["4", "4", "7", "7"]),
        ("auto", 2, "", 2, [AS_BEFORE, AS_BEFORE]),
        ("cpu", 2, "4,7", 2, [AS_BEFORE, AS_BEFORE]),
    ],
)
def test_the_jobs_of_a_sweep_see_a_gpu_each(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    accelerator: str,
    n_jobs: int | None,
    visible: str,
    slots: int,
    seen: list[str],
) -> None:
    # What jobs are forked from is started with the environment as it was.
    ProcessPool(TASK, 1, None, PRELOAD)
    trainer = {"accelerator": accelerator, "devices": 1}
    jobs = [odd_job(tmp_path, n, "show gpus", trainer=trainer) for n in range(len(seen))]
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    with launcher(n_jobs).pool(jobs) as pool:
        assert pool.slots == slots
        for end in pool.run(jobs, started=lambda job: None):
            assert end.exit_code == 0, end.reason()
    assert sorted((job.directory / "gpus").read_text() for job in jobs) == seen


def test_without_gpus_there_are_as_many_jobs_as_cores(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    jobs = [odd_job(tmp_path, 0, "nothing", trainer={"accelerator": "gpu"})]
    with launcher(None).pool(jobs) as pool:
        assert pool.slots == available_cores()
