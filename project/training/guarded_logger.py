"""Loggers whose exceptions do not end a run, and that remember the metrics they got last."""

import logging
from collections.abc import Mapping
from typing import Any

from pytorch_lightning.loggers import Logger

log = logging.getLogger(__name__)


class GuardedLogger(Logger):
    """Mix-in before a logger's class that logs the logger's exceptions as warnings.

    Attributes:
        last_step: The step of the last call of `log_metrics`; None before the first call.
        last_metrics: All metrics of that step; a resumed run logs them again.
    """

    last_step: int | None = None
    last_metrics: Mapping[str, float] = {}

    def log_metrics(self, metrics: Mapping[str, float], step: int | None = None) -> None:
        """Log the metrics of a step and remember them in `last_step` and `last_metrics`."""
        earlier = self.last_metrics if step == self.last_step else {}
        self.last_step, self.last_metrics = step, {**earlier, **metrics}
        self._attempt("log_metrics", metrics, step)

    def log_hyperparams(self, params: Any, *args: Any, **kwargs: Any) -> None:
        """Log a run's settings."""
        self._attempt("log_hyperparams", params, *args, **kwargs)

    def log_graph(self, *args: Any, **kwargs: Any) -> None:
        """Log a net's graph; loggers without graphs do nothing."""
        self._attempt("log_graph", *args, **kwargs)

    def save(self) -> None:
        """Write buffered data."""
        self._attempt("save")

    def finalize(self, status: str) -> None:
        """Close the logger; `status` says how the run ended, such as "success"."""
        self._attempt("finalize", status)

    def _attempt(self, method: str, *args: Any, **kwargs: Any) -> None:
        try:
            getattr(super(), method)(*args, **kwargs)
        except Exception:
            log.warning("logger %s: %s failed", type(self).__name__, method, exc_info=True)


def guarded(logger_class: type[Logger]) -> type[Logger]:
    """Return a subclass of a logger's class that logs exceptions as warnings, never raises them."""
    return type(logger_class.__name__, (GuardedLogger, logger_class), {})
