"""A disk that fills up in the middle of a run costs time and nothing else."""

import os
import resource
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from project.training.checkpoint import LAST, AtomicCheckpointIO
from tests.commands import train
from tests.faults.results import Result
from tests.small_runs import only_run, record, run_small

# Its checkpoints are of 0.85 MB.
LARGE = ("model.channels=[32,64]", "model.hidden=200")


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
def undisturbed_large_run(small_mnist: Path, tmp_path: Path) -> Result:
    """What the run comes to when nothing goes wrong."""
    assert run_small(tmp_path / "undisturbed", *LARGE).exit_code == 0
    return Result.of(only_run(tmp_path / "undisturbed"))


def test_a_full_output_folder_stops_the_run_which_goes_on_when_there_is_room(
    small_disk: Path, undisturbed_large_run: Result
) -> None:
    outputs = small_disk / "outputs"
    stopped = run_small(outputs, *LARGE)
    directory = only_run(outputs)
    assert stopped.exit_code == 3, stopped.errors
    assert stopped.errors.splitlines()[-1] == (
        f"error: No space left on device ({directory / LAST}); check the folder's rights and its "
        "free space, or choose another paths.outputs or paths.data"
    )
    assert "Traceback" not in stopped.errors
    assert AtomicCheckpointIO().load_checkpoint(directory / LAST)["epoch"] == 0
    assert len((directory / "history.csv").read_text().splitlines()) == 2
    assert record(directory)["status"] in ("failed", "running")
    subprocess.run(["mount", "-o", "remount,size=16m", str(small_disk)], check=True)
    done = run_small(outputs, *LARGE)
    assert done.exit_code == 0, done.errors
    assert f"resuming from {directory / LAST}" in done.errors
    undisturbed_large_run.assert_same(Result.of(directory))


@pytest.mark.faults
def test_a_limit_on_file_sizes_stops_the_run_which_goes_on_without_it(
    tmp_path: Path, undisturbed_large_run: Result
) -> None:
    outputs = tmp_path / "outputs"
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (400_000, before[1]))
    try:
        stopped = run_small(outputs, *LARGE)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    directory = only_run(outputs)
    assert stopped.exit_code == 3, stopped.errors
    assert f"\nerror: File too large ({directory / LAST}); check" in stopped.errors
    assert "Traceback" not in stopped.errors
    left = {path.name for path in directory.iterdir()}
    assert left - {"code.diff"} == {"config.yaml", "run.json", "run.log"}
    failed = record(directory)
    assert (failed["status"], failed["error"][:7]) == ("failed", "OSError")
    assert run_small(outputs, *LARGE).exit_code == 0
    undisturbed_large_run.assert_same(Result.of(directory))


@pytest.mark.faults
def test_nothing_of_a_run_goes_through_the_temporary_folder(
    full_temporary_folder: Path, tmp_path: Path
) -> None:
    environment = os.environ | {"TMPDIR": str(full_temporary_folder)}
    done = train(tmp_path / "out", "model=basic", env=environment)
    assert done.returncode == 0, done.stderr
    assert [path.name for path in full_temporary_folder.iterdir()] == ["filling"]
    assert record(only_run(tmp_path / "out"))["status"] == "completed"
