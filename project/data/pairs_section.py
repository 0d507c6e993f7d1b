"""Complete the section `data` of MNIST pairs before a run is named."""

from typing import Any

from project.config.errors import ConfigurationError
from project.data.mnist import DIGITS, check_enough, files_to_send, settle

__all__ = ["files_to_send", "prepare_pairs"]

# The numbers of pairs that replace null in the configuration.
DEFAULT_PAIRS = {
    "mnist": {"train_pairs": 1000, "val_pairs": 1000, "test_pairs": 1000},
    "mnist_5k": {"train_pairs": 1000, "val_pairs": 250, "test_pairs": 1000},
}


def prepare_pairs(section: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Settle the section `data` as `mnist.settle` does; null numbers of pairs get their defaults.

    Raises:
        ConfigurationError: A value is invalid.
        DataError: The digits are not available or too few.
    """
    for key, least in (("train_pairs", 1), ("val_pairs", 0), ("test_pairs", 1)):
        value = section.get(key)
        if value is not None and (type(value) is not int or value < least):
            raise ConfigurationError(
                f"data.{key}={value}: must be a whole number of at least {least}"
            )
    settled, facts = settle(section)
    defaults = DEFAULT_PAIRS[settled["dataset"]]
    counts = {
        key: default if section.get(key) is None else section[key]
        for key, default in defaults.items()
    }
    check_enough(settled["dataset"], *DIGITS[settled["dataset"]], **counts)
    return settled | counts, facts
