"""What happens on a node of Slurm: one job, which makes room when asked, and is queued again.

submitit's own handler would end the process in the middle of whatever it does. Here the signal asks
the run to stop at its next batch boundary, and only then submitit queues the job again; the run
goes on from its checkpoint, to the same bits.
"""

import faulthandler
import os
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

from submitit.core.job_environment import JobEnvironment
from submitit.helpers import Checkpointable

from project.launchers.job import perform
from project.runs.spec import RunSpec

# A time limit that is near, or preemption: SIGUSR2 is submitit's, SIGUSR1 and SIGTERM are sites'.
USER_SIGNALS = (signal.SIGUSR1, signal.SIGUSR2)

# In the sweep's folder of submitit's files: the launcher has cancelled the jobs.
CANCELLED = "cancelled"


class StoppedError(BaseException):
    """The signal came when nothing was being trained."""

    def __init__(self, number: int) -> None:
        super().__init__(f"stopped by {signal.Signals(number).name}")
        self.exit_code = 128 + number


@dataclass(frozen=True)
class JobResult:
    """How the job ended, as in `project.launchers.pool.JobEnd`."""

    pid: int
    exit_code: int


class RunJob(Checkpointable):
    """Carries out `task`; queued again, it does the same, for all state is in the run directory."""

    def __call__(self, task: tuple[str, str], spec: RunSpec) -> JobResult:
        """Carry out one run as a job of Slurm."""
        faulthandler.enable()  # a crash leaves a line in the log
        sys.stdout.reconfigure(line_buffering=True)  # type: ignore[union-attr]
        queue_again = signal.getsignal(signal.Signals[f"SIG{JobEnvironment.USR_SIG}"])
        signal.signal(signal.SIGTERM, _stop_now)
        for number in USER_SIGNALS:
            signal.signal(number, _pass_on)
        code = perform(task, spec)
        if code == 128 + signal.SIGTERM and not _cancelled():
            assert callable(queue_again)
            queue_again(signal.Signals[f"SIG{JobEnvironment.USR_SIG}"], None)  # does not return
        return JobResult(os.getpid(), code)


def _stop_now(number: int, frame: FrameType | None) -> None:
    raise StoppedError(number)


def _pass_on(number: int, frame: FrameType | None) -> None:
    """SIGTERM, to which a run listens; a second one would end it at once, so there is but one."""
    if signal.getsignal(signal.SIGTERM) is not signal.SIG_DFL:
        signal.raise_signal(signal.SIGTERM)


def _cancelled() -> bool:
    """Whether the job is not to come back: it was cancelled, or Slurm queues it again by itself.

    `scancel` sends SIGTERM too, and a job that then queued itself again could not be cancelled.
    Slurm no longer says RUNNING of one that it takes off its node.
    """
    if (Path(os.environ["SUBMITIT_FOLDER"]) / CANCELLED).exists():
        return True
    job = os.environ.get("SLURM_JOB_ID")
    if job is None:  # submitit's local executor
        return False
    asked = subprocess.run(
        ["squeue", "--noheader", "--format=%T", f"--jobs={job}"],
        capture_output=True,
        text=True,
        timeout=60,
    )
    return asked.stdout.strip() not in ("RUNNING", "")
