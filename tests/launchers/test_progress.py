"""How far a job is and how long it will take, from the history.csv of its run."""

from pathlib import Path

import pytest

from project.launchers.experiment import Job
from project.launchers.progress import JobProgress, clock, job_name, last_epoch
from tests.launchers.odd_jobs import odd_job


def job_in(outputs: Path, label: str = "", **config: object) -> Job:
    made = odd_job(outputs, 0, "nothing", label, **config)
    made.directory.mkdir(parents=True)
    return Job(0, (), label, made.spec)


def write(job: Job, epochs: int) -> None:
    rows = "".join(f"{epoch},0.5\n" for epoch in range(1, epochs + 1))
    (job.directory / "history.csv").write_text(f"epoch,val/error\n{rows}")


def test_the_last_epoch_is_that_of_the_last_line(tmp_path: Path) -> None:
    job = job_in(tmp_path)
    assert last_epoch(job.directory) == 0
    for text, epoch in (("", 0), ("epoch,lr\n", 0), ("epoch,lr\n1,0.1\n12,0.1\n", 12)):
        (job.directory / "history.csv").write_text(text)
        assert last_epoch(job.directory) == epoch


def test_the_pace_is_that_between_two_epochs_that_were_seen(tmp_path: Path) -> None:
    job = job_in(tmp_path, trainer={"max_epochs": 10})
    write(job, 2)  # of an earlier session
    progress = JobProgress(job, 100.0)
    assert (progress.epochs, progress.epoch) == (10, 2)
    progress.look(110.0)
    assert progress.seconds_left(110.0) is None
    write(job, 3)
    progress.look(120.0)  # the start-up is over
    assert (progress.epoch, progress.seconds_left(120.0)) == (3, None)
    write(job, 5)
    progress.look(126.0)
    # Two epochs in six seconds, five epochs are left.
    assert progress.seconds_left(126.0) == 15.0
    assert progress.seconds_left(130.0) == 11.0
    assert progress.seconds_left(200.0) == 0.0


def test_a_job_without_a_number_of_epochs_has_no_time_left(tmp_path: Path) -> None:
    job = job_in(tmp_path)
    progress = JobProgress(job, 0.0)
    for epoch in (1, 2):
        write(job, epoch)
        progress.look(10.0 * epoch)
    assert (progress.epochs, progress.epoch, progress.seconds_left(30.0)) == (None, 2, None)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(None, "-"), (0.4, "0:00"), (59.6, "1:00"), (123.0, "2:03"), (3723.0, "1:02:03")],
)
def test_times_are_minutes_and_seconds(seconds: float | None, text: str) -> None:
    assert clock(seconds) == text


def test_a_job_is_named_by_its_run_and_its_label(tmp_path: Path) -> None:
    plain, labelled = job_in(tmp_path / "a"), job_in(tmp_path / "b", "optimizer.lr=0.1")
    name = f"{plain.directory.parent.name}/{plain.directory.name}"
    assert job_name(plain) == name
    assert job_name(labelled).endswith("/seed_0 (optimizer.lr=0.1)")
