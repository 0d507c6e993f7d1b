"""Check that the metric that judges the task is logged, finite and in a possible range."""

import math
import re

from project.checks.result import CheckResult, failed, ok, shown, warning
from project.checks.session import Session

# Words in the names of metrics with values between 0 and 1, unless there is one of UNBOUNDED too.
SHARES = {"error", "accuracy", "acc", "auc", "auroc", "f1", "precision", "recall", "iou"}
UNBOUNDED = {"squared", "absolute", "mean", "root", "log", "percentage"}


def check_logged(session: Session) -> list[CheckResult]:
    """Check that `val/<metric>` and `test/<metric>` are logged, finite and possible."""
    name, metric = "metrics", session.candidate.metric
    stages = ["val", "test"] if session.batches["val"] != 0 else ["test"]
    for stage in stages:
        known = ", ".join(sorted(session.logged[stage])) or "nothing"
        if metric not in session.logged[stage]:
            seen = f"no {stage}/{metric} is logged; of {stage} there is {known}"
            advice = f"self.log('{stage}/{metric}', ...), or another metric.name"
            return [failed(name, seen, advice)]
    values = {stage: session.logged[stage][metric] for stage in stages}
    seen = ", ".join(f"{stage}/{metric} {shown(value)}" for stage, value in values.items())
    others = sorted(session.logged["test"].keys() - {metric})
    seen += f"; also {', '.join(others)}" if others else ""
    if not all(map(math.isfinite, values.values())):
        return [failed(name, seen, "it must be a finite number at the start of training too")]
    if "val" not in stages:
        advice = "hold examples out of training: choices must not look at the test"
        return [warning(name, f"{seen}; there are no validation examples", advice)]
    if is_share(metric) and not all(0 <= value <= 1 for value in values.values()):
        advice = "log it as a share, not in percent: that is how tables show it"
        return [warning(name, f"{seen}: outside of 0 to 1", advice)]
    return [ok(name, seen)]


def is_share(metric: str) -> bool:
    """Return whether a metric's name implies values between 0 and 1."""
    words = set(re.split(r"[^a-z0-9]+", metric.lower()))
    return bool(words & SHARES) and not words & UNBOUNDED
