"""The sweeper that searches with Optuna; after an interruption the same command resumes the search.

Optuna stores the trials in SQLite, `<outputs>/tuning/<study>/study.db`; the trials' runs are stored
under `runs/` beside it, like the runs of any sweep. A trial that was killed is tried again and
reuses its completed runs. Each trial has a new sampler, seeded by the number of trials before it:
what trial 7 tries depends on the six before it and on nothing else.
"""

import json
import sys
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.plugins import Plugins
from hydra.plugins.sweeper import Sweeper
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig, ListConfig

from project.config.compose import expand_path
from project.launchers.experiment import JobFailedError
from project.launchers.grid import with_params
from project.launchers.launcher import GridLauncher, JobResult, check_all_started
from project.launchers.optuna.settings import FIRST_TUNING_SEED, SearchSettings, require_optuna
from project.launchers.optuna.space import (
    Search,
    SpaceError,
    held,
    probes,
    quoted,
    spelled,
    split,
)
from project.launchers.optuna.trials import (
    DIVERGED,
    QUESTION,
    REPEATED,
    alone,
    build_optunas,
    done,
    failures,
    open_study,
    proposals,
    read,
    tell,
)
from project.launchers.optuna.view import SearchView
from project.runs.trials import FOLDER, History, Trial

if TYPE_CHECKING:
    from optuna.study import Study

MAX_REPEATS = 100  # after so many repeated proposals in a row the search ends


class OptunaSweeper(Sweeper):
    """Hydra sweeper that searches for the values with the best mean of `objective` over `seeds`.

    Args:
        study: The search's name, and its folder under `<outputs>/tuning`.
        trials: The number of trials, over all sessions.
        seeds: Each trial runs at these seeds, all of them FIRST_TUNING_SEED or above.
        at_once: How many seeds of a trial run before the pruner decides whether it goes on.
        objective: The metric to optimise; None: the metric of the configuration, at validation.
        direction: `min` or `max`; None: the metric's own direction, or `min` for another objective.
        sampler: The `_target_` section of one of Optuna's samplers.
        sampler_seed: The seed of each trial's sampler is this plus the number of trials before it.
        pruner: The `_target_` section of one of Optuna's pruners.
        params: Overrides from a study's file, by key; None: none. Those of the command line take
            precedence.
    """

    def __init__(
        self,
        study: Any,
        trials: int,
        seeds: Any,
        at_once: int,
        objective: str | None,
        direction: str | None,
        sampler: dict[str, Any],
        sampler_seed: int,
        pruner: dict[str, Any],
        params: dict[str, str] | None,
    ) -> None:
        self._given = {
            # Hydra parses `2026` and `nan` as numbers, but the study's name is text.
            "study": str(study) if type(study) in (int, float) else study,
            "trials": trials,
            "seeds": list(seeds) if isinstance(seeds, list | ListConfig) else [seeds],
            "at_once": at_once,
            "sampler": sampler,
            "sampler_seed": sampler_seed,
            "pruner": pruner,
        }
        self._objective = objective
        self._direction = direction
        self._params = params or {}

    def setup(
        self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig
    ) -> None:
        """Create the launcher and the search's settings; called by Hydra before `sweep`.

        Raises:
            SpaceError: The launcher is not one of this project's.
        """
        self._parser = OverridesParser.create(config_loader=hydra_context.config_loader)
        launcher = Plugins.instance().instantiate_launcher(
            hydra_context=hydra_context, task_function=task_function, config=config
        )
        if not isinstance(launcher, GridLauncher):
            raise SpaceError(
                "hydra/sweeper=optuna works only with this platform's launchers; choose another "
                "hydra/launcher"
            )
        self._launcher = launcher
        metric = config.get("metric") or {"name": "error", "direction": "min"}
        judged = f"val/{metric['name']}"
        objective = judged if self._objective is None else self._objective
        own = metric["direction"] if objective == judged else "min"
        direction = own if self._direction is None else self._direction
        self.settings = SearchSettings(**self._given, objective=objective, direction=direction)
        self._outputs = Path(expand_path(config.paths.outputs))

    @property
    def folder(self) -> Path:
        """The study's folder, `<outputs>/tuning/<study>`."""
        return self._outputs / FOLDER / self.settings.study

    def sweep(self, arguments: list[str]) -> Any:
        """Run the search and print its best trial.

        Args:
            arguments: The overrides of the command line.

        Returns:
            The objective's value and the searched values of the best trial.

        Raises:
            SpaceError: A setting or the search space breaks a rule, runs do not log the objective,
                or no trial was completed.
            NoOptunaError: Optuna is not installed.
            OtherStudyError: The study is another search, or another process works on it.
            ConfigurationError: The sampler or the pruner is not a class of Optuna.
            JobFailedError: `max_failures` ended a trial; or, at the end, a trial failed for another
                reason than divergence.
            Exception: What `GridLauncher.compose` and `GridLauncher.launch_jobs` raise.
        """
        self.settings.check()
        require_optuna()
        search = split(self._parser.parse_overrides(with_params(self._params, arguments)))
        self._check_runs(search)
        with alone(self.folder):
            settings, question = self.settings, self._question(search)
            study = open_study(
                self.folder, settings.direction, settings.pruner, question, search.space
            )
            with SearchView(settings.trials, len(done(study))) as view:
                while len(done(study)) < settings.trials:
                    if not self._next(study, search, view):
                        print("every value of the space has been tried", file=sys.stderr)
                        break
            return self._finish(self._history(study, search), failures(study))

    def _check_runs(self, search: Search) -> None:
        """Check a few runs of a new study, and raise their errors before the study is created."""
        if self.folder.exists():
            return
        seed = self.settings.seeds[0]
        grid = [self._words(search, values, seed) for values in probes(search.space)]
        for job in self._launcher.compose(grid):
            for source, own in (job.spec.config.get("seeds") or {}).items():
                if own is not None:  # set in the file of a study or a model
                    raise held(f"seeds.{source}={own}")

    def _words(self, search: Search, values: dict[str, Any], seed: int) -> list[str]:
        """Return the overrides of one run of a trial."""
        outputs = f"paths.outputs={quoted(self.folder)}"
        return [*search.overrides(values), outputs, f"seed={seed}"]

    def _question(self, search: Search) -> dict[str, Any]:
        return {
            "words": sorted(search.typed),
            "space": {key: repr(each) for key, each in sorted(search.space.items())},
            "seeds": self.settings.seeds,
            "objective": self.settings.objective,
            "direction": self.settings.direction,
        }

    def _next(self, study: "Study", search: Search, view: SearchView) -> bool:
        """Carry out the next trial; return False if only values tried before are proposed."""
        from optuna.trial import TrialState

        for _ in range(MAX_REPEATS):
            seed = self.settings.sampler_seed + proposals(study)
            study.sampler = build_optunas(self.settings.sampler, seed=seed)
            trial = study.ask(search.space)
            if all(each.params != trial.params for each in done(study)):
                self._carry_out(study, trial, search, view)
                return True
            tell(study, trial, TrialState.FAIL, {}, REPEATED)
        return False

    def _carry_out(self, study: "Study", trial: Any, search: Search, view: SearchView) -> None:
        """Run the trial's seeds, `at_once` at a time, until it is complete, pruned or failed."""
        from optuna.trial import TrialState

        view.trial_begins()
        values: dict[str, float] = {}
        state, failure = TrialState.COMPLETE, ""
        seeds = self.settings.seeds
        for start in range(0, len(seeds), self.settings.at_once):
            own = seeds[start : start + self.settings.at_once]
            results = self._run(trial.params, search, own, view)
            for seed, result in zip(own, results, strict=True):
                if result.metrics is not None:
                    values[str(seed)] = self._value(result.metrics)
                    trial.report(values[str(seed)], step=seed)
            if failed := [each.failure for each in results if each.metrics is None]:
                # Divergence is a valid outcome; if there is another error too, report that one.
                errors = [each for each in failed if DIVERGED not in each]
                state, failure = TrialState.FAIL, (errors or failed)[0]
                break
            if len(values) < len(seeds) and trial.should_prune():
                state = TrialState.PRUNED
                break
        tell(study, trial, state, values, failure)
        history = self._history(study, search)
        history.write(self.folder)
        view.trial_ended(self._line(history), self._best_so_far(history))

    def _run(
        self, values: dict[str, Any], search: Search, seeds: list[int], view: SearchView
    ) -> list[JobResult]:
        jobs = self._launcher.compose([self._words(search, values, seed) for seed in seeds])
        results = self._launcher.launch_jobs(jobs, view)
        check_all_started(jobs, results)
        return results

    def _value(self, metrics: dict[str, float]) -> float:
        objective = self.settings.objective
        if objective not in metrics:
            known = ", ".join(sorted(metrics))
            raise SpaceError(
                f"hydra.sweeper.objective={objective}: runs have no such metric, only {known}"
            )
        return metrics[objective]

    def _history(self, study: "Study", search: Search) -> History:
        settings = self.settings
        return History(
            study=settings.study,
            objective=settings.objective,
            seeds=settings.seeds,
            words=search.typed,
            space=json.loads(study.user_attrs[QUESTION])["space"],
            sampler=str(settings.sampler["_target_"]),
            pruner=str(settings.pruner["_target_"]),
            versions={name: version(name) for name in ("optuna", "sqlalchemy")},
            trials=[read(each) for each in done(study)],
            direction=settings.direction,
        )

    def _line(self, history: History) -> str:
        trial = history.trials[-1]
        return (
            f"[{len(history.trials)}/{self.settings.trials}] trial {trial.number} {trial.state}: "
            f"{history.objective} {_shown(trial)} over {len(trial.errors)} seeds; "
            f"{' '.join(spelled(trial.values))}"
        )

    def _best_so_far(self, history: History) -> str:
        best = history.best
        return "" if best is None else f"best {history.objective} {_shown(best)}"

    def _finish(self, history: History, failed: list[str]) -> tuple[float, dict[str, Any]]:
        """Print the best trial; return the objective's value and the searched values.

        Raises:
            JobFailedError: Trials failed for another reason than divergence.
            SpaceError: No trial was completed.
        """
        history.write(self.folder)
        best = history.best
        if best is not None:
            print(
                f"best of {len(history.trials)} trials, {history.objective} {_shown(best)} over "
                f"seeds {', '.join(map(str, history.seeds))}:\n"
                f"  {' '.join([*history.words, *spelled(best.values)])}\n"
                f"history in {self.folder}; for a report, train the best with seeds below "
                f"{FIRST_TUNING_SEED}"
            )
        if failed:
            raise JobFailedError(
                f"{len(failed)} of {len(history.trials)} trials failed; {failed[0]}"
            )
        if best is None or best.value is None:
            raise SpaceError(f"no trial of {self.folder} was completed")
        return best.value, best.values


def _shown(trial: Trial) -> str:
    return "-" if trial.value is None else f"{trial.value:.5f}"
