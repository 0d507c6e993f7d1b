"""The first signal asks, and says later which one it was."""

import os
import signal

import pytest

from project.runs.interruption import Interrupted, StopFlag

NUMBERS = (signal.SIGINT, signal.SIGTERM)


@pytest.mark.parametrize(("number", "exit_code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_is_remembered_until_it_is_asked_for(
    number: signal.Signals, exit_code: int
) -> None:
    with StopFlag() as stop:
        stop.check()
        os.kill(os.getpid(), number)
        with pytest.raises(Interrupted, match=f"interrupted by {number.name}") as interrupted:
            stop.check()
    assert interrupted.value.exit_code == exit_code


def test_a_second_signal_would_end_the_process() -> None:
    with StopFlag():
        os.kill(os.getpid(), signal.SIGTERM)
        handlers = [signal.getsignal(number) for number in NUMBERS]
    assert handlers == [signal.SIG_DFL, signal.SIG_DFL]


def test_the_handlers_from_before_come_back() -> None:
    before = [signal.getsignal(number) for number in NUMBERS]
    with StopFlag():
        assert all(signal.getsignal(number) not in before for number in NUMBERS)
        os.kill(os.getpid(), signal.SIGTERM)
    assert [signal.getsignal(number) for number in NUMBERS] == before
