"""What runs on a Slurm node: one job, which stops when Slurm asks it to, and is queued again.

submitit's own signal handler would end the process at any point, not at a batch boundary.
"""

import faulthandler
import os
import signal
import subprocess
import sys
from pathlib import Path
from types import FrameType

from submitit.core.job_environment import JobEnvironment
from submitit.helpers import Checkpointable

from project.launchers.pool import perform
from project.runs.interruption import Interrupted
from project.runs.spec import RunSpec

# Announce preemption or the time limit: submitit sends SIGUSR2, sites send SIGUSR1 or SIGTERM.
USER_SIGNALS = (signal.SIGUSR1, signal.SIGUSR2)

# File in the sweep's folder of submitit's files: it exists once the launcher cancels the jobs.
CANCELLED = "cancelled"


class RunJob(Checkpointable):
    """Function object that submitit calls, with the same argument if the job is queued again."""

    def __init__(self, task: tuple[str, str]) -> None:
        self.task = task

    def __call__(self, spec: RunSpec) -> tuple[int, int]:
        """Carry out one run as `perform` does, and return the process id and the exit code.

        If a signal stopped the run and the job is not cancelled, the job is queued again and the
        call does not return.
        """
        faulthandler.enable()  # a crash leaves a line in the log
        sys.stdout.reconfigure(line_buffering=True)  # type: ignore[union-attr]
        submitits = signal.Signals[f"SIG{JobEnvironment.USR_SIG}"]
        queue_again = signal.getsignal(submitits)
        signal.signal(signal.SIGTERM, _stop_now)
        for number in USER_SIGNALS:
            signal.signal(number, _pass_on)
        code = perform(self.task, spec)
        if code == 128 + signal.SIGTERM and not _cancelled():
            assert callable(queue_again)
            queue_again(submitits, None)  # does not return
        return os.getpid(), code


def _stop_now(number: int, frame: FrameType | None) -> None:
    raise Interrupted(number)  # at a moment when the job does not train


def _pass_on(number: int, frame: FrameType | None) -> None:
    """Raise SIGTERM, which asks the run to stop; do so only once, as a second one would end it."""
    if signal.getsignal(signal.SIGTERM) is not signal.SIG_DFL:
        signal.raise_signal(signal.SIGTERM)


def _cancelled() -> bool:
    """Return whether the job must not queue itself again.

    That is so if it is being cancelled (`scancel` sends SIGTERM like a preemption), or if Slurm
    itself queues it again: then squeue no longer shows the job as RUNNING.
    """
    if (Path(os.environ["SUBMITIT_FOLDER"]) / CANCELLED).exists():
        return True
    job = os.environ.get("SLURM_JOB_ID")
    if job is None:  # submitit's local executor
        return False
    return squeue("--format=%T", f"--jobs={job}").stdout.strip() not in ("RUNNING", "")


def squeue(*options: str) -> subprocess.CompletedProcess[str]:
    """Ask Slurm about its jobs."""
    command = ["squeue", "--noheader", *options]
    return subprocess.run(command, capture_output=True, text=True, timeout=60)
