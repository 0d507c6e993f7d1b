"""What a tuning study has tried, on disk: `<outputs>/tuning/<study>/trials.json` beside its runs.

Written after every trial from the study's own storage, for whoever has no Optuna to open that with.
"""

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from project.runs.atomic import write_text
from project.runs.record import CorruptRunError

FOLDER = "tuning"
HISTORY = "trials.json"
COMPLETE, PRUNED, FAILED = "complete", "pruned", "failed"


@dataclass(frozen=True)
class Trial:
    """One choice of values.

    state: COMPLETE; PRUNED, stopped before all its seeds because it was hopeless; or FAILED.
    value: the mean of the objective over the seeds that were run, None where there is none.
    errors: the objective by seed.
    """

    number: int
    state: str
    values: dict[str, Any]
    value: float | None
    errors: dict[str, float]


@dataclass(frozen=True)
class History:
    """A study so far.

    words: what all trials have in common, as on a command line. space: what was searched, by key.
    direction: `min` or `max`, which values of the objective are better.
    """

    study: str
    objective: str
    seeds: list[int]
    words: list[str]
    space: dict[str, str]
    sampler: str
    pruner: str
    versions: dict[str, str]
    trials: list[Trial]
    direction: str = "min"

    @property
    def best(self) -> Trial | None:
        """Of the complete trials."""
        complete = [each for each in self.trials if each.state == COMPLETE]
        choose = min if self.direction == "min" else max
        return choose(complete, key=lambda each: each.value or 0.0, default=None)

    @property
    def in_percent(self) -> bool:
        """Whether the objective is an error, a share of 1."""
        return self.objective.endswith("/error")

    def write(self, folder: Path) -> None:
        """To `folder`, whole or not at all."""
        write_text(folder / HISTORY, json.dumps(asdict(self), indent=1) + "\n")


def read_histories(outputs: Path) -> list[History]:
    """Of every study under `outputs`, by name; raises CorruptRunError."""
    return [_read(path) for path in sorted((outputs / FOLDER).glob(f"*/{HISTORY}"))]


def _read(path: Path) -> History:
    try:
        values = json.loads(path.read_text())
        trials = [Trial(**each) for each in values.pop("trials")]
        return History(**values, trials=trials)
    except (OSError, ValueError, TypeError, LookupError) as error:
        raise CorruptRunError(
            f"{path} cannot be read ({error}); move it away: the study's next trial writes it anew"
        ) from None
