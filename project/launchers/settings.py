"""What launchers and sweepers need: keys with their types and ranges, and packages."""

from importlib import import_module
from typing import Any, TypeVar

from omegaconf import OmegaConf
from pydantic import PositiveInt, ValidationError

from project.config.errors import ConfigurationError, format_validation_error
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
    try:
        return kind.model_validate(keys)
    except ValidationError as error:
        raise format_validation_error(error, keys, prefix) from None


def require(package: str, choice: str, extra: str) -> None:
    """Raise ConfigurationError if a package is missing that `choice` needs and `extra` installs."""
    try:
        import_module(package)
    except ModuleNotFoundError:
        raise ConfigurationError(
            f"{choice} needs {package}: pip install -c .ci/constraints.txt -e '.[{extra}]'"
        ) from None
