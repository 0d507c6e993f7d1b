"""The trials of a tuning study, `<outputs>/tuning/<study>/trials.json`, read without Optuna."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from project.runs.atomic import write_text
from project.runs.record import CorruptRunError

FOLDER = "tuning"
HISTORY = "trials.json"
COMPLETE, PRUNED, FAILED = "complete", "pruned", "failed"


@dataclass(frozen=True)
class Trial:
    """One trial of a study: a choice of values, and what came of it.

    Attributes:
        state: COMPLETE, PRUNED (stopped before all its seeds, because it was hopeless) or FAILED.
        value: The mean of the objective over the seeds that were run; None if none was completed.
        errors: The objective at each seed that was completed, by seed.
    """

    number: int
    state: str
    values: dict[str, Any]
    value: float | None
    errors: dict[str, float]


@dataclass(frozen=True)
class History:
    """A study with all its trials so far.

    Attributes:
        words: The overrides that all trials have in common.
        space: The distribution of each searched key, as text.
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
    direction: Literal["min", "max"] = "min"

    @property
    def best(self) -> Trial | None:
        """The complete trial with the best value; None if no trial is complete."""
        complete = [each for each in self.trials if each.state == COMPLETE]
        choose = min if self.direction == "min" else max
        return choose(complete, key=lambda each: each.value or 0.0, default=None)

    def write(self, folder: Path) -> None:
        """Write trials.json to `folder`, whole or not at all."""
        write_text(folder / HISTORY, json.dumps(asdict(self), indent=1) + "\n")


def read_histories(outputs: Path) -> list[History]:
    """Return each study's history, by folder; raise CorruptRunError if one cannot be read."""
    histories = []
    for path in sorted((outputs / FOLDER).glob(f"*/{HISTORY}")):
        try:
            values = json.loads(path.read_text())
            trials = [Trial(**each) for each in values.pop("trials")]
            histories.append(History(**values, trials=trials))
        except (OSError, ValueError, TypeError, LookupError) as error:
            raise CorruptRunError(
                f"{path} cannot be read ({error}); move it away: the study's next trial writes it "
                "anew"
            ) from None
    return histories
