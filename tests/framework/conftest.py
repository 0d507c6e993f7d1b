"""Autograd on for other tests, off for these, and the worst deviation from torch at the end."""

from collections.abc import Iterator

import pytest
import torch

import project.framework  # noqa: F401 - it turns autograd off; first here, to turn it on again
from tests.framework.parity import PASS, RUN, TRAINING

torch.set_grad_enabled(True)


@pytest.fixture(autouse=True, scope="package")
def autograd_off_and_one_thread() -> Iterator[None]:
    """The state in which the framework's import leaves the process; tests of torch switch it on."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # tensors this small gain nothing from more
    with torch.set_grad_enabled(False):
        yield
    torch.set_num_threads(threads)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    for parity in (PASS, TRAINING, RUN):
        if parity.comparisons:
            terminalreporter.write_line(str(parity))
