"""Runs of a second, and ways for them to end early."""

import signal
from collections.abc import Callable

from project.models import Siamese
from project.training.fit import Outcome
from project.runs.interruption import StopFlag

EPOCHS = 3
BATCHES = 3  # in an epoch: 40 pairs, 16 at a time

RARELY = 1e-9  # of the time for checkpoints: none between the first epoch and the last

Train = Callable[..., Outcome]


class StopAfter(StopFlag):
    """A user who interrupts the run when it has trained on so many batches."""

    def __init__(self, batches: int) -> None:
        super().__init__()
        self.batches = batches

    def check(self) -> None:
        if self.batches == 0:
            self.signal_number = signal.SIGTERM
        self.batches -= 1
        super().check()


class Killed(BaseException):
    """A process that dies at this place."""


def siamese() -> Siamese:
    """Everything that has a state or draws numbers: dropout, batch norm, auxiliary losses."""
    return Siamese([4, 6], 8, 8, True, 0.2, 0.2, "both", "probabilities")
