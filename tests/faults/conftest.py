"""What the tests of faults share: a completed small run, and what it came to."""

from pathlib import Path

import pytest

from tests.faults.results import Result


@pytest.fixture
def undisturbed(finished_run: Path) -> Result:
    """The small run's result when nothing goes wrong."""
    return Result.of(finished_run)
