"""Open the data of a completed run that compares pairs of MNIST digits."""

from typing import cast

from project.config.errors import ConfigurationError
from project.data.mnist_pairs import MnistPairs
from project.training.load_run import LoadedRun

TASK = "project.tasks.digit_pairs.DigitPairs"
DATA = "project.data.mnist_pairs.MnistPairs"


def open_pairs(loaded: LoadedRun, folder: str | None) -> MnistPairs:
    """Return the data module of a run that compares pairs of MNIST digits, set up.

    Raises:
        ConfigurationError: The run has another task or other data.
        DataError: As `LoadedRun.data`, also for `folder`.
    """
    targets = (loaded.config["task"]["_target_"], loaded.config["data"]["_target_"])
    if targets != (TASK, DATA):
        raise ConfigurationError(
            f"{loaded.directory} is a run of task={loaded.record['task']} on data="
            f"{loaded.record['data']}; this command is for task=digit_pairs on MNIST pairs"
        )
    return cast(MnistPairs, loaded.data(folder))
