"""Checks of cost: the time of a step, a run and the sweep, memory, and waiting for data."""

import resource
import statistics
import sys
import time
from dataclasses import dataclass, replace

import torch

from project.checks.candidate import Candidate, Variant, prepare_variant
from project.checks.result import CheckResult, failed, not_checked, ok, percent, some, warning
from project.checks.session import Session, begin
from project.cli.arguments import typed_override
from project.results.listing import size_text

TIME, VARIANTS, WAITING, MEMORY = "time", "other variants", "waiting for data", "memory"
# Waiting for more than this share of the time and this many seconds a batch gets a warning.
MUCH_WAITING, LONG_WAIT = 0.3, 0.01


@dataclass(frozen=True)
class Cost:
    """The estimated cost of a run; None where loaders have no length."""

    step: float  # seconds of a training step, including the wait for its batch
    steps: int | None  # training steps in an epoch
    run: float | None  # seconds of the whole run without its start-up


def cost_of(session: Session) -> Cost:
    """Estimate the cost of a run from the times that the session has measured."""
    step, epochs = session.step_seconds + _wait(session), session.config["trainer"]["max_epochs"]
    steps, validations = session.batches["train"], session.batches["val"]
    if steps is None or validations is None:
        return Cost(step, steps, None)
    evaluations = epochs * validations + (session.batches["test"] or 0)
    return Cost(step, steps, epochs * steps * step + evaluations * session.evaluation_seconds)


def _wait(session: Session) -> float:
    waits = session.short.wait_seconds or session.first.wait_seconds
    return statistics.fmean(waits) if waits else 0.0


def check_costs(session: Session) -> list[CheckResult]:
    """Estimate the time of a run and of the sweep, after a step of each of its other variants.

    Returns:
        The results VARIANTS (of a sweep with several variants), TIME and WAITING.
    """
    first, candidate = cost_of(session), session.candidate
    results, costs = [], [first.run]
    if len(candidate.variants) > 1:
        result, others = _try_others(candidate)
        torch.set_num_threads(candidate.spec.threads)
        results, costs = [result], [first.run, *others]
    return [*results, _time(candidate, first, costs), _waiting(session)]


def _try_others(candidate: Candidate) -> tuple[CheckResult, list[float | None]]:
    """Make a step of each variant but the first; also return the seconds of a run of each."""
    end = time.monotonic() + candidate.limits.variants
    costs: list[float | None] = []
    broken, others = [], candidate.variants[1:]
    for variant in others:
        if time.monotonic() > end:
            break
        try:
            spec = prepare_variant(variant, candidate.config_dirs, candidate.scratch)
            session = begin(replace(candidate, spec=spec, variants=[variant]))
            costs.append(cost_of(session).run)
        except Exception as error:
            broken.append(f"{' '.join(_own(candidate, variant))}: {error}")
    seen = f"{len(costs)} of {len(others)} make a step"
    if broken:
        return failed(VARIANTS, f"{seen}; {some(broken, 2)}", "fix them or leave them out"), costs
    if len(costs) < len(others):
        seen += ", the others were not tried (thorough=true)"
    return ok(VARIANTS, seen), costs


def _own(candidate: Candidate, variant: Variant) -> list[str]:
    """Return the overrides of a variant that the first variant lacks, without the seed."""
    own = [word for word in variant.words if word not in candidate.variants[0].words]
    return [typed_override(word) for word in own if not word.startswith("seed=")]


def _time(candidate: Candidate, first: Cost, costs: list[float | None]) -> CheckResult:
    seen = f"{1000 * first.step:.3g} ms a step"
    if first.steps is not None:
        seen += f", {first.steps:,} step{'s' * (first.steps != 1)} an epoch"
    if first.run is None:
        return ok(TIME, f"{seen}; how many steps there are the loaders do not know")
    seen += f"; a run takes about {duration(first.run)}"
    runs = sum(variant.runs for variant in candidate.variants)
    if runs == 1:
        return ok(TIME, seen)
    # All variants have the same number of runs.
    work = runs * statistics.fmean([each for each in costs if each is not None])
    at_once = min(candidate.side_by_side or 1, runs)
    how = f"{at_once} at a time" if at_once > 1 else "one after the other"
    return ok(TIME, f"{seen}; the sweep of {runs:,} runs about {duration(work / at_once)}, {how}")


def _waiting(session: Session) -> CheckResult:
    waits = session.short.wait_seconds
    if not waits:
        return not_checked(WAITING, "an epoch has a single step")
    wait = _wait(session)
    share = wait / (wait + session.step_seconds)
    seen = f"{percent(share)} of the time, {1000 * wait:.2g} ms a batch"
    if share > MUCH_WAITING and wait > LONG_WAIT:
        advice = "num_workers: more for slow examples, 0 for examples that are in memory"
        return warning(WAITING, seen, advice)
    return ok(WAITING, seen)


def check_memory(session: Session) -> list[CheckResult]:
    """Report the peak memory: of the GPU, or on a CPU of the largest run's process."""
    if session.config["trainer"]["accelerator"] != "cpu" and torch.cuda.is_initialized():
        peak = torch.cuda.max_memory_allocated()
        return [ok(MEMORY, f"at most {size_text(peak)} of the GPU's")]
    unit = 1 if sys.platform == "darwin" else 1024
    children = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    peak = unit * (children or resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
    return [ok(MEMORY, f"at most {size_text(peak)} for a run's process, libraries included")]


def duration(seconds: float) -> str:
    """Return a time as text: `3.2 s`, `45 min`, `2.5 h`."""
    if seconds < 120:
        return f"{seconds:.2g} s" if seconds < 10 else f"{seconds:.0f} s"
    minutes = seconds / 60
    return f"{minutes:.0f} min" if minutes < 120 else f"{minutes / 60:.1f} h"
