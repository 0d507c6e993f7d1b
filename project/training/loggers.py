"""Lightning's loggers for other tools, so that a resumed run continues what it has begun in each.

The run directory holds the id of its run in wandb and MLflow (`wandb.id`, `mlflow.id`). With
`rerun=true` it is a new run there too.
"""

import csv
import time
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pytorch_lightning.loggers import Logger, MLFlowLogger, WandbLogger

from project.runs.atomic import write_text
from project.training.recorder import table_csv

METRICS = "metrics.csv"
# Share of the time that writing metrics.csv may take.
MAX_OVERHEAD = 0.01


class RunCSVLogger(Logger):
    """metrics.csv in the run directory: a row for each step at which something was logged.

    The file is always whole.

    Args:
        directory: The run directory.
        first_step: Everything from this step on that an earlier session wrote is void; it is
            written again.
    """

    def __init__(self, directory: str | Path, first_step: int = 0) -> None:
        super().__init__()
        self._path = Path(directory) / METRICS
        self._rows: dict[int, dict[str, Any]] = {}
        self._next_time = 0.0
        if first_step and self._path.exists():
            with open(self._path, encoding="utf-8", newline="") as file:
                for row in csv.DictReader(file):
                    step = int(row.pop("step"))
                    if step < first_step:
                        self._rows[step] = {name: each for name, each in row.items() if each}

    @property
    def name(self) -> str:
        """Nothing: the run directory has the name."""
        return ""

    @property
    def version(self) -> str:
        """Nothing, as well."""
        return ""

    def log_hyperparams(self, params: Any, *args: Any, **kwargs: Any) -> None:
        """Write nothing: config.yaml in the run directory says more."""

    def log_metrics(self, metrics: Mapping[str, float], step: int | None = None) -> None:
        """Add to the row of a step."""
        self._rows.setdefault(step or 0, {}).update(
            {name: float(value) for name, value in metrics.items()}
        )

    def save(self) -> None:
        """Write the file if it is time; Lightning asks after every call of `log_metrics`."""
        if time.monotonic() >= self._next_time:
            self.flush()

    def flush(self) -> None:
        """Write the file."""
        began = time.monotonic()
        rows = [{"step": step} | self._rows[step] for step in sorted(self._rows)]
        write_text(self._path, table_csv(rows, ["step"]))
        ended = time.monotonic()
        self._next_time = ended + (ended - began) / MAX_OVERHEAD

    def finalize(self, status: str) -> None:
        """Write the file."""
        self.flush()


class RunWandbLogger(WandbLogger):
    """A run of Weights & Biases, without an account until one is wanted.

    Args:
        directory: The run directory.
        save_dir: wandb writes to `<save_dir>/wandb`.
        project: The project there.
        offline: Whether it stays on this machine; `wandb sync` sends it later.
        settings: Further arguments of Lightning's WandbLogger, and so of `wandb.init`.
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

        # Two runs of one process are two.
        options: dict[str, Any] = {"reinit": "create_new"} | settings

        directory = Path(directory)
        super().__init__(
            name=_run_name(directory),
            save_dir=save_dir,
            project=project,
            offline=offline,
            id=_stored_id(directory / "wandb.id") or _store_id(directory / "wandb.id", _new_id()),
            **options,
            # What it would print is in its own log.
            settings=wandb.Settings(silent=True, console="off"),
        )

    def finalize(self, status: str) -> None:
        """End the run there if it has failed: in this process it may go on at once."""
        super().finalize(status)
        if status != "success":
            self.experiment.finish(exit_code=1)

    def finish(
        self, title: str, params: Mapping[str, Any], metrics: Mapping[str, float], step: int
    ) -> None:
        """Put the run's final values into its summary, and end it."""
        self.experiment.summary.update(dict(metrics))
        self.experiment.finish()


class RunMLFlowLogger(MLFlowLogger):
    """A run of MLflow, in a SQLite file under the output folder unless a server is named.

    Args:
        directory: The run directory.
        tracking_uri: The server, or `sqlite:///<file>`.
        experiment_name: The experiment there.
        settings: Further arguments of Lightning's MLFlowLogger.
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
        # MLflow makes the tables of a new file, which two processes must not do at once.
        with FileLock(directory.parents[2] / ".mlflow.lock"):
            super().__init__(
                experiment_name=experiment_name,
                run_name=_run_name(directory),
                tracking_uri=tracking_uri,
                run_id=stored,
                **settings,
            )
            run_id = self.run_id
        if run_id is not None and stored is None:
            _store_id(file, run_id)
        elif run_id is not None:
            self.experiment.update_run(run_id, status="RUNNING")


def _run_name(directory: Path) -> str:
    return f"{directory.parent.name}/{directory.name}"


def _new_id() -> str:
    return uuid.uuid4().hex


def _stored_id(file: Path) -> str | None:
    return file.read_text(encoding="utf-8").strip() if file.exists() else None


def _store_id(file: Path, text: str) -> str:
    write_text(file, text + "\n")
    return text
