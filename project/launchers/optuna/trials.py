"""The trials of a search in Optuna's storage, `<outputs>/tuning/<study>/study.db`."""

import json
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from hydra.utils import execution_whitelist, instantiate

from project.config.errors import ConfigurationError, ConflictError
from project.launchers.optuna.settings import SearchSettings
from project.runs.trials import COMPLETE, FAILED, PRUNED, Trial

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution
    from optuna.trial import FrozenTrial, TrialState
    from optuna.trial import Trial as OpenTrial

MAX_REPEATS = 100  # after so many repeated proposals in a row the search ends
QUESTION, VALUES, FAILURE = "question", "values", "failure"
REPEATED = "tried before"
DIVERGED = "DivergedError"  # begins the last line of a diverged job, whichever launcher ran it


class StoredTrials:
    """The trials of a search, each of which is stored when it has ended.

    Trials are proposed and pruned by a study in memory. So an interrupted trial leaves no trace:
    the next proposal, which depends on nothing but the ended trials, has the same values.

    Args:
        folder: The study's folder.
        question: What defines the search: overrides, space, seeds, objective, direction.
        settings: The keys of the sweeper.
        space: The distribution of each searched key.

    Raises:
        ConflictError: The folder holds a study with another `question`.
        ConfigurationError: The settings name a pruner that is not a class of Optuna.
    """

    def __init__(
        self,
        folder: Path,
        question: dict[str, Any],
        settings: SearchSettings,
        space: dict[str, "BaseDistribution"],
    ) -> None:
        import optuna

        self._settings = settings
        self._space = space
        folder.mkdir(parents=True, exist_ok=True)
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        # Optuna warns of features that may change, but `.ci/constraints.txt` fixes its version.
        warnings.filterwarnings("ignore", category=optuna.exceptions.ExperimentalWarning)
        direction = "minimize" if question["direction"] == "min" else "maximize"
        pruner = build_optunas(settings.pruner)
        self._study = optuna.create_study(direction=direction, pruner=pruner)
        self._stored = optuna.create_study(
            study_name=folder.name,
            storage=f"sqlite:///{quote(str((folder / 'study.db').resolve()))}",
            direction=direction,
            load_if_exists=True,
        )
        asked = json.dumps(question)
        stored = self._stored.user_attrs.get(QUESTION, asked)
        if stored != asked:
            raise ConflictError(
                f"{folder} holds a study with other settings; name another study "
                f"(hydra.sweeper.study=NAME), or repeat the stored settings:\n  stored    {stored}"
                f"\n  now       {asked}"
            )
        self._stored.set_user_attr(QUESTION, asked)
        self._study.add_trials(self._stored.get_trials(deepcopy=False))

    def propose(self) -> "OpenTrial | None":
        """Return the next trial; None if only values tried before are proposed.

        Raises:
            ConfigurationError: The settings name a sampler that is not a class of Optuna.
        """
        from optuna.trial import TrialState

        for _ in range(MAX_REPEATS):
            seed = self._settings.sampler_seed + len(self._study.get_trials(deepcopy=False))
            self._study.sampler = build_optunas(self._settings.sampler, seed=seed)
            trial = self._study.ask(self._space)
            if all(each.params != trial.params for each in self.done()):
                return trial
            self.tell(trial, TrialState.FAIL, {}, REPEATED)
        return None

    def tell(
        self, trial: "OpenTrial", state: "TrialState", values: dict[str, float], failure: str
    ) -> None:
        """Store how a trial ended: the objective by seed, and why it failed if it did."""
        trial.set_user_attr(VALUES, values)
        trial.set_user_attr(FAILURE, failure)
        # Optuna accepts a value only for a complete trial.
        value = _mean(values) if state.name == "COMPLETE" else None
        self._stored.add_trial(self._study.tell(trial, value, state=state))

    def done(self) -> list["FrozenTrial"]:
        """Return the ended trials that do not repeat an earlier one."""
        from optuna.trial import TrialState

        states = (TrialState.COMPLETE, TrialState.PRUNED, TrialState.FAIL)
        trials = self._study.get_trials(deepcopy=False, states=states)
        return [each for each in trials if each.user_attrs[FAILURE] != REPEATED]

    def failures(self) -> list[str]:
        """Return one line for each trial that failed, except for divergence, which is valid."""
        return [
            f"trial {each.number}: {reason}"
            for each in self.done()
            if each.state.name == "FAIL" and DIVERGED not in (reason := each.user_attrs[FAILURE])
        ]


def build_optunas(section: dict[str, Any], **given: Any) -> Any:
    """Build one of Optuna's samplers or pruners from its section and further arguments.

    Raises:
        ConfigurationError: `_target_` is not a class of Optuna.
    """
    target = str(section["_target_"])
    if not target.startswith("optuna."):
        raise ConfigurationError(f"hydra.sweeper: {target} is not a class of Optuna")
    with execution_whitelist([target]):
        return instantiate(section, **given)


def _mean(values: dict[str, float]) -> float | None:
    return sum(values.values()) / len(values) if values else None


def read(trial: "FrozenTrial") -> Trial:
    """Return one of Optuna's trials in the form in which it is written to trials.json."""
    values = trial.user_attrs[VALUES]
    state = {"COMPLETE": COMPLETE, "PRUNED": PRUNED, "FAIL": FAILED}[trial.state.name]
    return Trial(trial.number, state, dict(trial.params), _mean(values), values)
