"""The experiment of `tests/checks/conf`, as the words of a command line describe it."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

from project.checks.candidate import Candidate, Limits, read_candidate
from project.checks.result import CheckResult
from project.checks.session import Session, begin, train_shortly

CONF = Path(__file__).parent / "conf"
WORDS = ("--config-dir", str(CONF), "task=blobs", "data=blobs", "model=blobs")
BROKEN = "tests.checks.broken"
# Small nets need no seconds.
LIMITS = Limits(short_training=30.0, heart_steps=300, heart_seconds=60.0, shuffled_training=0.6)


def broken(**sections: str) -> list[str]:
    """Return the words that put broken classes into sections: `task="Detached"`."""
    return [f"{section}._target_={BROKEN}.{name}" for section, name in sections.items()]


@contextmanager
def candidate_of(*words: str) -> Iterator[Candidate]:
    """Read the experiment, changed by words; its scratch folder is there while entered."""
    with TemporaryDirectory(prefix="check-") as scratch:
        yield replace(read_candidate([*WORDS, *words], Path(scratch)), limits=LIMITS)


@contextmanager
def session_of(*words: str, trains: bool = False) -> Iterator[Session]:
    """Make the first step of the experiment, and a short training if asked."""
    # As run_checks does: what Lightning warns of is what the checks are about.
    with candidate_of(*words) as candidate, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        session = begin(candidate)
        if trains:
            train_shortly(session)
        yield session


def by_name(results: list[CheckResult]) -> dict[str, CheckResult]:
    """Return results by the names of their checks."""
    return {each.name: each for each in results}
