"""python -m project.train: one run of one net, or with -m a sweep of them.

    python -m project.train                                    the report's best model
    python -m project.train model=resnet -m 'seed=range(10)'   ten seeds of one model
    python -m project.train study=epfl_table                   the report's table
    python -m project.train verify=RUN_DIRECTORY               is it the same when repeated?

torch and Lightning are imported only once it is certain that there is something to train.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from project.cli import main as cli
from project.runs.lifecycle import load_or_run
from project.runs.origin import check_stored, check_variant
from project.runs.prepare import prepare_run
from project.runs.record import COMPLETED
from project.runs.spec import RunSpec


def execute(config: dict[str, Any], words: Sequence[str]) -> dict[str, float]:
    """Carry out the run that a configuration describes, or find it done.

    Args:
        config: Resolved plain values.
        words: The overrides that led to it.

    Returns:
        The run's metrics.
    """
    if config["verify"] is not None:
        from project.training.reproduce import reproduce

        return reproduce(Path(config["verify"]), words, trust_code=config["trust_code"])
    return carry_out(prepare_run(config, cli.typed_command(), words))["metrics"]


def carry_out(spec: RunSpec) -> dict[str, Any]:
    """Carry out a prepared run that no launcher has checked, or find it done.

    Returns:
        The run's record.
    """
    spec.directory.refuse_links_outside()
    check_variant(spec)
    if needs_training(spec):
        from project.training.dry_run import dry_run_variants

        dry_run_variants([spec], here=True)
    return load_or_run(spec, _train)


def needs_training(spec: RunSpec) -> bool:
    """Whether the run is not completed, or is to be made again."""
    record = None if spec.rerun else check_stored(spec)
    return record is None or record["status"] != COMPLETED


def execute_spec(spec: RunSpec) -> dict[str, float]:
    """Carry out a prepared run, or find it done; returns its metrics."""
    return load_or_run(spec, _train)["metrics"]


def _train(spec: RunSpec, stop: Any) -> Any:
    from project.training.execute import execute as train

    return train(spec, stop)


class TrainExperiment:
    """What launchers must know of this command: see `project.launchers.experiment`."""

    task: tuple[str, str] = ("project.train", "execute_spec")
    config_name = "train"

    def prepare(self, config: dict[str, Any], words: Sequence[str]) -> RunSpec:
        """Check the configuration and name its run; raises an error with `exit_code`."""
        from project.config.errors import ConfigurationError

        if config["verify"] is not None:
            raise ConfigurationError(f"verify={config['verify']}: is for one run; leave out -m")
        return prepare_run(config, cli.typed_command(), words)

    def check(self, waiting: Sequence[RunSpec], here: bool) -> None:
        """Try every variant on a real batch before the first job starts."""
        from project.training.dry_run import dry_run_variants

        dry_run_variants(waiting, here)

    def files_to_send(self, spec: RunSpec) -> dict[str, bytes]:
        """Return what the data folder of another machine has to hold, by path in it."""
        from project.runs.prepare import files_to_send

        return files_to_send(spec.config)


def main() -> None:
    """Run the command."""
    cli.run(execute, TrainExperiment())


if __name__ == "__main__":
    main()
