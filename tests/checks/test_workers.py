"""Claims: noise that workers or epochs share is found, in generators and in examples."""

import pytest

from project.checks.result import CheckResult, ok
from project.checks.workers import check_workers
from tests.checks.checking import broken, session_of


def checked(*words: str) -> CheckResult:
    with session_of(*words) as session:
        (result,) = check_workers(session)
        return result


@pytest.mark.parametrize(
    ("words", "seen"),
    [
        ([], "none: an example is always the same (no workers)"),
        (broken(data="NoisyBlobs"), "differs every time (no workers)"),
        ([*broken(data="NoisyBlobs"), "data.workers=2"], "differs every time (2 workers)"),
        ([*broken(data="SplitBlobs"), "data.workers=2"], "differs every time (2 workers)"),
    ],
)
def test_noise_that_is_drawn_apart_is_ok(words: list[str], seen: str) -> None:
    assert checked(*words) == ok("noise of workers", seen)


def test_workers_of_one_seed_are_found() -> None:
    result = checked(*broken(data="SameWorkers"), "data.workers=2")
    assert (result.status, result.seen) == (
        "failed",
        "numpy's global generator: all 2 workers draw the same",
    )


def test_a_generator_that_every_worker_has_a_copy_of_is_found() -> None:
    result = checked(*broken(data="CopiedGenerator"), "data.workers=2")
    assert (result.status, result.seen) == (
        "failed",
        "of one example: all 2 workers draw the same",
    )
