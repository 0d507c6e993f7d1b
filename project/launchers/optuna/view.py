"""The display of a search: a bar and the running jobs on a terminal, and one line per trial."""

import statistics
import time

from rich.console import Console, Group

from project.launchers.progress import MAX_RUNNING_ROWS, JobsView


class SearchView(JobsView):
    """Display of a search inside a `with` block; also the JobsView of its jobs.

    Args:
        trials: The number of trials in the whole search.
        ended: How many trials have ended in earlier sessions.
        console: Where to show the display; None for stdout.
    """

    def __init__(self, trials: int, ended: int, console: Console | None = None) -> None:
        super().__init__(console)
        self._trials = trials
        self._ended_trials = ended
        self._best = ""
        self._trained = False
        self._seconds: list[float] = []  # of the trials of this session that trained anything

    def __enter__(self) -> "SearchView":
        super().begin()
        return self

    def __exit__(self, *exception: object) -> None:
        super().stop()

    def trial_ended(self, line: str, best: str) -> None:
        """Count a trial that has ended, print a line about it, and show the best one so far."""
        self._ended_trials += 1
        self._best = best
        now = time.monotonic()
        if self._trained:
            self._seconds.append(now - self._began)
        self._trained, self._began = False, now  # for the next trial, which begins
        self._say(line)

    def begin(self) -> None:
        """Note that the present trial executes runs, so that its time counts in the estimate."""
        self._trained = True

    def stop(self) -> None:
        """Do nothing: the display ends with the `with` block."""

    def seconds_left(self) -> float | None:
        """Estimate the seconds until the search ends, from the trials that executed runs."""
        if not self._seconds:
            return None
        whole = statistics.fmean(self._seconds) * (self._trials - self._ended_trials)
        return max(0.0, whole - (time.monotonic() - self._began))

    def __rich__(self) -> Group:
        count = f"{self._ended_trials}/{self._trials} trials"
        head = self._head(self._trials, self._ended_trials, count, self._best)
        return Group(head, self._running_table(min(self.side_by_side, MAX_RUNNING_ROWS)))
