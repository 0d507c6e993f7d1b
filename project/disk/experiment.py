"""A run of the disk experiment: from its configuration to its files.

Runs live as those of `project.train` do, with one difference: a run takes about a second, so one
that did not finish begins again. Lightning is never imported; torch only if there is something to
train.
"""

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from project.config.identity import Run, canonical
from project.disk.schema import validate_disk
from project.runs.code import fingerprint
from project.runs.lifecycle import load_or_run, typed_command
from project.runs.origin import check_variant
from project.runs.spec import Result, RunSpec

if TYPE_CHECKING:
    from project.runs.interruption import StopFlag

log = logging.getLogger(__name__)

DATA = "disk"
# What changes where a run is or how it is asked for, not what comes out of it.
IGNORED = ("seed", "paths", "rerun", "code", "study")
# The code that decides a run's result.
TARGETS = ("project.disk.training.fit", "project.disk.training.build_net",
           "project.disk.training.build_optimizer", "project.disk.data.draw_points")  # fmt: skip


def identify(config: dict[str, Any]) -> Run:
    """Return the run that a resolved configuration describes."""
    settings = {key: value for key, value in config.items() if key not in IGNORED}
    return Run(
        model=f"disk_{config['activation']}",
        data=None,
        settings=canonical(settings | {"dataset": DATA}),
        seed=config["seed"],
    )


def prepare_run(config: dict[str, Any], words: Sequence[str] = ()) -> RunSpec:
    """Check a configuration and name the run that follows from it."""
    checked = validate_disk(config)
    return RunSpec(
        command="disk",
        config=config | {"rerun": False, "code": None},
        run=identify(config),
        outputs=Path(checked.paths.outputs),
        threads=1,
        data={"name": DATA, "dataset": DATA, "fetched_from": "generated"},
        code=fingerprint(TARGETS),
        targets=TARGETS,
        typed=typed_command(),
        overrides=tuple(words),
        rerun=checked.rerun,
        accepts_code=checked.code == "accept",
    )


def execute_spec(spec: RunSpec) -> dict[str, float]:
    """Carry out a prepared run, or find it done; returns its metrics."""
    return load_or_run(spec, train)["metrics"]


def train(spec: RunSpec, stop: "StopFlag") -> Result:
    """Draw the points, train the net, and write all files but the record."""
    from project.disk.data import STAGES, digest, draw_points
    from project.disk.recording import write_outcome
    from project.disk.training import build_net, build_optimizer, fit

    config = validate_disk(spec.config)
    counts = (config.train_points, config.val_points, config.test_points)
    stages = {
        stage: draw_points(count, config.seed, stage)
        for stage, count in zip(STAGES, counts, strict=True)
    }
    net = build_net(config.hidden, config.activation, config.initialisation, config.seed)
    outcome = fit(
        net=net,
        optimizer=build_optimizer(net, lr=config.lr, **vars(config.optimizer)),
        loss=config.loss,
        stages=stages,
        normalise=config.normalise,
        seed=config.seed,
        max_epochs=config.max_epochs,
        batch_size=config.batch_size,
        check_stop=stop.check,
    )
    write_outcome(spec.directory.path, outcome, stages["test"])
    log.info("%d epochs: %s", config.max_epochs, outcome.metrics)
    return Result(
        parameters=outcome.parameters,
        metrics=outcome.metrics,
        training_seconds=outcome.training_seconds,
        facts={"epochs": len(outcome.history), "stopped_early": False},
        data={stage: digest(stages[stage]) for stage in ("train", "test")},
    )


def execute(config: dict[str, Any], words: Sequence[str]) -> dict[str, float]:
    """Carry out the run that a configuration describes, or find it done; returns its metrics."""
    spec = prepare_run(config, words)
    spec.directory.refuse_links_outside()
    check_variant(spec)
    return execute_spec(spec)


class DiskExperiment:
    """What launchers must know of this command: see `project.launchers.experiment`."""

    task: tuple[str, str] = ("project.disk.experiment", "execute_spec")
    config_name = "disk"

    def prepare(self, config: dict[str, Any], words: Sequence[str]) -> RunSpec:
        """Check the configuration and name its run."""
        return prepare_run(config, words)

    def check(self, waiting: Sequence[RunSpec], here: bool) -> None:
        """Do nothing: `prepare` has seen it all."""

    def files_to_send(self, spec: RunSpec) -> dict[str, bytes]:
        """Return nothing: the points are drawn."""
        return {}
