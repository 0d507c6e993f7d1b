"""The keys of launchers and sweepers, with their types and ranges."""

from typing import Any, TypeVar

from omegaconf import OmegaConf
from pydantic import PositiveInt

from project.config.schema import Section

SomeSection = TypeVar("SomeSection", bound=Section)


class LauncherSettings(Section):
    """The keys that all launchers of this project have."""

    max_failures: PositiveInt | None

    @property
    def here(self) -> bool:
        """Whether the jobs run on this machine and use its devices."""
        return True


def read_settings(kind: type[SomeSection], config: Any, prefix: str) -> SomeSection:
    """Check a section of Hydra's configuration and return it as an object of the class `kind`.

    Raises:
        ConfigurationError: Rules are broken; the message has a line for each, with the key after
            `prefix`, the section's place with a final dot.
    """
    values: Any = OmegaConf.to_container(config, resolve=True)
    keys = {key: value for key, value in values.items() if not key.startswith("_")}
    return kind.checked(keys, prefix)
