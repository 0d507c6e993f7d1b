"""python -m project.disk: one run of part 2's experiment on the mini framework, or a sweep with -m.

    python -m project.disk                                   tanh at the report's best learning rate
    python -m project.disk -m activation=tanh,relu lr=0.01,0.05,0.1,0.5 'seed=range(50)'
    python -m project.disk -m +study=disk_learning_rate      the report's figures 1 and 2

Runs live as those of `project.train` do, with one difference: a run takes about a second, so one
that did not finish begins again. Lightning is never imported; torch only if there is something to
train.
"""

import logging
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from project import command

if TYPE_CHECKING:
    from omegaconf import DictConfig

    from project.configuration import DiskConfiguration
    from project.points.data import Points
    from project.points.training import Outcome
    from project.runs.directory import RunDirectory
    from project.runs.identity import Run
    from project.training.interruption import StopFlag

log = logging.getLogger(__name__)

DATASET = "disk"
# What changes where a run lives or how it is shown, not what comes out of it.
NOT_SCIENTIFIC = ("seed", "paths", "rerun")


def execute(config: "DictConfig") -> dict[str, float]:
    """Carry out the run that `config` describes, or find it done; returns its metrics."""
    from omegaconf import OmegaConf

    from project.runs.life import find_or_train

    values: Any = OmegaConf.to_container(config, resolve=True)
    plan = make_plan(values)
    return find_or_train(plan.directory, sha256=None, rerun=plan.checked.rerun, train=plan.train)


def identify(values: dict[str, Any], dataset: str) -> "Run":
    """The run that a resolved configuration describes."""
    from project.runs.identity import Run, canonical

    arm = {key: value for key, value in values.items() if key not in NOT_SCIENTIFIC}
    return Run(
        model=f"disk_{values['activation']}",
        arm=canonical(arm | {"dataset": dataset}),
        seed=values["seed"],
    )


def make_plan(values: dict[str, Any]) -> "Plan":
    """Check the configuration, and name the run that follows from it."""
    from project.configuration import check_disk
    from project.runs.directory import RunDirectory

    checked = check_disk(values)
    run = identify(values, DATASET)
    return Plan(values, checked, RunDirectory(run, Path(checked.paths.outputs), identify))


@dataclass(frozen=True)
class Plan:
    """A run that is known but not begun.

    values: the resolved configuration; checked: the same, with types; directory: where the run
    lives.
    """

    values: dict[str, Any]
    checked: "DiskConfiguration"
    directory: "RunDirectory"

    def train(self) -> dict[str, float]:
        """Train, test and record the run; the caller holds its lock."""
        started = time.monotonic()
        from project.points.data import STAGES, draw_points, sha256
        from project.points.recording import write_outcome
        from project.runs.directory import COMPLETED, FAILED, INTERRUPTED
        from project.runs.life import summary
        from project.runs.log import LogFile, log_failure
        from project.runs.provenance import provenance
        from project.training.interruption import Interrupted, StopFlag

        checked, directory = self.checked, self.directory
        counts = (checked.train_points, checked.val_points, checked.test_points)
        stages = {
            stage: draw_points(count, checked.seed, stage)
            for stage, count in zip(STAGES, counts, strict=True)
        }
        data = {"dataset": DATASET, "fetched_from": "generated", "sha256": sha256(stages)}
        sources = provenance(threads=1) | {"data": data}
        directory.begin(self.values, sources, checked.rerun)
        with StopFlag() as stop, LogFile(directory.path / "run.log"):
            try:
                outcome = self._fit(stages, stop)
                write_outcome(directory.path, outcome, stages["test"])
            except Interrupted:
                directory.write(INTERRUPTED, sources)
                print(f"{directory.run.name}: the same command begins it again", file=sys.stderr)
                raise
            except (Exception, SystemExit) as error:
                # On a disk that is full neither may succeed: the user is to see the first cause.
                with suppress(OSError):
                    log_failure(error)
                with suppress(OSError):
                    directory.write(FAILED, sources, error=f"{type(error).__name__}: {error}")
                raise
            log.info("%d epochs: %s", checked.max_epochs, outcome.metrics)
        record = directory.write(
            COMPLETED,
            sources,
            parameters=outcome.parameters,
            metrics=outcome.metrics,
            seconds={
                "training": outcome.training_seconds,
                "session": time.monotonic() - started,
            },
        )
        print(f"{directory.run.name}: {summary(record, directory.path)}")
        return outcome.metrics

    def _fit(self, stages: dict[str, "Points"], stop: "StopFlag") -> "Outcome":
        from project.points.training import build_net, build_optimizer, fit

        checked = self.checked
        net = build_net(checked.hidden, checked.activation, checked.initialisation, checked.seed)
        return fit(
            net=net,
            optimizer=build_optimizer(net, lr=checked.lr, **vars(checked.optimizer)),
            loss=checked.loss,
            stages=stages,
            normalise=checked.normalise,
            seed=checked.seed,
            max_epochs=checked.max_epochs,
            batch_size=checked.batch_size,
            check_stop=stop.check,
        )


class DiskExperiment:
    """What the launchers must know of this command: see `project.launchers.grid.Experiment`."""

    task: tuple[str, str] = ("project.disk", "execute")

    def resolve(self, values: dict[str, Any]) -> tuple[dict[str, Any], Path]:
        """The configuration as it is, and the run directory."""
        from project.runs.life import refuse_others

        plan = make_plan(values)
        plan.directory.refuse_links_outside()
        refuse_others(plan.directory, None, plan.checked.rerun)
        return values, plan.directory.path

    def check(self, waiting: Sequence[dict[str, Any]], here: bool) -> None:
        """Nothing is slow to check: `resolve` has seen it all."""

    def files_to_send(self, values: dict[str, Any]) -> dict[str, bytes]:
        """None: the points are drawn."""
        return {}


def register_plugins() -> None:
    """Make the launchers known to Hydra."""
    from project.launchers.plugins import register

    register(DiskExperiment())


def main() -> None:
    """The command."""
    command.run(execute, "disk", prepare=register_plugins)


if __name__ == "__main__":
    main()
