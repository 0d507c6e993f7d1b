"""A search in Optuna's own storage, `<outputs>/tuning/<study>/study.db`: what was asked and tried.

A trial counts once it is finished and was neither interrupted nor tried before. Reasons and values
stand in the trials' attributes.
"""

import json
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
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
DIVERGED = "DivergedError"  # how its line begins, wherever the job ran


class OtherStudyError(ConflictError):
    """A study of that name asks another question, or is at work."""


@contextmanager
def alone(folder: Path) -> Iterator[None]:
    """Be the only process that works on the study while entered; raises OtherStudyError."""
    from filelock import FileLock, Timeout

    folder.mkdir(parents=True, exist_ok=True)
    try:
        with FileLock(folder / ".lock", timeout=0):
            yield
    except Timeout:
        raise OtherStudyError(
            f"another process works on {folder}; wait for it, or name another study: "
            "hydra.sweeper.study=NAME"
        ) from None


def open_study(
    folder: Path,
    direction: str,
    pruner: dict[str, Any],
    question: dict[str, Any],
    space: dict[str, "BaseDistribution"],
) -> "Study":
    """Open the stored study, with what was interrupted waiting to be asked again; or a new one.

    Args:
        folder: The study's.
        direction: `min` or `max`.
        pruner: A `_target_` section.
        question: What is searched, by which runs.
        space: What is searched, by key.

    Raises:
        OtherStudyError: Another question stands there.
    """
    import optuna

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    # Which of its parts may still change: `.ci/constraints.txt` says which version this is.
    warnings.filterwarnings("ignore", category=optuna.exceptions.ExperimentalWarning)
    study = optuna.create_study(
        study_name=folder.name,
        storage=f"sqlite:///{quote(str((folder / 'study.db').resolve()))}",
        direction="minimize" if direction == "min" else "maximize",
        pruner=build_optunas(pruner),
        load_if_exists=True,
    )
    asked = json.dumps(question)
    stored = study.user_attrs.get(QUESTION, asked)
    if stored != asked:
        raise OtherStudyError(
            f"{folder} asks another question; name another study "
            f"(hydra.sweeper.study=NAME), or repeat its words:\n  it asks   {stored}\n"
            f"  you ask   {asked}"
        )
    study.set_user_attr(QUESTION, asked)
    _ask_again(study, space)
    return study


def build_optunas(section: dict[str, Any], **given: Any) -> Any:
    """Build a sampler or pruner that a `_target_` section describes; only Optuna's own."""
    target = str(section["_target_"])
    if not target.startswith("optuna."):
        raise ConfigurationError(f"hydra.sweeper: {target} is no class of Optuna")
    with execution_whitelist([target]):
        return instantiate(section, **given)


def _ask_again(study: "Study", space: dict[str, "BaseDistribution"]) -> None:
    """Put trials that run though no process works on them, which were killed, into the queue.

    A kill between two of these steps costs nothing: what was done is found.
    """
    from optuna.trial import TrialState

    trials = study.get_trials(deepcopy=False)
    asked_again = {each.user_attrs.get(AGAIN) for each in trials}
    for trial in trials:
        if trial.state is not TrialState.RUNNING:
            continue
        # What was interrupted is no answer, and no proposal either.
        killed = study.user_attrs.get(KILLED, [])
        study.set_user_attr(KILLED, sorted({*killed, trial.number}))
        # One that was killed before all its values were drawn: they are drawn again, and alike.
        if trial.params.keys() == space.keys() and trial.number not in asked_again:
            study.enqueue_trial(trial.params, user_attrs={AGAIN: trial.number})
        study.tell(trial.number, state=TrialState.FAIL)


def done(study: "Study") -> list["FrozenTrial"]:
    """Return the trials that count: not those that were interrupted, or had been tried before."""
    from optuna.trial import TrialState

    states = (TrialState.COMPLETE, TrialState.PRUNED, TrialState.FAIL)
    killed = set(study.user_attrs.get(KILLED, []))
    return [
        each
        for each in study.get_trials(deepcopy=False, states=states)
        if each.number not in killed and each.user_attrs.get(FAILURE) != REPEATED
    ]


def proposals(study: "Study") -> int:
    """Return how many were made: what was interrupted is proposed once more, and counts as one."""
    killed = set(study.user_attrs.get(KILLED, []))
    return sum(
        each.state.is_finished() and each.number not in killed
        for each in study.get_trials(deepcopy=False)
    )


def tell(
    study: "Study", trial: "OpenTrial", state: "TrialState", values: dict[str, float], failure: str
) -> None:
    """Store how a trial ended.

    Args:
        study: The study.
        trial: The trial.
        state: How it ended.
        values: The objective by seed.
        failure: Why it failed; empty if it did not.
    """
    trial.set_user_attr(VALUES, values)
    trial.set_user_attr(FAILURE, failure)
    # Optuna wants no value of a trial that is not complete.
    study.tell(trial, _mean(values) if state.name == "COMPLETE" else None, state=state)


def _mean(values: dict[str, float]) -> float | None:
    return sum(values.values()) / len(values) if values else None


def failures(study: "Study") -> list[str]:
    """Return why trials failed otherwise than by diverging: that is an answer of the search."""
    reasons = {
        each.number: each.user_attrs.get(FAILURE, "")
        for each in done(study)
        if each.state.name == "FAIL"
    }
    return [f"trial {key}: {text}" for key, text in reasons.items() if DIVERGED not in text]


def read(trial: "FrozenTrial") -> Trial:
    """Return the trial as the report will find it."""
    values = trial.user_attrs.get(VALUES, {})
    state = {"COMPLETE": COMPLETE, "PRUNED": PRUNED, "FAIL": FAILED}[trial.state.name]
    return Trial(trial.number, state, dict(trial.params), _mean(values), values)
