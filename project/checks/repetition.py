"""Checks of repeatability: the same seed twice, another seed, a run killed and resumed."""

import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from multiprocessing.process import BaseProcess
from typing import Any

from project.checks.result import CheckResult, failed, not_checked, ok
from project.checks.scratch_runs import ScratchRun, begun, start_method
from project.checks.session import Session
from project.runs.prepare import prepare_run
from project.seeding import SEED_LIMIT
from project.training.reproduce import differences, read_result

SAME, OTHER, RESUMED = "same seed, same bits", "another seed", "killed and resumed"
EPOCHS = 2
MIN_STEPS = 3
# The runs are left out if each would take more than this many times its time limit.
TOLERANCE = 4


@dataclass(frozen=True)
class Repetitions:
    """The runs of two epochs that are compared.

    Attributes:
        here: A run in a child of this process.
        again: A run at the same seed, in another interpreter.
        other: A run at another seed; None if all sources of chance have a fixed seed (seeds.*).
        killed: A run at the same seed that is killed after its first checkpoint.
        resumed: The killed run, continued in its directory.
        steps: The number of training batches in each epoch.
        is_whole: Whether all stages have all their batches.
    """

    here: ScratchRun
    again: ScratchRun
    other: ScratchRun | None
    killed: ScratchRun
    resumed: ScratchRun
    steps: int
    is_whole: bool

    @property
    def elsewhere(self) -> list[ScratchRun]:
        """The runs of the other interpreter, in the order in which they are carried out."""
        runs = [self.again, self.other, self.killed, self.resumed]
        return [each for each in runs if each is not None]


def plan(session: Session) -> Repetitions | float:
    """Plan the runs, with as many batches as the time limit allows.

    Returns:
        The runs; if even runs of MIN_STEPS steps take too long, the seconds of each instead.

    Raises:
        ConfigurationError, NoRunError, CorruptRunError, DataError: As `prepare_run`.
    """
    limit = session.candidate.limits.repeated_run
    steps = session.affordable("train", limit / EPOCHS / 2, MIN_STEPS)
    tests = session.affordable("test", limit / 8)
    evaluations = session.affordable("val", limit / 8)
    seconds = (
        EPOCHS * (steps * session.step_seconds + evaluations * session.evaluation_seconds)
        + tests * session.evaluation_seconds
    )
    if seconds > TOLERANCE * limit:
        return seconds
    counts = {"train": steps, "val": evaluations, "test": tests}
    limits = {
        f"limit_{stage}_batches": count
        for stage, count in counts.items()
        if count != session.batches[stage]
    }
    config = session.config | {
        "trainer": session.config["trainer"] | {"max_epochs": EPOCHS} | limits,
        "checkpoints": {"max_overhead": 1.0},
    }
    other = config | {"seed": (config["seed"] + 1) % SEED_LIMIT}
    is_held = None not in ((config.get("seeds") or {}).get(name) for name in session.seeds)
    killed = _scratch_run(session, config, "killed")
    return Repetitions(
        here=_scratch_run(session, config, "here"),
        again=_scratch_run(session, config, "again"),
        other=None if is_held else _scratch_run(session, other, "other"),
        killed=replace(killed, killed_after=min(2, steps)),
        resumed=killed,
        steps=steps,
        is_whole=not limits,
    )


def _scratch_run(session: Session, config: dict[str, Any], name: str) -> ScratchRun:
    spec = replace(prepare_run(config), outputs=session.candidate.scratch / name)
    return ScratchRun(spec)


@contextmanager
def begun_elsewhere(
    session: Session, repetitions: Repetitions, is_new: bool = True
) -> Iterator[BaseProcess]:
    """Carry out the runs of the other interpreter while the `with` block is executed.

    Args:
        session: The experiment.
        repetitions: The runs.
        is_new: Whether to start a new interpreter; False forks this process where possible.

    Yields:
        The process that carries them out; join it to wait for them.
    """
    log = session.candidate.scratch / "elsewhere.txt"
    method = start_method(repetitions.here.spec.threads)
    with begun(repetitions.elsewhere, log, method, is_new) as process:
        yield process


def check_repetition(
    session: Session, repetitions: Repetitions | float, elsewhere: BaseProcess | None
) -> list[CheckResult]:
    """Carry out the run `here`, wait for the others, and compare all of them bit for bit.

    Args:
        session: The experiment.
        repetitions: The runs, or the seconds of each if they are left out.
        elsewhere: The process that carries out the runs of the other interpreter; None if they
            are left out.

    Returns:
        The results SAME, OTHER and RESUMED.

    Raises:
        CorruptRunError: A file of a run cannot be read.
    """
    if not isinstance(repetitions, Repetitions) or elsewhere is None:
        seconds = repetitions if isinstance(repetitions, float) else math.nan
        reason = f"two epochs of {MIN_STEPS} steps would take about {seconds:.0f} s"
        names = (SAME, OTHER, RESUMED)
        return [not_checked(name, reason, "thorough=true makes it") for name in names]
    log = session.candidate.scratch / "here.txt"
    method = start_method(repetitions.here.spec.threads)
    with begun([repetitions.here], log, method, is_new=False) as here:
        here.join()
    elsewhere.join()
    return [
        _same_seed(repetitions),
        _other_seed(repetitions),
        _resumed(repetitions),
    ]


def _compare(first: ScratchRun, second: ScratchRun) -> tuple[str | None, list[str]]:
    """Return the first failure of two runs (None without one), and their differences."""
    for each in (first, second):
        if (failure := each.failure()) is not None:
            return failure, []
    stored = read_result(first.spec.directory.path)
    return None, list(differences(stored, read_result(second.spec.directory.path)))


def _extent(repetitions: Repetitions) -> str:
    whole = "" if repetitions.is_whole else f" of {repetitions.steps} steps"
    return f"{EPOCHS} epochs{whole}"


def _first(found: list[str]) -> str:
    """Return the first difference in last.ckpt, or the first of all if there is none."""
    return next((line for line in found if line.startswith("last.ckpt")), found[0])


def _same_seed(repetitions: Repetitions) -> CheckResult:
    failure, found = _compare(repetitions.here, repetitions.again)
    if failure is not None:
        return failed(SAME, f"a run of it fails: {failure}", "fix it first")
    if found:
        return failed(
            SAME,
            f"after {_extent(repetitions)} {_first(found)}",
            "draw from torch's, numpy's or random's global generators, or from the `seed` that a "
            "data module is given; no clock, no default_rng() without a seed, no order of a set",
        )
    return ok(SAME, f"twice the same after {_extent(repetitions)}, in two interpreters")


def _other_seed(repetitions: Repetitions) -> CheckResult:
    if repetitions.other is None:
        return not_checked(OTHER, "all sources of chance are held (seeds.*)")
    failure, found = _compare(repetitions.again, repetitions.other)
    if failure is not None:
        return failed(OTHER, f"a run of it fails: {failure}", "fix it first")
    if not found:
        return failed(
            OTHER,
            f"the seed is ignored: the same bits after {_extent(repetitions)}",
            "leave out manual_seed in your own code: runs that are copies have no spread",
        )
    return ok(OTHER, f"other bits after {_extent(repetitions)}")


def _resumed(repetitions: Repetitions) -> CheckResult:
    failure, found = _compare(repetitions.again, repetitions.resumed)
    if failure is not None:
        return failed(RESUMED, f"a run of it fails: {failure}", "fix it first")
    if found:
        return failed(
            RESUMED,
            f"killed after an epoch it ends otherwise: {_first(found)}",
            "keep what changes in training in buffers, in state_dict or in on_save_checkpoint",
        )
    return ok(RESUMED, f"as undisturbed, after {_extent(repetitions)}")
