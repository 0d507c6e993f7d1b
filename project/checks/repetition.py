"""Checks of repeatability: the same seed twice, another seed, a run killed and resumed."""

from dataclasses import dataclass, replace
from multiprocessing.process import BaseProcess
from typing import Any

from project.checks.result import FAILED, CheckResult, failed, not_checked, ok
from project.checks.scratch_runs import ScratchRun, begun
from project.checks.session import Session
from project.runs.prepare import prepare_run
from project.seeding import SEED_LIMIT
from project.training.reproduce import differences, read_result

SAME, OTHER, RESUMED = "same seed, same bits", "another seed", "killed and resumed"
EPOCHS = 2
MIN_STEPS = 3
# The runs are left out if each would take more than this many times its time limit.
TOLERANCE = 4
ADVICE = {
    SAME: "draw from torch's, numpy's or random's global generators, or from the `seed` that a "
    "data module is given; no clock, no default_rng() without a seed, no order of a set",
    OTHER: "leave out manual_seed in your own code: runs that are copies have no spread",
    RESUMED: "keep what changes in training in buffers, in state_dict or in on_save_checkpoint",
}


@dataclass(frozen=True)
class Repetitions:
    """The runs of two epochs that are compared."""

    here: ScratchRun  # in a child of this process
    again: ScratchRun  # at the same seed, in another interpreter
    other: ScratchRun | None  # at another seed; None if all have a fixed seed (seeds.*)
    resumed: ScratchRun  # at the same seed, killed after its first checkpoint, and continued
    elsewhere: list[ScratchRun]  # all of the other interpreter, in the order of their execution
    extent: str  # how long the runs are, for messages


def plan(session: Session) -> Repetitions | list[CheckResult]:
    """Plan the runs, with as many batches as the time limit allows.

    If even runs of MIN_STEPS steps take too long, return the results that say so instead.
    """
    limit = session.candidate.limits.repeated_run
    counts = {
        "train": session.affordable("train", limit / EPOCHS / 2, MIN_STEPS),
        "val": session.affordable("val", limit / 8),
        "test": session.affordable("test", limit / 8),
    }
    evaluations = EPOCHS * counts["val"] + counts["test"]
    seconds = EPOCHS * counts["train"] * session.step_seconds
    seconds += evaluations * session.evaluation_seconds
    if seconds > TOLERANCE * limit:
        reason = f"two epochs of {MIN_STEPS} steps would take about {seconds:.0f} s"
        names = (SAME, OTHER, RESUMED)
        return [not_checked(name, reason, "thorough=true makes it") for name in names]
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

    def scratch_run(name: str, config: dict[str, Any] = config) -> ScratchRun:
        outputs = session.candidate.scratch / name
        return ScratchRun(replace(prepare_run(config), outputs=outputs))

    again, resumed = scratch_run("again"), scratch_run("killed")
    different = None if is_held else scratch_run("other", other)
    killed = replace(resumed, killed_after=min(2, counts["train"]))
    return Repetitions(
        here=scratch_run("here"),
        again=again,
        other=different,
        resumed=resumed,
        elsewhere=[each for each in (again, different, killed, resumed) if each is not None],
        extent=f"{EPOCHS} epochs" + (f" of {counts['train']} steps" if limits else ""),
    )


def check_repetition(runs: Repetitions, elsewhere: BaseProcess) -> list[CheckResult]:
    """Carry out the run `here`, wait for those `elsewhere`, and compare all of them bit for bit.

    Raises:
        CorruptRunError: A file of a run cannot be read.
    """
    with begun([runs.here], is_new=False) as here:
        here.join()
    elsewhere.join()
    extent = runs.extent
    same = ok(SAME, f"twice the same after {extent}, in two interpreters")
    other = not_checked(OTHER, "all sources of chance are held (seeds.*)")
    resumed = ok(RESUMED, f"as undisturbed, after {extent}")
    drawn = failed(SAME, f"after {extent}", ADVICE[SAME])
    kept = failed(RESUMED, "killed after an epoch it ends otherwise:", ADVICE[RESUMED])
    if runs.other is not None:
        ignored = f"the seed is ignored: the same bits after {extent}"
        if_same = failed(OTHER, ignored, ADVICE[OTHER])
        other = _compare(runs.again, runs.other, if_same, ok(OTHER, f"other bits after {extent}"))
    return [
        _compare(runs.here, runs.again, same, drawn),
        other,
        _compare(runs.again, runs.resumed, resumed, kept),
    ]


def _compare(
    first: ScratchRun, second: ScratchRun, if_same: CheckResult, if_other: CheckResult
) -> CheckResult:
    """Return one of two results of a comparison; a failed one names the first difference."""
    for each in (first, second):
        if (failure := each.failure()) is not None:
            return failed(if_same.name, f"a run of it fails: {failure}", "fix it first")
    results = [read_result(each.spec.directory.path) for each in (first, second)]
    found = sorted(differences(*results), key=lambda line: not line.startswith("last.ckpt"))
    if not found:
        return if_same
    if if_other.status == FAILED:
        return replace(if_other, seen=f"{if_other.seen} {found[0]}")
    return if_other
