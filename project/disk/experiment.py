"""A run of the disk experiment, from its configuration to its files.

Its run directory and run record are those of `project.train`. A run takes about a second, so it is
not resumed: an unfinished one starts again. Lightning is never imported, torch only for training.
"""

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from project.config.identity import Run, canonical
from project.disk.schema import DiskConfig
from project.runs.code import fingerprint
from project.runs.lifecycle import load_or_run, typed_command
from project.runs.origin import check_variant
from project.runs.spec import Result, RunSpec

if TYPE_CHECKING:
    from project.runs.interruption import StopFlag

log = logging.getLogger(__name__)

DATA = "disk"
# Keys outside a variant's settings: the seed, and keys that do not affect the result.
IGNORED = ("seed", "paths", "rerun", "code", "study")
# The code that decides a run's result.
TARGETS = ("project.disk.training.fit", "project.disk.training.build_net",
           "project.disk.training.build_optimizer", "project.disk.data.draw_points")  # fmt: skip


def identify(config: dict[str, Any]) -> Run:
    """Return the model, settings and seed of the run that a resolved configuration describes."""
    settings = {key: value for key, value in config.items() if key not in IGNORED}
    return Run(
        model=f"disk_{config['activation']}",
        data=None,
        settings=canonical(settings | {"dataset": DATA}),
        seed=config["seed"],
    )


def prepare_run(config: dict[str, Any], words: Sequence[str] = ()) -> RunSpec:
    """Return the run of a resolved configuration; raise ConfigurationError for an invalid value."""
    checked = DiskConfig.checked(config)
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
    """Execute a prepared run, or load its record if it is completed; return its metrics."""
    return load_or_run(spec, _train)["metrics"]


def _train(spec: RunSpec, stop: "StopFlag") -> Result:
    """Draw the points, train and test the net, and write all files of the run except its record."""
    from project.disk.data import STAGES, digest, draw_points
    from project.disk.recording import write_outcome
    from project.disk.training import build_net, build_optimizer, fit

    config = DiskConfig.checked(spec.config)
    stages = {
        stage: draw_points(getattr(config, f"{stage}_points"), config.seed, stage)
        for stage in STAGES
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
    """Execute the run of a configuration; raise ConflictError if other code made its variant."""
    spec = prepare_run(config, words)
    spec.directory.refuse_links_outside()
    check_variant(spec)
    return execute_spec(spec)


class DiskExperiment:
    """What launchers need to know: `prepare` checks everything, and there are no files to send."""

    task: tuple[str, str] = ("project.disk.experiment", "execute_spec")
    preload: tuple[str, ...] = ("project.disk.recording", "project.disk.training")
    prepare = staticmethod(prepare_run)

    def check(self, waiting: Sequence[RunSpec], here: bool) -> None:  # noqa: D102
        pass

    def files_to_send(self, spec: RunSpec) -> dict[str, bytes]:  # noqa: D102
        return {}
