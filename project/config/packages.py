"""Packages that only some choices need; a missing one is named, with the install command."""

import importlib.util
from typing import Any

from project.config.errors import ConfigurationError

# Loggers by the package that they write for, and the extra of this project that installs it.
LOGGERS = {
    "project.training.loggers.RunWandbLogger": ("wandb", "wandb"),
    "project.training.loggers.RunMLFlowLogger": ("mlflow", "mlflow"),
}


def check_loggers(loggers: dict[str, Any]) -> None:
    """Refuse loggers whose package is not installed; raises ConfigurationError."""
    for name, section in loggers.items():
        if section is not None and section["_target_"] in LOGGERS:
            package, extra = LOGGERS[section["_target_"]]
            require(f"logger.{name}", (package,), extra)


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
