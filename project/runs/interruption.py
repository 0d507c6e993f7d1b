"""Handling of Ctrl-C and SIGTERM: the first lets the batch finish, a second ends the process."""

import signal
from types import FrameType, TracebackType

SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Interrupted(BaseException):
    """A signal has asked the run to stop.

    A BaseException like KeyboardInterrupt, so that `except Exception` does not catch it.

    Args:
        signal_number: The signal; `exit_code` is 128 plus this number.
    """

    def __init__(self, signal_number: int) -> None:
        super().__init__(f"interrupted by {signal.Signals(signal_number).name}")
        self.exit_code = 128 + signal_number


class StopFlag:
    """Context manager that remembers a first SIGINT or SIGTERM; a second one ends the process.

    Leaving the `with` block restores the signal handlers.

    Attributes:
        signal_number: The signal that came; None if none has.
    """

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

    def __exit__(
        self,
        exception_type: type[BaseException] | None,
        exception: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def check(self) -> None:
        """Raise Interrupted if a signal has come since the `with` block was entered."""
        if self.signal_number is not None:
            raise Interrupted(self.signal_number)
