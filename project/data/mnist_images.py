"""Prepare MNIST for image classification. Imports no torch."""

from typing import Any

from project.data.mnist import files_to_send, settle
from project.data.shapes import with_shape

__all__ = ["files_to_send", "prepare"]


def prepare(section: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Make sure that MNIST is present, and fetch it if necessary.

    Args:
        section: The configuration's section `data`, with `root` and `source`.

    Returns:
        The section with `classes`, `channels` and `image_size`, and facts, as `mnist.settle`.

    Raises:
        ConfigurationError, DataError: As `mnist.settle`.
    """
    settled, facts = settle(section)
    return with_shape(settled, classes=10, channels=1, image_size=28), facts
