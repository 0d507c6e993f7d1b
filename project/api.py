"""The Python API, for notebooks and scripts: train, open a run, read results.

from project import api

run = api.train(["model=ws_al", "seed=3"])       # read if it is completed, else trained
run.metrics["test/error"]
net, data = run.load().net(), run.load().data()
table = api.runs("outputs")                       # a pandas DataFrame, one row per run
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from project.cli.arguments import read_arguments
from project.config.compose import compose
from project.config.errors import ConfigurationError
from project.results import compare, history, runs
from project.runs.prepare import prepare_run

if TYPE_CHECKING:
    from project.training.load_run import LoadedRun

__all__ = ["TrainedRun", "compare", "history", "load_run", "runs", "train"]


@dataclass(frozen=True)
class TrainedRun:
    """A completed run: its directory and its record, the content of its run.json."""

    directory: Path
    record: dict[str, Any]

    @property
    def metrics(self) -> dict[str, float]:
        """The metrics by name: `train/...` and `val/...` of the last epoch, and `test/...`."""
        return self.record["metrics"]

    def load(self) -> "LoadedRun":
        """Return the run as a LoadedRun: its net with the tested weights, and its data."""
        return load_run(self.directory)


def train(overrides: Sequence[str] = (), config_dir: str | Path | None = None) -> TrainedRun:
    """Return a run as `python -m project.train` makes it: carry it out unless it is completed.

    Args:
        overrides: Overrides as on the command line: `model=resnet`, `seed=3`, `paths.outputs=...`.
        config_dir: A folder of the user's own configuration files; None for no such folder.

    Raises:
        ConfigurationError: A rule is broken, or the overrides ask for a sweep.
        HydraException: Hydra cannot compose the configuration.
        Exception: As `prepare_run` and `project.train.carry_out`.
    """
    from project.train import carry_out

    folders = [] if config_dir is None else ["--config-dir", str(config_dir)]
    arguments = read_arguments([*overrides, *folders], "train", sweeps=False)
    if arguments.is_sweep:
        raise ConfigurationError("train carries out one run; for a sweep run the command with -m")
    config = compose("train", arguments.overrides, arguments.config_dirs)
    spec = prepare_run(config, "project.api.train", arguments.overrides)
    return TrainedRun(spec.directory.path, carry_out(spec))


def load_run(
    directory: str | Path, trust_code: bool = False, accept_code: bool = False
) -> "LoadedRun":
    """Open a completed run, to get its net, configuration and data.

    Args:
        directory: A run directory.
        trust_code: Whether to build any class that the run's configuration names.
        accept_code: Whether to accept weights that other code than the present one has trained.

    Raises:
        NoRunError: The directory holds no completed run of project.train.
        CorruptRunError: The run record cannot be read, or does not fit its name.
        ConflictError: The run's code is not trusted, or has changed since it was trained.
    """
    from project.training.load_run import load_run as load

    return load(directory, trust_code, accept_code)
