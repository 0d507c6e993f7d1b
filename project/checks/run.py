"""Carries out all checks; the slow ones run at the same time as the others."""

import signal
import traceback
import warnings
from collections.abc import Callable
from pathlib import Path

from pytorch_lightning.utilities.exceptions import SIGTERMException

from project.checks import (
    costs,
    evaluation,
    first_steps,
    leakage,
    learning,
    logged_metrics,
    numbers,
    repetition,
    sampling,
    workers,
)
from project.checks.candidate import Candidate
from project.checks.result import CheckResult, failed, not_checked
from project.checks.scratch_runs import begun
from project.checks.session import Session, begin, train_shortly
from project.config.source import is_own
from project.runs.interruption import Interrupted

Check = Callable[[Session], list[CheckResult]]
Progress = Callable[[str], None]

# The order of the rows in the table.
ORDER = (
    "one step", "gradients", "weights change", "schedule", "metrics", learning.DIRECTION,
    repetition.SAME, repetition.OTHER, repetition.RESUMED, sampling.NET, sampling.SEED,
    workers.NAME, leakage.LEAKAGE, leakage.BALANCE, evaluation.REPEATS, evaluation.BATCH,
    evaluation.SINGLE, learning.HEART, learning.SHUFFLED, "loss at the start", numbers.INPUTS,
    numbers.ACTIVATIONS, numbers.RELUS, numbers.NORMS, costs.VARIANTS, costs.TIME, costs.WAITING,
    costs.MEMORY,
)  # fmt: skip
# Checks that look at the first step.
FIRST: dict[str, Check] = {
    "one step": first_steps.check_step,
    "gradients": first_steps.check_gradients,
    "metrics": logged_metrics.check_logged,
    numbers.INPUTS: numbers.check_inputs,
    numbers.NORMS: numbers.check_norms,
}
# Checks that look at the short training; times are measured before other processes start.
SHORT: dict[str, Check] = {
    "weights change": first_steps.check_changes,
    "schedule": first_steps.check_schedule,
    numbers.ACTIVATIONS: numbers.check_activations,
    costs.TIME: costs.check_costs,
}
# Checks that are made while another process repeats runs.
MEANWHILE: dict[str, Check] = {
    leakage.LEAKAGE: leakage.check_contents,
    "loss at the start": first_steps.check_first_loss,
    sampling.NET: sampling.check_data,
    workers.NAME: workers.check_workers,
    evaluation.REPEATS: evaluation.check_repeats,
    evaluation.BATCH: evaluation.check_batches,
    learning.HEART: learning.check_heart,
    learning.SHUFFLED: learning.check_shuffled,
}


def run_checks(
    candidate: Candidate, progress: Progress, new_interpreter: bool = True
) -> list[CheckResult]:
    """Carry out all checks and return their results in the order of the table.

    Args:
        candidate: The experiment.
        progress: Called with the name of each check when it begins.
        new_interpreter: As `begun(..., is_new)`, for the runs that are repeated.

    Raises:
        ConfigurationError, DataError, NoRunError, CheckpointError: The experiment cannot be built.
        CorruptRunError: The record of the run of `init_from`, or a file of a repeated run, cannot
            be read.
        Interrupted: A signal has arrived.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            results = _run(candidate, progress, new_interpreter)
        except SIGTERMException:  # Lightning has noticed a SIGTERM; it would exit with code 0
            raise Interrupted(signal.SIGTERM) from None
    return sorted(results, key=lambda each: ORDER.index(each.name))


def _run(candidate: Candidate, progress: Progress, new_interpreter: bool) -> list[CheckResult]:
    progress("one step")
    try:
        session = begin(candidate)
    except Exception as error:
        if hasattr(error, "exit_code"):
            raise
        return _abandoned([_raised("one step", error)], "the first step fails")
    results = _carry_out(FIRST, session, progress)
    progress("a short training")
    try:
        train_shortly(session)
    except Exception as error:
        results.append(_raised("weights change", error))
        return _abandoned(results, "training a few steps fails")
    results += _carry_out(SHORT, session, progress)
    runs = repetition.plan(session)
    if isinstance(runs, list):
        results += _carry_out(MEANWHILE, session, progress) + runs
    else:
        with begun(runs.elsewhere, new_interpreter) as elsewhere:
            results += _carry_out(MEANWHILE, session, progress)
            progress(repetition.SAME)
            results += repetition.check_repetition(runs, elsewhere)
    return results + costs.check_memory(session)


def _abandoned(results: list[CheckResult], reason: str) -> list[CheckResult]:
    done = {each.name for each in results}
    return results + [not_checked(name, reason) for name in ORDER if name not in done]


def _carry_out(checks: dict[str, Check], session: Session, progress: Progress) -> list[CheckResult]:
    results: list[CheckResult] = []
    for name, check in checks.items():
        progress(name)
        try:
            results += check(session)
        except Exception as error:  # the experiment's own code can raise anything
            results.append(_raised(name, error))
    return results


def _raised(name: str, error: Exception) -> CheckResult:
    """Return the result of a check in which `error` was raised, with the last line of own code.

    Own code is the project's or the user's, not a library's, and outside the checks.
    """
    place = ""
    for frame, line in traceback.walk_tb(error.__traceback__):
        path = Path(frame.f_code.co_filename)
        if is_own(path) and path.parent != Path(__file__).parent:
            place = f" ({path}, line {line})"
    return failed(name, f"{type(error).__name__}: {error}{place}", "fix what is named")
