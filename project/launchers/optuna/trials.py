"""The trials of a search in Optuna's storage, `<outputs>/tuning/<study>/study.db`."""

import json
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from hydra.utils import execution_whitelist, instantiate

from project.config.errors import ConfigurationError, ConflictError
from project.runs.trials import COMPLETE, FAILED, PRUNED, Trial

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution
    from optuna.study import Study
    from optuna.trial import FrozenTrial, TrialState
    from optuna.trial import Trial as OpenTrial

QUESTION, VALUES, FAILURE = "question", "values", "failure"
REPEATED = "tried before"
KILLED, AGAIN = "interrupted", "asked again"
DIVERGED = "DivergedError"  # begins the last line of a diverged job, whichever launcher ran it


def open_study(
    folder: Path,
    question: dict[str, Any],
    pruner: dict[str, Any],
    space: dict[str, "BaseDistribution"],
) -> "Study":
    """Open a stored study and queue its interrupted trials again, or create a new study.

    Args:
        folder: The study's folder.
        question: What defines the search: overrides, space, seeds, objective, direction.
        pruner: The `_target_` section of one of Optuna's pruners.
        space: The distribution of each searched key.

    Raises:
        ConflictError: The folder holds a study with another `question`.
        ConfigurationError: `pruner` does not describe a class of Optuna.
    """
    import optuna

    folder.mkdir(parents=True, exist_ok=True)
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    # Optuna warns of features that may change, but `.ci/constraints.txt` fixes its version.
    warnings.filterwarnings("ignore", category=optuna.exceptions.ExperimentalWarning)
    study = optuna.create_study(
        study_name=folder.name,
        storage=f"sqlite:///{quote(str((folder / 'study.db').resolve()))}",
        direction="minimize" if question["direction"] == "min" else "maximize",
        pruner=build_optunas(pruner),
        load_if_exists=True,
    )
    asked = json.dumps(question)
    stored = study.user_attrs.get(QUESTION, asked)
    if stored != asked:
        raise ConflictError(
            f"{folder} holds a study with other settings; name another study "
            f"(hydra.sweeper.study=NAME), or repeat the stored settings:\n  stored    {stored}\n"
            f"  now       {asked}"
        )
    study.set_user_attr(QUESTION, asked)
    _ask_again(study, space)
    return study


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


def _ask_again(study: "Study", space: dict[str, "BaseDistribution"]) -> None:
    """Queue the trials that a killed process left running, and mark those trials as failed.

    A kill between two of these steps does no harm: completed steps are not repeated.
    """
    from optuna.trial import TrialState

    trials = study.get_trials(deepcopy=False)
    asked_again = {each.user_attrs.get(AGAIN) for each in trials}
    for trial in trials:
        if trial.state is not TrialState.RUNNING:
            continue
        # An interrupted trial counts neither as a result nor as a proposal.
        killed = study.user_attrs.get(KILLED, [])
        study.set_user_attr(KILLED, sorted({*killed, trial.number}))
        # If it was killed before all its values were drawn, the next proposal draws the same ones.
        if trial.params.keys() == space.keys() and trial.number not in asked_again:
            study.enqueue_trial(trial.params, user_attrs={AGAIN: trial.number})
        study.tell(trial.number, state=TrialState.FAIL)


def done(study: "Study") -> list["FrozenTrial"]:
    """Return the finished trials that were not interrupted and do not repeat an earlier one."""
    from optuna.trial import TrialState

    states = (TrialState.COMPLETE, TrialState.PRUNED, TrialState.FAIL)
    killed = set(study.user_attrs.get(KILLED, []))
    return [
        each
        for each in study.get_trials(deepcopy=False, states=states)
        if each.number not in killed and each.user_attrs.get(FAILURE) != REPEATED
    ]


def proposals(study: "Study") -> int:
    """Return how many trials were proposed; an interrupted one and its repetition count as one."""
    killed = set(study.user_attrs.get(KILLED, []))
    return sum(
        each.state.is_finished() and each.number not in killed
        for each in study.get_trials(deepcopy=False)
    )


def tell(
    study: "Study", trial: "OpenTrial", state: "TrialState", values: dict[str, float], failure: str
) -> None:
    """Store how a trial ended: the objective by seed, and why it failed if it did."""
    trial.set_user_attr(VALUES, values)
    trial.set_user_attr(FAILURE, failure)
    # Optuna accepts a value only for a complete trial.
    study.tell(trial, _mean(values) if state.name == "COMPLETE" else None, state=state)


def _mean(values: dict[str, float]) -> float | None:
    return sum(values.values()) / len(values) if values else None


def failures(study: "Study") -> list[str]:
    """Return one line for each trial that failed, except for divergence, which is valid."""
    return [
        f"trial {each.number}: {reason}"
        for each in done(study)
        if each.state.name == "FAIL"
        and DIVERGED not in (reason := each.user_attrs.get(FAILURE, ""))
    ]


def read(trial: "FrozenTrial") -> Trial:
    """Return one of Optuna's trials in the form in which it is written to trials.json."""
    values = trial.user_attrs.get(VALUES, {})
    state = {"COMPLETE": COMPLETE, "PRUNED": PRUNED, "FAIL": FAILED}[trial.state.name]
    return Trial(trial.number, state, dict(trial.params), _mean(values), values)
