"""Check that two evaluations give the same metrics and leave the net unchanged."""

from typing import Any

import torch
from pytorch_lightning.callbacks import LambdaCallback

from project import seeding
from project.checks.batches import clone
from project.checks.result import CheckResult, failed, ok, shown, some
from project.checks.session import Session

NAME = "evaluation repeats"
# Time limit of each pass over a stage.
SECONDS = 1.5


def check_repeats(session: Session) -> list[CheckResult]:
    """Check that two passes over validation and test log the same and do not change the net."""
    before = clone(session.task.state_dict())
    stages = [stage for stage in ("val", "test") if session.batches[stage] != 0]
    differing = []
    for stage in stages:
        first, second = (_evaluate(session, stage, name) for name in ("one pass", "another"))
        differing += [
            f"{name} is {shown(first[name])}, then {shown(second[name])}"
            for name in first
            if repr(first[name]) != repr(second.get(name))
        ]
    after = session.task.state_dict()
    changed = [name for name, each in before.items() if not torch.equal(each, after[name])]
    if differing:
        advice = (
            "leave dropout off in evaluation: no F.dropout without training=self.training, no "
            ".train() in a validation or test step"
        )
        return [failed(NAME, some(differing, 2), advice)]
    if changed:
        advice = "let statistics be updated in training only (self.training)"
        return [failed(NAME, f"evaluating changes {some(changed)}", advice)]
    return [ok(NAME, f"{' and '.join(stages)} twice the same, nothing changed by it")]


def _evaluate(session: Session, stage: str, noise: str) -> dict[str, float]:
    """Return the metrics of a pass whose batches start at the random streams `<noise>/<n>`."""

    def start(trainer: Any, task: Any, batch: Any, number: int, loader: int = 0) -> None:
        seeding.start(0, noise, number)

    callback = LambdaCallback(on_validation_batch_start=start, on_test_batch_start=start)
    count = session.affordable(stage, SECONDS)
    trainer = session.trainer([callback], evaluation=count, own=False)
    return session.run(trainer, "validate" if stage == "val" else "test")
