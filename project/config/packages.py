"""Packages that only some choices need: missing ones are named with the command that installs them."""

import importlib.util

from project.config.errors import ConfigurationError


def require(what: str, packages: tuple[str, ...], extra: str) -> None:
    """Refuse a choice whose packages are not installed.

    Args:
        what: The choice, for the message.
        packages: Names of modules.
        extra: The extra of this project that installs them.

    Raises:
        ConfigurationError: Naming the packages and the command.
    """
    missing = [name for name in packages if importlib.util.find_spec(name) is None]
    if missing:
        raise ConfigurationError(
            f"{what} needs {', '.join(missing)}: "
            f"pip install --constraint .ci/constraints.txt --editable '.[{extra}]'"
        )
