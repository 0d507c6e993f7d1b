"""A pool that submits jobs through submitit, to Slurm or as processes on this machine."""

import os
import pickle
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from submitit import AutoExecutor
from submitit import Job as Submission
from submitit.core.utils import FailedSubmissionError

from project.config.errors import ConfigurationError
from project.launchers.experiment import Job
from project.launchers.pool import JobEnd, Pool, last_line
from project.launchers.slurm.job import CANCELLED, RunJob, squeue
from project.launchers.slurm.settings import SlurmSettings
from project.runs.provenance import available_cores

POLL_SECONDS = 0.2  # between looks for results
STATE_SECONDS = 20.0  # between questions to Slurm, for jobs that ended without a result
SUBMITITS_PARALLELISM = 256


@dataclass
class _Submitted:
    job: Job
    submission: "Submission[tuple[int, int]]"
    begun: bool = False


class SubmititPool(Pool):
    """Pool that submits jobs and yields each one when its result appears in the shared folder.

    On Slurm all waiting jobs are submitted at once, in arrays of at most `array_size`; on this
    machine only as many as may run at a time.

    Args:
        settings: The keys of the launcher.
        task: Module and name of the function that carries out a job.
        folder: Where submitit's files go; `close` removes them, except the logs of failed jobs.
    """

    def __init__(self, settings: SlurmSettings, task: tuple[str, str], folder: Path) -> None:
        super().__init__()
        self._here = settings.here
        self._array_size = settings.array_size
        self._run_job = RunJob(task)
        most = available_cores() if self._here else SUBMITITS_PARALLELISM
        self.slots = settings.array_parallelism or most
        self.in_flight: list[_Submitted] = []
        self._unsent: list[Job] = []
        self._asked_slurm = time.monotonic()
        self._gone: set[str] = set()  # names of jobs that Slurm did not know when asked last,
        self._over_for_slurm: set[str] = set()  # and those also unknown the time before
        folder.mkdir(parents=True, exist_ok=True)
        began = time.strftime("%Y-%m-%d_%H-%M-%S_")
        self.folder = Path(tempfile.mkdtemp(prefix=began, dir=folder))
        retries = {f"{settings.cluster}_max_num_timeout": settings.max_num_timeout}
        self._executor = AutoExecutor(self.folder, cluster=settings.cluster, **retries)
        self._executor.update_parameters(**settings.parameters)

    def close(self) -> None:
        """Remove submitit's files but the logs of failures."""
        for left in self.folder.iterdir():
            if not left.name.endswith("_log.out"):  # scripts, and jobs that never began
                left.unlink(missing_ok=True)
        with suppress(OSError):  # not empty
            self.folder.rmdir()
            self.folder.parent.rmdir()

    def _has_room(self) -> bool:
        if self._here:
            return len(self.in_flight) + len(self._unsent) < self.slots
        return len(self._unsent) < self._array_size

    def _start(self, job: Job, started: Callable[[Job], None]) -> None:
        job.directory.parent.mkdir(parents=True, exist_ok=True)
        self._unsent.append(job)

    def _poll(self, started: Callable[[Job], None]) -> Iterator[JobEnd]:
        if self._unsent:
            self._submit()
        time.sleep(POLL_SECONDS)
        self._ask_slurm()
        for each in self.in_flight:
            if not each.begun and each.submission.paths.stdout.exists():
                each.begun = True
                started(each.job)
        if not self.starting and not self._here:
            self._take_back()
        for each in [each for each in self.in_flight if self._over(each.submission)]:
            self.in_flight.remove(each)
            ended = _end(each)
            paths = each.submission.paths
            for path in (paths.submitted_pickle, paths.result_pickle):
                path.unlink(missing_ok=True)
            yield ended

    def _submit(self) -> None:
        jobs, self._unsent = self._unsent, []
        # Local processes inherit the blocked SIGINT: a terminal's Ctrl-C reaches only the launcher.
        before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        try:
            submissions = self._executor.map_array(self._run_job, [job.spec for job in jobs])
        except FailedSubmissionError as error:
            lines = [line for line in str(error).splitlines() if line.strip()]
            raise ConfigurationError(f"sbatch refused the jobs: {lines[-1]}") from None
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)
        self.in_flight += map(_Submitted, jobs, submissions)

    def _ask_slurm(self) -> None:
        """Ask Slurm which jobs it still knows; submitit would use sacct, which some sites lack."""
        pause = 2.0 if self._signals else STATE_SECONDS
        if self._here or not self.in_flight or time.monotonic() - self._asked_slurm < pause:
            return
        self._asked_slurm = time.monotonic()
        names = {each.submission.job_id for each in self.in_flight}
        arrays = ",".join(sorted({name.split("_")[0] for name in names}))
        try:
            asked = squeue("--array", "--format=%i", f"--jobs={arrays}")
        except subprocess.TimeoutExpired:
            return
        if asked.returncode and "Invalid job id" not in asked.stderr:
            return  # no answer now; "Invalid job id" means that Slurm knows none of the jobs
        gone = names - set(asked.stdout.split())
        # The file system may show the result of a job that has just ended only later.
        self._over_for_slurm, self._gone = gone & self._gone, gone

    def _over(self, submission: "Submission[tuple[int, int]]") -> bool:
        if self._here:
            return submission.done()
        return submission.paths.result_pickle.exists() or submission.job_id in self._over_for_slurm

    def _take_back(self) -> None:
        """Cancel the jobs that Slurm has not begun."""
        pending = [each for each in self.in_flight if not each.begun]
        _scancel(pending)
        self.in_flight = [each for each in self.in_flight if each.begun]

    def _ask_to_stop(self) -> None:
        """Cancel all jobs; they stop at a batch boundary and do not queue themselves again."""
        (self.folder / CANCELLED).touch()
        if not self._here:
            _scancel(self.in_flight)
            return
        for each in self.in_flight:
            with suppress(ProcessLookupError):
                os.kill(int(each.submission.job_id), signal.SIGTERM)

    def _kill(self) -> None:
        """Cancel all jobs and wait for none; a second SIGTERM ends a local job at once."""
        self._ask_to_stop()
        self.in_flight.clear()


def _end(each: _Submitted) -> JobEnd:
    paths = each.submission.paths
    log = paths.stdout
    try:
        outcome, result = pickle.loads(paths.result_pickle.read_bytes())
    except FileNotFoundError:  # killed, out of memory, out of time; or not seen from here
        cause = f"left no result: {last_line(log) or 'it has printed nothing'}"
        return JobEnd(each.job, log, 0, cause=cause)
    if outcome == "error":
        return JobEnd(each.job, log, 1, cause=result.strip().splitlines()[-1])
    pid, exit_code = result
    return JobEnd(each.job, log, exit_code, pid)


def _scancel(submitted: Sequence[_Submitted]) -> None:
    if submitted:
        names = [each.submission.job_id for each in submitted]
        subprocess.run(["scancel", *names], capture_output=True)
