"""What images a data set holds, as its section says to the nets. Imports no torch."""

from typing import Any

from project.config.errors import ConfigurationError


def with_shape(
    section: dict[str, Any], classes: int, channels: int, image_size: int
) -> dict[str, Any]:
    """Return a `data` section that says how many classes there are and how large images are.

    A net's keys of these names that are null take the values (`project.runs.prepare`).

    Raises:
        ConfigurationError: The section says something else.
    """
    shape = {"classes": classes, "channels": channels, "image_size": image_size}
    for key, value in shape.items():
        if section.get(key, value) != value:
            raise ConfigurationError(
                f"data.{key}={section[key]}: data={section['name']} has {value}; leave it out"
            )
    return section | shape
