"""Checks of the size of numbers: inputs, first activations, dead ReLU units, gradients."""

import math

from project.checks.batches import inputs_of, tensors_of
from project.checks.layers import LayerWatch
from project.checks.result import (
    CheckResult,
    failed,
    not_checked,
    ok,
    percent,
    shown,
    some,
    warning,
)
from project.checks.session import Session

INPUTS, ACTIVATIONS, RELUS, NORMS = "inputs", "first activations", "ReLUs", "gradient norms"
# Inputs get a warning if their std, or their mean divided by their std, is outside these limits.
SMALL_STD, LARGE_STD, LARGE_MEAN = 0.05, 20.0, 20.0
MOSTLY_DEAD = 0.5
SMALL_NORM, LARGE_NORM = 1e-7, 1e3


def check_inputs(session: Session) -> list[CheckResult]:
    """Check that the inputs of a training batch are finite, not constant and standardised."""
    tensors = [
        tensor.float()
        for tensor in tensors_of(inputs_of(session.first.batches.get("train")))
        if tensor.is_floating_point() and tensor.numel() > 1
    ]
    if not tensors:
        return [not_checked(INPUTS, "they are not floating-point numbers")]
    values = max(tensors, key=lambda each: each.numel())
    wrong = int((~values.isfinite()).sum())
    if wrong:
        seen = f"{wrong} of {values.numel():,} numbers of a batch are NaN or infinite"
        advice = "find missing values; fill them in, or leave the examples out"
        return [failed(INPUTS, seen, advice)]
    mean, std = float(values.mean()), float(values.std())
    seen = f"mean {shown(mean)}, std {shown(std)}, {shown(float(values.min()))} to "
    seen += shown(float(values.max()))
    if std == 0:
        return [failed(INPUTS, f"all {values.numel():,} numbers of a batch are {shown(mean)}", "")]
    if not SMALL_STD <= std <= LARGE_STD or abs(mean) > LARGE_MEAN * std:
        advice = "standardise them, unless the experiment is about that"
        return [warning(INPUTS, seen, advice)]
    return [ok(INPUTS, seen)]


def check_activations(session: Session) -> list[CheckResult]:
    """Check the first layer's output, and for dead ReLUs, at the short training's last batch."""
    layers = session.short.layers
    if layers is None:
        reason = "the last step of the short training was not seen"
        return [not_checked(ACTIVATIONS, reason), not_checked(RELUS, reason)]
    return [_activation(layers), _relus(layers.counts)]


def _activation(layers: LayerWatch) -> CheckResult:
    if layers.activation is None:
        return not_checked(ACTIVATIONS, "no layer with weights answers with a tensor")
    layer, mean, std = layers.activation
    seen = f"{layer}: mean {shown(mean)}, std {shown(std)}"
    if not math.isfinite(std):
        return failed(ACTIVATIONS, seen, "find what overflows")
    if std == 0:
        return failed(ACTIVATIONS, seen, "it answers the same to everything")
    if not 1e-3 <= std <= 1e3:
        return warning(ACTIVATIONS, seen, "standardise inputs, or initialise otherwise")
    return ok(ACTIVATIONS, seen)


def _relus(counts: dict[str, tuple[int, int]]) -> CheckResult:
    if not counts:
        return ok(RELUS, "none")
    dead = sum(each[0] for each in counts.values())
    total = sum(each[1] for each in counts.values())
    worst = max(counts, key=lambda name: counts[name][0] / counts[name][1])
    share = counts[worst][0] / counts[worst][1]
    seen = f"{percent(dead / total)} of {total:,} units are 0 for a whole batch"
    if share == 1:
        advice = "nothing passes it: a smaller learning rate, standardised inputs, or LeakyReLU"
        return failed(RELUS, f"{seen}; all of {worst}", advice)
    if share > MOSTLY_DEAD:
        advice = "a smaller learning rate, or standardised inputs"
        return warning(RELUS, f"{seen}; {percent(share)} of {worst}", advice)
    return ok(RELUS, seen)


def check_norms(session: Session) -> list[CheckResult]:
    """Check that the gradients of the first step are finite, not too small and not too large."""
    norms = session.first.norms
    if not norms:
        return [not_checked(NORMS, "no step of an optimizer was seen")]
    wrong = [name for name, norm in norms.items() if not math.isfinite(norm)]
    if wrong:
        return [failed(NORMS, f"NaN or infinite: {some(wrong)}", "look for log(0), sqrt(0), 0 / 0")]
    low, high = min(norms, key=norms.__getitem__), max(norms, key=norms.__getitem__)
    seen = f"{shown(norms[low])} ({low}) to {shown(norms[high])} ({high})"
    weights = {name: norm for name, norm in norms.items() if not name.endswith("bias")}
    small = [name for name, norm in weights.items() if norm < SMALL_NORM]
    large = [name for name, norm in norms.items() if norm > LARGE_NORM]
    if large:
        advice = "trainer.gradient_clip_val, a smaller learning rate, standardised inputs"
        return [warning(NORMS, f"{seen}; large: {some(large)}", advice)]
    if small:
        advice = "they vanish on their way back: shortcuts, norms, another initialisation"
        return [warning(NORMS, f"{seen}; small: {some(small)}", advice)]
    return [ok(NORMS, seen)]
