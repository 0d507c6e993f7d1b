"""A search that a kill interrupts and the same command goes on with.

The trials stand in Optuna's own storage, SQLite, `<outputs>/tuning/<study>/study.db`; the runs they
consist of beside it, under `runs/`, as those of any sweep. So a trial that was killed is asked
again, and what it had finished is found done. The sampler is begun anew for every trial, with a
seed that follows from the trial's number: what trial 7 tries is a function of the six before it.
"""

import json
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.plugins import Plugins
from hydra.core.utils import JobStatus
from hydra.plugins.sweeper import Sweeper
from hydra.types import HydraContext, TaskFunction
from hydra.utils import instantiate
from omegaconf import DictConfig

from project.launchers.launching import GridLauncher
from project.launchers.tuning.space import SpaceError, spelled, split
from project.runs.trials import COMPLETE, FAILED, FOLDER, PRUNED, History, Trial

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution
    from optuna.study import Study
    from optuna.trial import FrozenTrial

# Seeds below are for reporting: what is chosen by them would be reported too well.
FIRST_TUNING_SEED = 100
PATIENCE = 100  # proposals in a row that were tried before: then there is nothing left to try
QUESTION, ERRORS, FAILURE = "question", "errors", "failure"
REPEATED = "tried before"
KILLED = "interrupted; asked again"


class OtherStudyError(Exception):
    """A study of that name asks another question, or is at work."""

    exit_code = 4


class NoOptunaError(Exception):
    """Optuna is not installed."""

    exit_code = 2


class OptunaSweeper(Sweeper):
    """Looks for the values with the smallest mean of `objective` over `seeds`.

    study: its name, a folder under `<outputs>/tuning`. trials: how many, in all sessions. seeds:
    one trial is a run of each; FIRST_TUNING_SEED or more. at_once: how many seeds are run before
    it is asked whether the trial is hopeless. sampler, pruner: `_target_` sections, of Optuna's
    own. params: of a study file; the
    command line wins over them.
    """

    def __init__(
        self,
        study: str,
        trials: int,
        seeds: list[int],
        at_once: int,
        objective: str,
        sampler: dict[str, Any],
        sampler_seed: int,
        pruner: dict[str, Any],
        params: dict[str, str] | None,
    ) -> None:
        self.name = study
        self.trials = trials
        self.seeds = list(seeds)
        self.at_once = at_once
        self.objective = objective
        self.sampler = sampler
        self.sampler_seed = sampler_seed
        self.pruner = pruner
        self.params = params or {}

    def setup(
        self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig
    ) -> None:
        self.parser = OverridesParser.create(config_loader=hydra_context.config_loader)
        self.folder = Path(config.paths.outputs) / FOLDER / self.name
        self._launcher = Plugins.instance().instantiate_launcher(
            hydra_context=hydra_context, task_function=task_function, config=config
        )
        if isinstance(self._launcher, GridLauncher):
            self._launcher.quiet = True  # a line for each trial says enough

    def sweep(self, arguments: list[str]) -> Any:
        """Returns the value and the parameters of the best trial."""
        self._check()
        params = [f"{key}={value}" for key, value in self.params.items()]
        words, space = split(self.parser.parse_overrides([*params, *arguments]))
        with self._alone():
            study = self._open(words, space)
            while len(_done(study)) < self.trials:
                if not self._next(study, words, space):
                    print("every value of the space has been tried", file=sys.stderr)
                    break
            return self._finish(self._history(study, words))

    def _check(self) -> None:
        """Raises SpaceError."""
        early = [seed for seed in self.seeds if seed < FIRST_TUNING_SEED]
        if early or not self.seeds or len(set(self.seeds)) < len(self.seeds):
            raise SpaceError(
                f"hydra.sweeper.seeds must be different numbers from {FIRST_TUNING_SEED} on (those "
                f"below are for reporting), got {self.seeds}"
            )
        if self.at_once < 1 or self.trials < 1:
            raise SpaceError(
                "hydra.sweeper.trials and at_once must be at least 1, got "
                f"{self.trials} and {self.at_once}"
            )
        if "/" in self.name or self.name.startswith("."):
            raise SpaceError(f"hydra.sweeper.study must be a plain name, got {self.name!r}")
        if self.objective.startswith("test/"):
            raise SpaceError(
                f"hydra.sweeper.objective={self.objective}: what is chosen by the test pairs "
                "cannot be tested by them; use val/error or val/loss"
            )

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """While entered, no other process works on the study; raises OtherStudyError."""
        from filelock import FileLock, Timeout

        self.folder.mkdir(parents=True, exist_ok=True)
        try:
            with FileLock(self.folder / ".lock", timeout=0):
                yield
        except Timeout:
            raise OtherStudyError(
                f"another process works on {self.folder}; wait for it, or name another study: "
                "hydra.sweeper.study=NAME"
            ) from None

    def _open(self, words: list[str], space: dict[str, "BaseDistribution"]) -> "Study":
        """The stored study, with what was interrupted waiting to be asked again; or a new one."""
        try:
            import optuna
        except ModuleNotFoundError:
            raise NoOptunaError(
                "hydra/sweeper=optuna needs Optuna: pip install -c .ci/constraints.txt -e "
                "'.[tuning]'"
            ) from None
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        # Which of its parts may still change: `.ci/constraints.txt` says which version this is.
        warnings.filterwarnings("ignore", category=optuna.exceptions.ExperimentalWarning)
        study = optuna.create_study(
            study_name=self.name,
            storage=f"sqlite:///{(self.folder / 'study.db').resolve()}",
            direction="minimize",
            pruner=instantiate(self.pruner),
            load_if_exists=True,
        )
        question = json.dumps(
            {
                "words": sorted(words),
                "space": {key: repr(each) for key, each in sorted(space.items())},
                "seeds": self.seeds,
                "objective": self.objective,
            }
        )
        stored = study.user_attrs.get(QUESTION, question)
        if stored != question:
            raise OtherStudyError(
                f"{self.folder} asks another question; name another study "
                f"(hydra.sweeper.study=NAME), or repeat its words:\n  it asks   {stored}\n"
                f"  you ask   {question}"
            )
        study.set_user_attr(QUESTION, question)
        _ask_again(study)
        return study

    def _next(self, study: "Study", words: list[str], space: dict[str, "BaseDistribution"]) -> bool:
        """Carry out one trial more; False if there is none that was not tried before."""
        from optuna.trial import TrialState

        for _ in range(PATIENCE):
            before = [
                each
                for each in study.get_trials(deepcopy=False)
                if each.state.is_finished() and each.user_attrs.get(FAILURE) != KILLED
            ]
            study.sampler = instantiate(self.sampler, seed=self.sampler_seed + len(before))
            trial = study.ask(space)
            if all(each.params != trial.params for each in _done(study)):
                self._carry_out(study, trial, words)
                return True
            trial.set_user_attr(FAILURE, REPEATED)
            study.tell(trial, state=TrialState.FAIL)
        return False

    def _carry_out(self, study: "Study", trial: Any, words: list[str]) -> None:
        """Run the trial's seeds, some at a time, until it is complete or hopeless."""
        from optuna.trial import TrialState

        errors: dict[str, float] = {}
        state, failure = TrialState.COMPLETE, ""
        for start in range(0, len(self.seeds), self.at_once):
            seeds = self.seeds[start : start + self.at_once]
            common = [*words, *spelled(trial.params), f"paths.outputs={self.folder}"]
            results = self._launcher.launch(
                [[*common, f"seed={seed}"] for seed in seeds], initial_job_idx=0
            )
            for seed, result in zip(seeds, results, strict=True):
                if result.status is not JobStatus.COMPLETED:
                    state, failure = TrialState.FAIL, str(result._return_value)
                    continue
                if self.objective not in result.return_value:
                    known = ", ".join(sorted(result.return_value))
                    raise SpaceError(f"hydra.sweeper.objective={self.objective}: runs have {known}")
                errors[str(seed)] = result.return_value[self.objective]
                trial.report(errors[str(seed)], step=seed)
            if state is TrialState.FAIL:
                break
            if len(errors) < len(self.seeds) and trial.should_prune():
                state = TrialState.PRUNED
                break
        trial.set_user_attr(ERRORS, errors)
        trial.set_user_attr(FAILURE, failure)
        mean = sum(errors.values()) / len(errors) if errors else None
        study.tell(trial, mean if state is TrialState.COMPLETE else None, state=state)
        history = self._history(study, words)
        history.write(self.folder)
        self._say(history.trials[-1], len(history.trials))

    def _history(self, study: "Study", words: list[str]) -> History:
        return History(
            study=self.name,
            objective=self.objective,
            seeds=self.seeds,
            words=words,
            space=json.loads(study.user_attrs[QUESTION])["space"],
            sampler=str(self.sampler["_target_"]),
            pruner=str(self.pruner["_target_"]),
            versions={name: version(name) for name in ("optuna", "sqlalchemy")},
            trials=[_read(each) for each in _done(study)],
        )

    def _say(self, trial: Trial, count: int) -> None:
        shown = "-" if trial.value is None else f"{trial.value:.5f}"
        print(
            f"[{count}/{self.trials}] trial {trial.number} {trial.state}: {self.objective} {shown} "
            f"over {len(trial.errors)} seeds; {' '.join(spelled(trial.values))}",
            flush=True,
        )

    def _finish(self, history: History) -> tuple[float, dict[str, Any]]:
        """Say what was best; raises SpaceError if no trial was completed."""
        history.write(self.folder)
        best = history.best
        if best is None or best.value is None:
            raise SpaceError(f"no trial of {self.folder} was completed")
        print(
            f"best of {len(history.trials)} trials, {self.objective} {best.value:.5f} over seeds "
            f"{', '.join(map(str, self.seeds))}:\n"
            f"  {' '.join([*history.words, *spelled(best.values)])}\n"
            f"history in {self.folder}; report it at seeds below {FIRST_TUNING_SEED}"
        )
        return best.value, best.values


def _ask_again(study: "Study") -> None:
    """Trials that run though no process works on them were killed: they are first in the queue."""
    from optuna.trial import TrialState

    for trial in study.get_trials(deepcopy=False, states=(TrialState.RUNNING,)):
        study.enqueue_trial(trial.params, skip_if_exists=False)
        study._storage.set_trial_user_attr(trial._trial_id, FAILURE, KILLED)
        study.tell(trial.number, state=TrialState.FAIL)


def _done(study: "Study") -> list["FrozenTrial"]:
    """The trials that count: not those that were interrupted, or had been tried before."""
    from optuna.trial import TrialState

    states = (TrialState.COMPLETE, TrialState.PRUNED, TrialState.FAIL)
    return [
        each
        for each in study.get_trials(deepcopy=False, states=states)
        if each.user_attrs.get(FAILURE) not in (KILLED, REPEATED)
    ]


def _read(trial: "FrozenTrial") -> Trial:
    errors = trial.user_attrs.get(ERRORS, {})
    state = {"COMPLETE": COMPLETE, "PRUNED": PRUNED, "FAIL": FAILED}[trial.state.name]
    value = sum(errors.values()) / len(errors) if errors else None
    return Trial(trial.number, state, dict(trial.params), value, errors)
