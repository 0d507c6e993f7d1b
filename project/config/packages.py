"""Checks for optional packages; errors name the missing one and the command to install it."""

import importlib.util
from typing import Any

from project.config.errors import ConfigurationError

# The package that a logger needs, which the extra of the same name installs.
LOGGERS = {
    "project.training.loggers.RunWandbLogger": "wandb",
    "project.training.loggers.RunMLFlowLogger": "mlflow",
}


def check_loggers(loggers: dict[str, Any]) -> None:
    """Check that the packages of the loggers in a section `logger` are installed, as `require`."""
    for name, section in loggers.items():
        if section is not None and section["_target_"] in LOGGERS:
            package = LOGGERS[section["_target_"]]
            require(f"logger.{name}", (package,), package)


def require(what: str, packages: tuple[str, ...], extra: str) -> None:
    """Raise ConfigurationError if a package is missing that `what` needs and `extra` installs."""
    missing = [name for name in packages if importlib.util.find_spec(name) is None]
    if missing:
        raise ConfigurationError(
            f"{what} needs {', '.join(missing)}: pip install -c .ci/constraints.txt -e '.[{extra}]'"
        )
