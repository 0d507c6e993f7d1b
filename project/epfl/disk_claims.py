"""Verdicts on the publication's findings in part 2: tanh and ReLU over the learning rates."""

import json
from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import replace

import numpy as np

from project.epfl.claims import (
    ERROR,
    PERCENT,
    Judgement,
    Part,
    Verdict,
    common_seeds,
    judge_parts,
    values_at,
)
from project.epfl.reference import DiskResults
from project.results.comparisons import why_not_paired
from project.results.statistics import MIN_PAIRS, compare_paired
from project.results.variants import Variant

# The settings in which the variants of one setup differ.
COMPARED = ("activation", "lr")
DISTANCE = "distance of the test error from its median"
COMMAND = "python -m project.disk study=disk_learning_rate"


# The variants of one setup (epochs, batch size, ...) by activation, tanh first, and learning rate.
RateStudy = dict[str, dict[float, Variant]]


def rate_studies(variants: Sequence[Variant]) -> list[RateStudy]:
    """Return the variants of part 2 grouped by setup, the setup with the most runs first."""
    setups: dict[str, RateStudy] = defaultdict(lambda: {"tanh": {}, "relu": {}})
    for each in sorted(variants, key=lambda each: each.settings["lr"]):
        others = {key: value for key, value in each.settings.items() if key not in COMPARED}
        setup = setups[json.dumps(others, sort_keys=True)]
        setup[each.settings["activation"]][float(each.settings["lr"])] = each
    return sorted(setups.values(), key=lambda setup: -sum(len(v.runs) for v in all_of(setup)))


def all_of(study: RateStudy) -> list[Variant]:
    """Return all variants of a study."""
    return [each for by_rate in study.values() for each in by_rate.values()]


def judge_disk(study: RateStudy, reported: DiskResults) -> list[Judgement]:
    """Return verdicts on the findings of part 2, Holm-corrected over all comparisons."""
    tanh, relu = study["tanh"], study["relu"]
    rate, best = f"{reported.best_lr:g}", tanh.get(reported.best_lr)
    best_rate, least_std, *found = judge_parts([
        (f"tanh: {rate} is the best learning rate", _compare_rates(rate, tanh, best, spread=False)),
        (f"tanh: {rate} has the smallest std", _compare_rates(rate, tanh, best, spread=True)),
        (f"tanh at {rate} does not overfit", [_keeps_falling(best)]),
        ("ReLU errs more than tanh", [_compare_activations(tanh, relu, spread=False)]),
        ("ReLU varies more than tanh", [_compare_activations(tanh, relu, spread=True)]),
    ])  # fmt: skip
    suitable = [_suitable(lr, tanh, reported.best_lr) for lr in reported.suitable_lrs]
    return [_reaches(best, reported), best_rate, least_std, *suitable, *found]


def _not_run(words: str) -> Part:
    return Part(words, reason=f"not run: {COMMAND}")


def _compare_rates(
    rate: str, tanh: dict[float, Variant], best: Variant | None, spread: bool
) -> list[Part]:
    """Compare the best rate with each other one; those at which runs diverged do not count."""
    parts = []
    for lr, other in tanh.items():
        if other is not best:
            words = f"{rate} below {lr:g}: {DISTANCE if spread else 'test error'}"
            part = _compare_two(words, lr, best, other, spread)
            parts.append(replace(part, counts=not other.diverged))
    return parts or [_not_run("below every other rate")]


def _compare_two(words: str, lr: float, best: Variant | None, other: Variant, spread: bool) -> Part:
    if best is None or not best.runs:
        return _not_run(words)
    reason = why_not_paired(best, other, ERROR.test)
    if other.diverged:
        reason = f"{_of_runs(other)} diverged at {lr:g}"
    if reason:
        return Part(words, verdict="not comparable", reason=reason)
    return _compare_means(words, [(best, other)], spread)


def _compare_means(words: str, pairs: Collection[tuple[Variant, Variant]], spread: bool) -> Part:
    """Compare the first of the pairs with the second ones, by the mean over the pairs at a seed.

    With `spread` not their errors, but the distances of these from the variant's median.
    """
    seeds = common_seeds([each for pair in pairs for each in pair])
    if not seeds:
        return Part(words, verdict="not comparable", reason="no seed in common")
    means = []
    for side in zip(*pairs, strict=True):
        errors = np.array([values_at("error", each, seeds) for each in side])
        if spread:
            errors = np.abs(errors - np.median(errors, axis=1, keepdims=True))
        means.append(errors.mean(axis=0))
    return Part(words, paired=compare_paired(*means))


def _keeps_falling(variant: Variant | None) -> Part:
    """Compare the validation error after the last epoch with that half-way through training."""
    words = "validation error: after the last epoch below that half-way"
    if variant is None or not variant.runs:
        return _not_run(words)
    part = Part(words, verdict="not comparable")
    curves = [run.columns().get("val/error", []) for run in variant.runs]
    if not all(curves):
        return replace(part, reason="there are no validation points")
    last, half_way = zip(*((each[-1], each[(len(each) - 1) // 2]) for each in curves), strict=True)
    return replace(part, paired=compare_paired(last, half_way))


def _compare_activations(
    tanh: dict[float, Variant], relu: dict[float, Variant], spread: bool
) -> Part:
    """Compare tanh with ReLU over the rates at which both pair and none diverged."""
    pairs = {
        lr: (tanh[lr], relu[lr])
        for lr in tanh
        if lr in relu and not why_not_paired(tanh[lr], relu[lr], ERROR.test)
    }
    quantity = DISTANCE if spread else "test error"
    if not pairs:
        return _not_run(f"tanh below ReLU: {quantity}")
    rates = ", ".join(f"{lr:g}" for lr in pairs)
    words = f"tanh below ReLU: {quantity}, mean over the rates {rates}"
    return _compare_means(words, pairs.values(), spread)


def _of_runs(variant: Variant) -> str:
    """Return the number of diverged runs as text: `5 of 50 runs`."""
    return f"{variant.diverged} of {variant.diverged + len(variant.runs)} runs"


def _reaches(variant: Variant | None, reported: DiskResults) -> Judgement:
    """Judge whether our mean error, with its 95 % CI, is at most the published error."""
    says = f"tanh at {reported.best_lr:g} reaches an error of {reported.error:.2f} %"
    words = "mean test error, with its 95 % CI"
    if variant is None or not variant.runs:
        return Judgement(says, [_not_run(words)])
    summary = PERCENT.summary(variant)
    verdict: Verdict = "undecided"
    if summary.n < MIN_PAIRS or summary.ci is None:
        verdict = "exploratory"
    elif 100 * summary.ci[1] <= reported.error:
        verdict = "holds"
    elif 100 * summary.ci[0] > reported.error:
        verdict = "fails"
    evidence = f"{PERCENT.value(summary.mean)} % ({PERCENT.ci(summary.ci)}), n = {summary.n}"
    return Judgement(says, [Part(words, verdict=verdict, reason=evidence)])


def _suitable(lr: float, tanh: dict[float, Variant], best: float) -> Judgement:
    """Judge a rate: no run diverges, and its mean is within one std of the best rate's mean."""
    says = f"tanh: {lr:g} is suitable too"
    words = f"no run diverges, and the mean is within one std of that at {best:g}"
    if not all(rate in tanh and tanh[rate].runs for rate in (lr, best)):
        return Judgement(says, [_not_run(words)])
    own, other = (PERCENT.summary(tanh[rate]) for rate in (lr, best))
    near = own.mean - other.mean <= (other.std or 0)
    verdict: Verdict = "holds" if near and not tanh[lr].diverged else "fails"
    if min(own.n, other.n) < MIN_PAIRS:
        verdict = "exploratory"
    evidence = (
        f"{_of_runs(tanh[lr])} diverged; {PERCENT.value(own.mean)} % against "
        f"{PERCENT.mean_std(other)} %"
    )
    return Judgement(says, [Part(words, verdict=verdict, reason=evidence)])
