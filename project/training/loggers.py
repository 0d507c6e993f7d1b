"""Loggers whose errors end no run; for CSV, wandb and MLflow, those that continue after a resume.

The run directory stores the run's ids in wandb and MLflow (`wandb.id`, `mlflow.id`).
"""

import csv
import io
import logging
import uuid
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pytorch_lightning.loggers import Logger, MLFlowLogger, WandbLogger

from project.runs.atomic import write_text

log = logging.getLogger(__name__)

METRICS = "metrics.csv"


class GuardedLogger(Logger):
    """Mix-in before a logger's class that logs its exceptions as warnings.

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

    def finish(self, *args: Any) -> None:
        """Write the results of a completed run, if the logger can (as `RunWandbLogger.finish`)."""
        if hasattr(super(), "finish"):
            self._attempt("finish", *args)

    def finalize(self, status: str) -> None:
        """Close the logger; `status` says how the run ended, such as "success"."""
        self._attempt("finalize", status)

    def _attempt(self, method: str, *args: Any, **kwargs: Any) -> None:
        try:
            getattr(super(), method)(*args, **kwargs)
        except Exception:
            log.warning("logger %s: %s failed", type(self).__name__, method, exc_info=True)


def table_csv(rows: Sequence[Mapping[str, Any]], first: list[str]) -> str:
    """Return rows as CSV text: first the columns `first`, then all others in alphabetical order.

    Floats are written as the shortest text that reads back to the same number, so equal runs give
    equal bytes.
    """
    text = io.StringIO()
    names = [*first, *sorted({name for row in rows for name in row} - set(first))]
    writer = csv.DictWriter(text, fieldnames=names, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


class RunCSVLogger(Logger):
    """Logger that writes metrics.csv into the run directory, one row for each logged step.

    The file is replaced atomically. A resumed run drops the rows from `first_step` on, the first
    step that it logs again.
    """

    name = version = ""  # metrics.csv lies directly in the run directory

    def __init__(self, directory: str | Path, first_step: int = 0) -> None:
        super().__init__()
        self._path = Path(directory) / METRICS
        self._rows: dict[int, dict[str, Any]] = {}
        if first_step and self._path.exists():
            with open(self._path, encoding="utf-8", newline="") as file:
                for row in csv.DictReader(file):
                    step = int(row.pop("step"))
                    if step < first_step:
                        self._rows[step] = {name: each for name, each in row.items() if each}

    def log_hyperparams(self, params: Any, *args: Any, **kwargs: Any) -> None:
        """Do nothing: the settings are in config.yaml in the run directory."""

    def log_metrics(self, metrics: Mapping[str, float], step: int | None = None) -> None:
        """Add metrics to the row of a step; step None counts as 0."""
        self._rows.setdefault(step or 0, {}).update(
            {name: float(value) for name, value in metrics.items()}
        )

    def flush(self) -> None:
        """Write metrics.csv; called before each checkpoint."""
        rows = [{"step": step} | self._rows[step] for step in sorted(self._rows)]
        write_text(self._path, table_csv(rows, ["step"]))

    def finalize(self, status: str) -> None:
        """Write metrics.csv."""
        self.flush()


class RunWandbLogger(WandbLogger):
    """Logger for Weights & Biases; offline by default, which needs no account.

    `directory` is the run directory; the other arguments are as for Lightning's WandbLogger.
    """

    def __init__(
        self,
        directory: str | Path,
        save_dir: str,
        project: str = "honest-ablations",
        offline: bool = True,
        **settings: Any,
    ) -> None:
        import wandb

        # Each run of a process becomes a run of its own in wandb.
        options: dict[str, Any] = {"reinit": "create_new"} | settings
        file = Path(directory) / "wandb.id"
        if (stored := _stored_id(file)) is None:
            stored = uuid.uuid4().hex
            write_text(file, stored + "\n")
        super().__init__(
            name=_run_name(file.parent),
            save_dir=save_dir,
            project=project,
            offline=offline,
            id=stored,
            **options,
            # wandb prints nothing to the console; its own log files hold the same text.
            settings=wandb.Settings(silent=True, console="off"),
        )

    def finalize(self, status: str) -> None:
        """Finish the wandb run if it failed, so that it can be resumed in the same process."""
        super().finalize(status)
        if status != "success":
            self.experiment.finish(exit_code=1)

    def finish(
        self, title: str, params: Mapping[str, Any], metrics: Mapping[str, float], step: int
    ) -> None:
        """Write the run's final metrics to the wandb summary and finish the wandb run."""
        self.experiment.summary.update(dict(metrics))
        self.experiment.finish()


class RunMLFlowLogger(MLFlowLogger):
    """Logger for MLflow, by default to a SQLite file in the output folder.

    `tracking_uri` is a server, or `sqlite:///<file>`; the other arguments are as for MLFlowLogger.
    """

    def __init__(
        self,
        directory: str | Path,
        tracking_uri: str,
        experiment_name: str = "honest-ablations",
        **settings: Any,
    ) -> None:
        from filelock import FileLock

        directory = Path(directory)
        file = directory / "mlflow.id"
        stored = _stored_id(file)
        # MLflow creates the tables of a new file; two processes must not do that at once.
        with FileLock(directory.parents[2] / ".mlflow.lock"):
            super().__init__(
                experiment_name=experiment_name,
                run_name=_run_name(directory),
                tracking_uri=tracking_uri,
                run_id=stored,
                **settings,
            )
            run_id = self.run_id
        if stored is None:
            write_text(file, f"{run_id}\n")
        else:
            self.experiment.update_run(stored, status="RUNNING")


def _run_name(directory: Path) -> str:
    return f"{directory.parent.name}/{directory.name}"


def _stored_id(file: Path) -> str | None:
    return file.read_text(encoding="utf-8").strip() if file.exists() else None
