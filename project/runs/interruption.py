"""Ctrl-C and SIGTERM: the first one lets the batch at hand finish, a second one ends at once."""

import signal
from types import FrameType, TracebackType

SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Interrupted(BaseException):
    """The run was asked to stop. A BaseException, as KeyboardInterrupt is, and for its reasons."""

    def __init__(self, signal_number: int) -> None:
        super().__init__(f"interrupted by {signal.Signals(signal_number).name}")
        self.exit_code = 128 + signal_number


class StopFlag:
    """While entered, remembers the first signal; a second one ends the process at once."""

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
        """Raise Interrupted if a signal has come."""
        if self.signal_number is not None:
            raise Interrupted(self.signal_number)
