"""Handling of Ctrl-C and SIGTERM: the first lets the batch finish, a second ends the process."""

import signal
from types import FrameType

SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Interrupted(BaseException):
    """A signal has asked the run to stop; `exit_code` is 128 plus its number.

    A BaseException like KeyboardInterrupt, so that `except Exception` does not catch it.
    """

    def __init__(self, signal_number: int) -> None:
        super().__init__(f"interrupted by {signal.Signals(signal_number).name}")
        self.exit_code = 128 + signal_number


class StopFlag:
    """Context manager that remembers a first SIGINT or SIGTERM; a second one ends the process."""

    def __init__(self) -> None:
        self.signal_number: int | None = None

    def __enter__(self) -> "StopFlag":
        self._before = {number: signal.getsignal(number) for number in SIGNALS}
        for number in SIGNALS:
            signal.signal(number, self._remember)
        return self

    def _remember(self, number: int, frame: FrameType | None) -> None:
        self.signal_number = number
        for each in SIGNALS:
            signal.signal(each, signal.SIG_DFL)

    def __exit__(self, *exception: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def check(self) -> None:
        """Raise Interrupted if a signal has come since the `with` block was entered."""
        if self.signal_number is not None:
            raise Interrupted(self.signal_number)
