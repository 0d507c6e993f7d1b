"""Loggers whose exceptions do not end a run, and that remember the metrics they got last."""

import logging
from collections.abc import Callable, Mapping
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
        self._attempt("log_metrics", lambda: super(GuardedLogger, self).log_metrics(metrics, step))  # type: ignore[safe-super]

    def log_hyperparams(self, params: Any, *args: Any, **kwargs: Any) -> None:
        """Log a run's settings."""
        method = super().log_hyperparams  # type: ignore[safe-super]
        self._attempt("log_hyperparams", lambda: method(params, *args, **kwargs))

    def log_graph(self, *args: Any, **kwargs: Any) -> None:
        """Log a net's graph; loggers without graphs do nothing."""
        method = super().log_graph
        self._attempt("log_graph", lambda: method(*args, **kwargs))

    def save(self) -> None:
        """Write buffered data."""
        self._attempt("save", super().save)

    def finalize(self, status: str) -> None:
        """Close the logger; `status` says how the run ended, such as "success"."""
        method = super().finalize
        self._attempt("finalize", lambda: method(status))

    def _attempt(self, what: str, method: Callable[[], Any]) -> None:
        try:
            method()
        except Exception:
            log.warning("logger %s: %s failed", type(self).__name__, what, exc_info=True)


def guarded(logger_class: type[Logger]) -> type[Logger]:
    """Return a subclass of a logger's class that logs exceptions as warnings, never raises them."""
    return type(logger_class.__name__, (GuardedLogger, logger_class), {})
