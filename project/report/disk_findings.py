"""A verdict on what the publication finds in part 2: tanh and ReLU over the learning rates."""

import json
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from project.report import numbers
from project.report.arms import Arm
from project.report.comparisons import paired_runs, why_not_paired
from project.report.findings import Judged, Judgement, Part, conclude, correct
from project.report.reference import DiskResults
from project.report.statistics import FEWEST_PAIRS, compare, summarise

# What arms of the report's part 2 differ in; those that differ in anything else are no one figure.
COMPARED = ("activation", "lr")
DISTANCE = "distance of the test error from its median"
COMMAND = "python -m project.disk -m +study=disk_learning_rate"


@dataclass(frozen=True)
class RateStudy:
    """The arms of one setup (epochs, batch size, ...) by activation and learning rate."""

    arms: dict[tuple[str, float], Arm]

    @property
    def activations(self) -> list[str]:
        """tanh before relu, where both are there."""
        return sorted({activation for activation, _ in self.arms}, reverse=True)

    def of(self, activation: str) -> dict[float, Arm]:
        """The arms of one activation by learning rate, ascending."""
        return {lr: arm for (name, lr), arm in sorted(self.arms.items()) if name == activation}


def rate_studies(arms: Sequence[Arm]) -> list[RateStudy]:
    """Arms of part 2 by setup, the one with the most runs first."""
    setups: dict[str, dict[tuple[str, float], Arm]] = defaultdict(dict)
    for arm in arms:
        others = {key: value for key, value in arm.settings.items() if key not in COMPARED}
        place = arm.settings["activation"], float(arm.settings["lr"])
        setups[json.dumps(others, sort_keys=True)][place] = arm
    studies = [RateStudy(setup) for setup in setups.values()]
    return sorted(studies, key=lambda each: -sum(len(arm.runs) for arm in each.arms.values()))


def judge_disk(study: RateStudy, reported: DiskResults) -> list[Judgement]:
    """The findings of part 2; Holm's correction is over all comparisons of them.

    Raises DamagedRunError.
    """
    tanh, relu = study.of("tanh"), study.of("relu")
    best = tanh.get(reported.best_lr)
    others = {lr: arm for lr, arm in tanh.items() if arm is not best}
    by_rate = {
        f"tanh: {reported.best_lr:g} is the best learning rate": False,
        f"tanh: {reported.best_lr:g} has the smallest deviation": True,
    }
    compared = {
        says: [
            _compare_rates(reported.best_lr, best, lr, arm, spread) for lr, arm in others.items()
        ]
        or [_not_run("below every other rate")]
        for says, spread in by_rate.items()
    }
    compared |= {
        f"tanh at {reported.best_lr:g} does not overfit": [_keeps_falling(best)],
        "ReLU errs more than tanh": [_compare_activations(tanh, relu, spread=False)],
        "ReLU varies more than tanh": [_compare_activations(tanh, relu, spread=True)],
    }
    corrected = iter(correct([part for parts in compared.values() for part in parts]))
    best_error, least_deviation, *found = (
        conclude(says, [next(corrected) for _ in parts]) for says, parts in compared.items()
    )
    over_rates = [_over_stable(each, others) for each in (best_error, least_deviation)]
    suitable = [_suitable(lr, tanh, reported.best_lr) for lr in reported.suitable_lrs]
    return [_reaches(best, reported), *over_rates, *suitable, *found]


def _over_stable(judgement: Judgement, others: dict[float, Arm]) -> Judgement:
    """The verdict over the rates at which no run diverged; the others are listed with why."""
    parts = zip(judgement.parts, others.values(), strict=False)
    stable = [part for part, arm in parts if not _diverged(arm)]
    return replace(conclude(judgement.says, stable), parts=judgement.parts) if stable else judgement


def _not_run(words: str) -> Part:
    return Part(words, "error", None, None, "not run", f"not run: {COMMAND}")


def _compare_rates(best: float, best_arm: Arm | None, lr: float, arm: Arm, spread: bool) -> Part:
    words = f"{best:g} below {lr:g}: {DISTANCE if spread else 'test error'}"
    if best_arm is None or not best_arm.runs:
        return _not_run(words)
    part = Part(words, "error", None, None, "not comparable")
    if _diverged(arm):
        return replace(part, reason=f"{_of_runs(arm)} diverged at {lr:g}")
    if reason := why_not_paired(best_arm, arm):
        return replace(part, reason=reason)
    pairs = paired_runs(best_arm, arm)
    errors = np.array([[run.metrics["test/error"] for run in pair] for pair in pairs]).T
    return replace(part, comparison=compare(*(_distances(errors) if spread else errors)))


def _distances(errors: np.ndarray) -> np.ndarray:
    """Of errors (arms, seeds), how far each is from the median of its arm."""
    return np.abs(errors - np.median(errors, axis=1, keepdims=True))


def _keeps_falling(arm: Arm | None) -> Part:
    """That new points, those of validation, are told no worse at the end than half-way."""
    words = "validation error: after the last epoch below that half-way"
    if arm is None or not arm.runs:
        return _not_run(words)
    part = Part(words, "error", None, None, "not comparable")
    curves = [run.columns("history.csv").get("val/error", []) for run in arm.runs]
    if not all(curves):
        return replace(part, reason="there are no validation points")
    last, half_way = zip(*((each[-1], each[(len(each) - 1) // 2]) for each in curves), strict=True)
    return replace(part, comparison=compare(last, half_way))


def _compare_activations(tanh: dict[float, Arm], relu: dict[float, Arm], spread: bool) -> Part:
    """Paired by seed: the mean over all rates at which no run of either diverged.

    spread: not of the test error itself, but of its distance from the median of the arm.
    """
    pairs = {
        lr: (tanh[lr], relu[lr])
        for lr in tanh
        if lr in relu and not why_not_paired(tanh[lr], relu[lr])
    }
    quantity = DISTANCE if spread else "test error"
    if not pairs:
        return _not_run(f"tanh below ReLU: {quantity}")
    rates = ", ".join(f"{lr:g}" for lr in pairs)
    words = f"tanh below ReLU: {quantity}, mean over the rates {rates}"
    seeds = sorted(set.intersection(*(set(arm.seeds) for pair in pairs.values() for arm in pair)))
    means = []
    for side in (0, 1):
        errors = np.array([_errors(pair[side], seeds) for pair in pairs.values()])
        if spread:
            errors = _distances(errors)
        means.append(errors.mean(axis=0))
    part = Part(words, "error", None, None, "not comparable", "no seed in common")
    return replace(part, comparison=compare(*means), reason="") if seeds else part


def _errors(arm: Arm, seeds: Sequence[int]) -> list[float]:
    by_seed = {run.seed: run.metrics["test/error"] for run in arm.runs}
    return [by_seed[seed] for seed in seeds]


def _diverged(arm: Arm) -> int:
    return sum(run.diverged for run in arm.unfinished)


def _of_runs(arm: Arm) -> str:
    """`5 of 50 runs`, of those that diverged."""
    return f"{_diverged(arm)} of {_diverged(arm) + len(arm.runs)} runs"


def _reaches(arm: Arm | None, reported: DiskResults) -> Judgement:
    """Whether the 95 % interval of our mean lies at or below the reported error."""
    says = f"tanh at {reported.best_lr:g} reaches an error of {numbers.percent(reported.error)} %"
    words = "mean test error, with its 95 % interval"
    if arm is None or not arm.runs:
        return conclude(says, [_not_run(words)])
    summary = summarise(arm.values("test/error"))
    verdict: Judged = "undecided"
    if summary.n < FEWEST_PAIRS or summary.interval is None:
        verdict = "exploratory"
    elif summary.interval[1] <= reported.error:
        verdict = "holds"
    elif summary.interval[0] > reported.error:
        verdict = "fails"
    evidence = (
        f"{numbers.percent(summary.mean)} % ({numbers.interval(summary.interval)}), n = {summary.n}"
    )
    return Judgement(says, verdict, (Part(words, "error", None, None, verdict, evidence),))


def _suitable(lr: float, tanh: dict[float, Arm], best: float) -> Judgement:
    """Suitable: no run diverges, and the mean is within one deviation (of seeds) of the best's."""
    says = f"tanh: {lr:g} is suitable too"
    words = f"no run diverges, and the mean is within one deviation of that at {best:g}"
    if not all(rate in tanh and tanh[rate].runs for rate in (lr, best)):
        return conclude(says, [_not_run(words)])
    own, other = (summarise(tanh[rate].values("test/error")) for rate in (lr, best))
    near = own.mean - other.mean <= (other.deviation or 0)
    verdict: Judged = "holds" if near and not _diverged(tanh[lr]) else "fails"
    if min(own.n, other.n) < FEWEST_PAIRS:
        verdict = "exploratory"
    evidence = (
        f"{_of_runs(tanh[lr])} diverged; {numbers.percent(own.mean)} % against "
        f"{numbers.mean_and_deviation(other.mean, other.deviation)} %"
    )
    return Judgement(says, verdict, (Part(words, "error", None, None, verdict, evidence),))
