"""Prepare MNIST for image classification. Imports no torch."""

from typing import Any

from project.data.mnist import files_to_send, settle
from project.data.shapes import with_shape

__all__ = ["files_to_send", "prepare"]


def prepare(section: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Settle the section `data` as `mnist.settle` does, and add the images' shape."""
    settled, facts = settle(section)
    return with_shape(settled, classes=10, channels=1, image_size=28), facts
