"""Add the shape of a data set's images to its configuration section. Imports no torch."""

from typing import Any

from project.config.errors import ConfigurationError


def with_shape(
    section: dict[str, Any], classes: int, channels: int, image_size: int
) -> dict[str, Any]:
    """Return a `data` section with `classes`, `channels` and `image_size`, which models copy.

    A section that has another value for one of them is refused with a ConfigurationError.
    """
    shape = {"classes": classes, "channels": channels, "image_size": image_size}
    for key, value in shape.items():
        if section.get(key, value) != value:
            raise ConfigurationError(
                f"data.{key}={section[key]}: data={section['name']} has {value}; leave it out"
            )
    return section | shape
