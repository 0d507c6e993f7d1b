"""The Python API, for notebooks and scripts: train, open a run, read results.

    from project import api

    run = api.train(["model=ws_al", "seed=3"])       # found if it is completed, else trained
    run.metrics["test/error"]
    net, data = run.load().net(), run.load().data()
    table = api.runs("outputs")                       # a pandas DataFrame, one row per run

`runs`, `history` and `compare` are those of `project.results`, which needs no torch.
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
    """A completed run.

    Attributes:
        directory: The run directory.
        record: Its run.json.
    """

    directory: Path
    record: dict[str, Any]

    @property
    def metrics(self) -> dict[str, float]:
        """`train/...` and `val/...` of the last epoch, and `test/...`."""
        return self.record["metrics"]

    def load(self) -> "LoadedRun":
        """Open the run: its net with the final weights, its data."""
        return load_run(self.directory)


def train(overrides: Sequence[str] = (), config_dir: str | Path | None = None) -> TrainedRun:
    """Carry out one run, as `python -m project.train` does, or find it completed.

    Args:
        overrides: The words of the command line: `model=resnet`, `seed=3`, `paths.outputs=...`.
        config_dir: A folder of the user's own configuration files.

    Raises:
        ConfigurationError: Naming the key and the rule that is broken; a sweep is refused.
        ConflictError: Another run, other data or other code stand there.
    """
    from project.train import carry_out

    folders = [] if config_dir is None else ["--config-dir", str(config_dir)]
    arguments = read_arguments([*overrides, *folders], "train", sweeps=False)
    if arguments.is_sweep:
        raise ConfigurationError("train carries out one run; for a sweep type the command with -m")
    words = arguments.overrides
    config = compose("train", words, arguments.config_dirs)
    spec = prepare_run(config, "project.api.train", words)
    return TrainedRun(spec.directory.path, carry_out(spec))


def load_run(
    directory: str | Path, trust_code: bool = False, accept_code: bool = False
) -> "LoadedRun":
    """Open a completed run: net, configuration, data.

    Args:
        directory: A run directory.
        trust_code: Build whatever classes its configuration names.
        accept_code: Use weights that other code has trained.
    """
    from project.training.load_run import load_run as load

    return load(directory, trust_code, accept_code)
