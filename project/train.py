"""python -m project.train: train and test one run, or a sweep with -m.

    python -m project.train                                    the best model of the EPFL report
    python -m project.train model=resnet -m 'seed=range(10)'   ten seeds of one model
    python -m project.train study=epfl_table                   the table of the EPFL report
    python -m project.train verify=RUN_DIRECTORY               repeat a run and compare the results

torch and Lightning are imported only if there is something to train.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from project.cli import main as cli
from project.config.errors import ConfigurationError
from project.runs.lifecycle import load_or_run, typed_command
from project.runs.origin import check_stored, check_variant
from project.runs.prepare import files_to_send, prepare_run
from project.runs.spec import RunSpec


def execute(config: dict[str, Any], words: Sequence[str]) -> dict[str, float]:
    """Carry out the run of a configuration unless it is completed, and return its metrics.

    With `verify`, repeat the run in that directory instead and compare the results.

    Args:
        config: The resolved configuration, as plain values.
        words: The overrides that it was composed from.

    Raises:
        Exception: As `prepare_run`, `carry_out` and `reproduce`.
    """
    if config["verify"] is not None:
        from project.training.reproduce import reproduce

        return reproduce(Path(config["verify"]), words, trust_code=config["trust_code"])
    return carry_out(prepare_run(config, typed_command(), words))["metrics"]


def carry_out(spec: RunSpec) -> dict[str, Any]:
    """Carry out a prepared run unless it is completed, and return its run record.

    Before training, the net is tried on a real batch, which launchers do for the runs of a sweep.

    Raises:
        ConfigurationError: The configuration does not work.
        DataError: The data are not available.
        CheckpointError: The checkpoints of the run, or the weights of `init_from`, cannot be used.
        DivergedError: The loss or a weight became NaN or infinite.
        ProcessError: Another process of the run failed.
        Exception: As `load_or_run`.
    """
    spec.directory.refuse_links_outside()
    check_variant(spec)
    if check_stored(spec) is None:
        from project.training.dry_run import dry_run_variants

        dry_run_variants([spec], here=True)
    return load_or_run(spec, _train)


def execute_spec(spec: RunSpec) -> dict[str, float]:
    """Carry out a prepared run unless it is completed, and return its metrics; as `load_or_run`."""
    return load_or_run(spec, _train)["metrics"]


def _train(spec: RunSpec, stop: Any) -> Any:
    from project.training.execute import execute as train

    return train(spec, stop)


class TrainExperiment:
    """What launchers need to know about project.train: a `launchers.experiment.Experiment`."""

    task: tuple[str, str] = ("project.train", "execute_spec")
    preload: tuple[str, ...] = ("project.training.execute", "project.training.dry_run")

    def prepare(self, config: dict[str, Any], words: Sequence[str]) -> RunSpec:
        """Check the configuration of a job, and return its run; raises as `prepare_run`."""
        if config["verify"] is not None:
            raise ConfigurationError(f"verify={config['verify']}: is for one run; leave out -m")
        return prepare_run(config, typed_command(), words)

    def check(self, waiting: Sequence[RunSpec], here: bool) -> None:
        """Try each variant on a real batch before the first job starts; as `dry_run_variants`."""
        from project.training.dry_run import dry_run_variants

        dry_run_variants(waiting, here)

    def files_to_send(self, spec: RunSpec) -> dict[str, bytes]:
        """Return the files that a run needs on another machine, as `runs.prepare` does."""
        return files_to_send(spec.config)


def main() -> None:
    """Run `python -m project.train` with the arguments in `sys.argv`."""
    cli.run(execute, TrainExperiment())


if __name__ == "__main__":
    main()
