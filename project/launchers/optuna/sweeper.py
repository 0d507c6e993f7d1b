"""The sweeper that searches with Optuna; after an interruption the same command resumes the search.

Each trial has a new sampler, seeded by the number of trials before it: what trial 7 tries depends
on the six before it and on nothing else.
"""

import sys
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig

from project.config.compose import expand_path, quote
from project.config.errors import ConfigurationError
from project.config.packages import require
from project.launchers.experiment import JobFailedError
from project.launchers.grid import GridSweeper
from project.launchers.launcher import GridLauncher, JobResult, check_all_started
from project.launchers.optuna.settings import FIRST_TUNING_SEED, SearchSettings
from project.launchers.optuna.space import Search, probes, split
from project.launchers.optuna.trials import DIVERGED, StoredTrials, read
from project.launchers.optuna.view import SearchView
from project.launchers.settings import read_settings
from project.runs.lock import locked
from project.runs.trials import FOLDER, History, Trial

if TYPE_CHECKING:
    from optuna.trial import Trial as OpenTrial
    from optuna.trial import TrialState


class OptunaSweeper(GridSweeper):
    """Hydra sweeper that searches for the values with the best mean of `objective` over `seeds`.

    Args:
        params: As in GridSweeper.
        **keys: The other keys of SearchSettings; ignored, because `setup` reads them.
    """

    def __init__(self, params: dict[str, str] | None, **keys: Any) -> None:
        super().__init__(params)

    def setup(
        self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig
    ) -> None:
        """Read the search's settings, and do as GridSweeper.

        Raises:
            ConfigurationError: A setting breaks a rule, or it is not this project's launcher.
        """
        super().setup(hydra_context=hydra_context, task_function=task_function, config=config)
        if not isinstance(self._launcher, GridLauncher):
            raise ConfigurationError(
                "hydra/sweeper=optuna works only with this platform's launchers; choose another "
                "hydra/launcher"
            )
        self._settings = read_settings(SearchSettings, config.hydra.sweeper, "hydra.sweeper.")
        metric: Any = config.get("metric") or {"name": "error", "direction": "min"}
        judged = f"val/{metric['name']}"
        self._objective = self._settings.objective or judged
        own: Any = metric["direction"] if self._objective == judged else "min"
        self._direction = self._settings.direction or own
        self._folder = Path(expand_path(config.paths.outputs)) / FOLDER / self._settings.study

    def sweep(self, arguments: list[str]) -> Any:
        """Run the search with the overrides of the command line, and print its best trial.

        Returns:
            The objective's value and the searched values of the best trial.

        Raises:
            ConfigurationError: Optuna is not installed, the search space, the sampler or the pruner
                breaks a rule, runs do not log the objective, or no trial was completed.
            ConflictError: The study is another search, or another process works on it.
            JobFailedError: `max_failures` ended a trial, or trials failed but not by divergence.
        """
        require("hydra/sweeper=optuna", ("optuna",), "tuning")
        search = split(self._overrides(arguments))
        self._check_runs(search)
        count = self._settings.trials
        with locked(self._folder):
            trials = StoredTrials(
                self._folder, self._question(search), self._settings, search.space
            )
            with SearchView(count, len(trials.done())) as view:
                while len(trials.done()) < count:
                    trial = trials.propose()
                    if trial is None:
                        print("every value of the space has been tried", file=sys.stderr)
                        break
                    trials.tell(trial, *self._carry_out(trial, search, view))
                    self._show(self._history(trials, search), view)
            return self._finish(self._history(trials, search), trials.failures())

    def _check_runs(self, search: Search) -> None:
        """Check a few runs of a new study, and raise their errors before the study is created."""
        if self._folder.exists():
            return
        seed = self._settings.seeds[0]
        grid = [self._words(search, values, seed) for values in probes(search.space)]
        for job in self._launcher.compose(grid):
            for source, fixed in (job.spec.config.get("seeds") or {}).items():
                if fixed is not None:
                    raise ConfigurationError(
                        f"seeds.{source}={fixed}: would fix a source of randomness for all trials; "
                        "leave seeds.* out of a search (hydra.sweeper.seeds sets the seeds)"
                    )

    def _words(self, search: Search, values: dict[str, Any], seed: int) -> list[str]:
        """Return the overrides of one run of a trial."""
        outputs = f"paths.outputs={quote(str(self._folder))}"
        return [*search.overrides(values), outputs, f"seed={seed}"]

    def _question(self, search: Search) -> dict[str, Any]:
        return {
            "words": sorted(search.typed),
            "space": {key: repr(each) for key, each in sorted(search.space.items())},
            "seeds": self._settings.seeds,
            "objective": self._objective,
            "direction": self._direction,
        }

    def _carry_out(
        self, trial: "OpenTrial", search: Search, view: SearchView
    ) -> tuple["TrialState", dict[str, float], str]:
        """Run the trial's seeds, `at_once` at a time, until it is complete, pruned or failed.

        Returns:
            How it ended, the objective by seed, and why it failed, if it did.
        """
        from optuna.trial import TrialState

        values: dict[str, float] = {}
        seeds = self._settings.seeds
        for start in range(0, len(seeds), self._settings.at_once):
            own = seeds[start : start + self._settings.at_once]
            results = self._run([self._words(search, trial.params, seed) for seed in own], view)
            for seed, result in zip(own, results, strict=True):
                if result.metrics is not None:
                    values[str(seed)] = self._value(result.metrics)
                    trial.report(values[str(seed)], step=seed)
            if failed := [each.failure for each in results if each.metrics is None]:
                # Divergence is a valid outcome; if there is another error too, report that one.
                errors = [each for each in failed if DIVERGED not in each]
                return TrialState.FAIL, values, (errors or failed)[0]
            if len(values) < len(seeds) and trial.should_prune():
                return TrialState.PRUNED, values, ""
        return TrialState.COMPLETE, values, ""

    def _show(self, history: History, view: SearchView) -> None:
        history.write(self._folder)
        last, best = history.trials[-1], history.best
        view.trial_ended(
            f"[{len(history.trials)}/{self._settings.trials}] trial {last.number} {last.state}: "
            f"{self._objective} {_shown(last)} over {len(last.errors)} seeds; "
            f"{' '.join(_spelled(last))}",
            "" if best is None else f"best {self._objective} {_shown(best)}",
        )

    def _run(self, grid: list[list[str]], view: SearchView) -> list[JobResult]:
        jobs = self._launcher.compose(grid)
        results = self._launcher.launch_jobs(jobs, view)
        check_all_started(jobs, results)
        return results

    def _value(self, metrics: dict[str, float]) -> float:
        if self._objective not in metrics:
            known = ", ".join(sorted(metrics))
            raise ConfigurationError(
                f"hydra.sweeper.objective={self._objective}: runs have no such metric, only {known}"
            )
        return metrics[self._objective]

    def _history(self, trials: StoredTrials, search: Search) -> History:
        return History(
            study=self._settings.study,
            objective=self._objective,
            seeds=self._settings.seeds,
            words=search.typed,
            space=self._question(search)["space"],
            sampler=self._settings.sampler["_target_"],
            pruner=self._settings.pruner["_target_"],
            versions={name: version(name) for name in ("optuna", "sqlalchemy")},
            trials=[read(each) for each in trials.done()],
            direction=self._direction,
        )

    def _finish(self, history: History, failed: list[str]) -> tuple[float, dict[str, Any]]:
        """Print the best trial, and return the objective's value and the searched values."""
        history.write(self._folder)
        best = history.best
        if best is not None:
            print(
                f"best of {len(history.trials)} trials, {history.objective} {_shown(best)} over "
                f"seeds {', '.join(map(str, history.seeds))}:\n"
                f"  {' '.join([*history.words, *_spelled(best)])}\n"
                f"history in {self._folder}; for a report, train the best with seeds below "
                f"{FIRST_TUNING_SEED}"
            )
        if failed:
            raise JobFailedError(
                f"{len(failed)} of {len(history.trials)} trials failed; {failed[0]}"
            )
        if best is None or best.value is None:
            raise ConfigurationError(f"no trial of {self._folder} was completed")
        return best.value, best.values


def _shown(trial: Trial) -> str:
    return "-" if trial.value is None else f"{trial.value:.5f}"


def _spelled(trial: Trial) -> list[str]:
    return [f"{key}={value}" for key, value in trial.values.items()]
