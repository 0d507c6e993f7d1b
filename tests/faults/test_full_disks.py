"""A disk that fills up in the middle of a run costs time and nothing else."""

import os
import resource
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from omegaconf import OmegaConf

from project.runs.directory import read_record
from project.train import execute
from project.training.checkpoint import LAST, AtomicCheckpointIO
from tests.faults.real_runs import composed, train
from tests.faults.small_runs import Result, only_run


def mount(folder: Path, size: str) -> Path:
    """Mount a disk of `size` on `folder`; the test is skipped where that is not allowed."""
    folder.mkdir()
    words = ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder)]
    try:
        subprocess.run(words, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError) as error:
        reason = getattr(error, "stderr", None) or error
        pytest.skip(f"no small disk can be mounted here ({str(reason).strip()})")
    return folder


def unmount(folder: Path) -> None:
    subprocess.run(["umount", str(folder)], check=True)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 1 MB, which holds one checkpoint and not two."""
    folder = mount(tmp_path / "disk", "1m")
    yield folder
    unmount(folder)


@pytest.fixture
def full_temporary_folder(tmp_path: Path) -> Iterator[Path]:
    """A disk without a free byte."""
    folder = mount(tmp_path / "tmp", "16k")
    with pytest.raises(OSError, match="No space left"), open(folder / "filling", "wb") as file:
        file.write(bytes(100_000))
    yield folder
    unmount(folder)


@pytest.fixture
def undisturbed_real_run(tmp_path: Path) -> Result:
    """What the command comes to when nothing goes wrong."""
    execute(OmegaConf.create(composed(tmp_path / "undisturbed")))
    return Result.of(only_run(tmp_path / "undisturbed"))


def test_a_full_output_folder_stops_the_run_which_goes_on_when_there_is_room(
    small_disk: Path, undisturbed_real_run: Result
) -> None:
    outputs = small_disk / "outputs"
    stopped = train(outputs)
    directory = only_run(outputs)
    assert stopped.returncode == 3, stopped.stderr
    assert stopped.stderr.splitlines()[-1] == (
        f"error: No space left on device ({directory / LAST}); check the folder's rights and its "
        "free space, or choose another paths.outputs or paths.data"
    )
    assert "Traceback" not in stopped.stderr
    assert AtomicCheckpointIO().load_checkpoint(directory / LAST)["epoch"] == 0
    assert len((directory / "history.csv").read_text().splitlines()) == 2
    assert read_record(directory) is not None
    subprocess.run(["mount", "-o", "remount,size=16m", str(small_disk)], check=True)
    done = train(outputs)
    assert done.returncode == 0, done.stderr
    assert f"resuming from {directory / LAST}" in done.stderr
    undisturbed_real_run.assert_same(Result.of(directory))


def test_a_limit_on_file_sizes_stops_the_run_which_goes_on_without_it(
    tmp_path: Path, undisturbed_real_run: Result
) -> None:
    outputs = tmp_path / "outputs"

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (400_000, resource.RLIM_INFINITY))

    stopped = train(outputs, preexec_fn=limit)
    directory = only_run(outputs)
    assert stopped.returncode == 3, stopped.stderr
    assert f"\nerror: File too large ({directory / LAST}); check" in stopped.stderr
    assert "Traceback" not in stopped.stderr
    left = {path.name for path in directory.iterdir()}
    assert {name for name in left if not name.startswith("events.out.tfevents.")} == {
        "config.yaml",
        "run.json",
        "run.log",
    }
    record = read_record(directory)
    assert record is not None
    assert (record["status"], record["error"][:7]) == ("failed", "OSError")
    execute(OmegaConf.create(composed(outputs)))
    undisturbed_real_run.assert_same(Result.of(directory))


def test_nothing_of_a_run_goes_through_the_temporary_folder(
    full_temporary_folder: Path, tmp_path: Path
) -> None:
    done = train(tmp_path / "out", env=os.environ | {"TMPDIR": str(full_temporary_folder)})
    assert done.returncode == 0, done.stderr
    assert [path.name for path in full_temporary_folder.iterdir()] == ["filling"]
    record = read_record(only_run(tmp_path / "out"))
    assert record is not None
    assert record["status"] == "completed"
