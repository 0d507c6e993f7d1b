"""Check that two evaluations give the same metrics and leave the net unchanged."""

from typing import Any

import torch
from pytorch_lightning import LightningModule, Trainer
from pytorch_lightning.callbacks import Callback

from project import seeding
from project.checks.result import CheckResult, failed, ok, shown, some
from project.checks.session import Session
from project.checks.trainers import scratch_trainer

NAME = "evaluation repeats"
# Time limit of each pass over a stage.
SECONDS = 1.5


class OtherNoise(Callback):
    """Callback that starts the random generators of each evaluation batch at its own stream.

    Two passes with different names draw different numbers, so metrics differ where the evaluation
    uses random numbers, for example in dropout.

    Args:
        name: The name of the named random stream.
    """

    def __init__(self, name: str) -> None:
        self.name = name

    def on_validation_batch_start(
        self,
        trainer: Trainer,
        pl_module: LightningModule,
        batch: Any,
        batch_idx: int,
        dataloader_idx: int = 0,
    ) -> None:
        """Start the global random generators at the stream `<name>/<batch_idx>`."""
        seeding.start(0, self.name, batch_idx)

    def on_test_batch_start(
        self,
        trainer: Trainer,
        pl_module: LightningModule,
        batch: Any,
        batch_idx: int,
        dataloader_idx: int = 0,
    ) -> None:
        """Start the global random generators at the stream `<name>/<batch_idx>`."""
        seeding.start(0, self.name, batch_idx)


def check_repeats(session: Session) -> list[CheckResult]:
    """Check that two passes over validation and test log the same and do not change the net."""
    before = {name: each.clone() for name, each in session.task.state_dict().items()}
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


def _task(session: Session) -> LightningModule:
    return session.trained or session.components.task


def _evaluate(session: Session, stage: str, noise: str) -> dict[str, float]:
    """Return the metrics of a pass over a stage, with random numbers of the stream `noise`."""
    count = session.affordable(stage, SECONDS)
    trainer = scratch_trainer(session.candidate, [OtherNoise(noise)], evaluation=count, own=False)
    return session.run(trainer, "validate" if stage == "val" else "test")
