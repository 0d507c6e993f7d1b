"""A search that a kill interrupts and the same command goes on with.

The trials stand in Optuna's own storage, SQLite, `<outputs>/tuning/<study>/study.db`; the runs they
consist of beside it, under `runs/`, as those of any sweep. So a trial that was killed is asked
again, and what it had finished is found done. The sampler is begun anew for every trial, with a
seed that follows from the trial's number: what trial 7 tries is a function of the six before it.
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

from project.launchers.experiment import JobFailedError
from project.launchers.grid import compose_grid, with_params
from project.launchers.launcher import GridLauncher
from project.launchers.optuna.space import SpaceError, held, probes, quoted, spelled, split
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
from project.runs.trials import FOLDER, History, Trial

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution
    from optuna.study import Study

# Seeds below are for reporting: what is chosen by them would be reported too well.
FIRST_TUNING_SEED = 100
MAX_REPEATS = 100  # proposals in a row that were tried before: then there is nothing left to try


class NoOptunaError(Exception):
    """Optuna is not installed."""

    exit_code = 2


class OptunaSweeper(Sweeper):
    """Looks for the values with the smallest mean of `objective` over `seeds`.

    study: its name, a folder under `<outputs>/tuning`. trials: how many, in all sessions. seeds:
    one trial is a run of each; FIRST_TUNING_SEED or more. at_once: how many seeds are run before
    it is asked whether the trial is hopeless. sampler, pruner: `_target_` sections, of Optuna's
    own. params: of a study file; the command line wins over them.
    """

    def __init__(
        self,
        study: Any,
        trials: int,
        seeds: Any,
        at_once: int,
        objective: str,
        sampler: dict[str, Any],
        sampler_seed: int,
        pruner: dict[str, Any],
        params: dict[str, str] | None,
    ) -> None:
        # To Hydra's grammar `2026` and `nan` are numbers; as the name of a folder they are text.
        self.name: str = str(study) if type(study) in (int, float) else study
        self.trials = trials
        self.seeds: list[int] = list(seeds) if isinstance(seeds, list | ListConfig) else [seeds]
        self.at_once = at_once
        self.objective = objective
        self.sampler = sampler
        self.sampler_seed = sampler_seed
        self.pruner = pruner
        self.params = params or {}

    def setup(
        self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig
    ) -> None:
        """Take over what Hydra hands to a sweeper."""
        self.parser = OverridesParser.create(config_loader=hydra_context.config_loader)
        self._outputs = Path(config.paths.outputs)
        launcher = Plugins.instance().instantiate_launcher(
            hydra_context=hydra_context, task_function=task_function, config=config
        )
        if not isinstance(launcher, GridLauncher):
            raise SpaceError("hydra/sweeper=optuna goes with a launcher of this platform only")
        self._launcher = launcher
        self._launcher.quiet = True  # a line for each trial says enough

    @property
    def folder(self) -> Path:
        """Where the study is."""
        return self._outputs / FOLDER / self.name

    def sweep(self, arguments: list[str]) -> Any:
        """Returns the value and the parameters of the best trial.

        Raises JobFailedError at the end if a trial failed otherwise than by what was tried.
        """
        self._check()
        words, space = split(self.parser.parse_overrides(with_params(self.params, arguments)))
        self._check_runs(words, space)
        with alone(self.folder):
            study = open_study(self.folder, self.pruner, self._question(words, space))
            while len(done(study)) < self.trials:
                if not self._next(study, words, space):
                    print("every value of the space has been tried", file=sys.stderr)
                    break
            return self._finish(self._history(study, words), failures(study))

    def _check(self) -> None:
        """Raises SpaceError where a setting is none, and NoOptunaError."""
        numbers = all(_is_whole(seed, FIRST_TUNING_SEED) for seed in self.seeds)
        if not numbers or not self.seeds or len(set(self.seeds)) < len(self.seeds):
            raise SpaceError(
                f"hydra.sweeper.seeds must be different numbers from {FIRST_TUNING_SEED} on (those "
                f"below are for reporting), got {self.seeds}"
            )
        for key, least in (("trials", 1), ("at_once", 1), ("sampler_seed", 0)):
            if not _is_whole(value := getattr(self, key), least):
                raise SpaceError(
                    f"hydra.sweeper.{key} must be a whole number, at least {least}, got {value!r}"
                )
        name = self.name if isinstance(self.name, str) and self.name.isprintable() else ""
        if not name.strip() or "/" in name or name.startswith("."):
            raise SpaceError(f"hydra.sweeper.study must be a plain name, got {self.name!r}")
        if not isinstance(self.objective, str) or not self.objective:
            raise SpaceError(
                f"hydra.sweeper.objective must be a name such as val/error, got {self.objective!r}"
            )
        if self.objective.startswith("test/"):
            raise SpaceError(
                f"hydra.sweeper.objective={self.objective}: what is chosen by the test pairs "
                "cannot be tested by them; use val/error or val/loss"
            )
        try:
            import optuna  # noqa: F401 - only whether it is there
        except ModuleNotFoundError:
            raise NoOptunaError(
                "hydra/sweeper=optuna needs Optuna: pip install -c .ci/constraints.txt -e "
                "'.[tuning]'"
            ) from None

    def _check_runs(self, words: list[str], space: dict[str, "BaseDistribution"]) -> None:
        """Raises what some runs would be refused with, while nothing is written of the study."""
        launcher = self._launcher
        if self.folder.exists():
            return
        seed = self.seeds[0]
        grid = [[*self._words(words, values), f"seed={seed}"] for values in probes(space)]
        jobs = compose_grid(launcher.hydra_context, launcher.config, grid, launcher.experiment)
        for job in jobs:
            for source, own in (job.spec.config.get("seeds") or {}).items():
                if own is not None:  # by the file of a study or a model
                    raise held(f"seeds.{source}={own}")

    def _words(self, words: list[str], values: dict[str, Any]) -> list[str]:
        """What the runs of a trial with these values have in common."""
        return [*words, *spelled(values), f"paths.outputs={quoted(self.folder)}"]

    def _question(self, words: list[str], space: dict[str, "BaseDistribution"]) -> dict[str, Any]:
        return {
            "words": sorted(words),
            "space": {key: repr(each) for key, each in sorted(space.items())},
            "seeds": self.seeds,
            "objective": self.objective,
        }

    def _next(self, study: "Study", words: list[str], space: dict[str, "BaseDistribution"]) -> bool:
        """Carry out one trial more; False if there is none that was not tried before."""
        from optuna.trial import TrialState

        for _ in range(MAX_REPEATS):
            seed = self.sampler_seed + proposals(study)
            study.sampler = build_optunas(self.sampler, seed=seed)
            trial = study.ask(space)
            if all(each.params != trial.params for each in done(study)):
                self._carry_out(study, trial, words)
                return True
            tell(study, trial, TrialState.FAIL, {}, REPEATED)
        return False

    def _carry_out(self, study: "Study", trial: Any, words: list[str]) -> None:
        """Run the trial's seeds, some at a time, until it is complete or hopeless."""
        from optuna.trial import TrialState

        errors: dict[str, float] = {}
        state, failure = TrialState.COMPLETE, ""
        for start in range(0, len(self.seeds), self.at_once):
            seeds = self.seeds[start : start + self.at_once]
            common = self._words(words, trial.params)
            grid = [[*common, f"seed={seed}"] for seed in seeds]
            for seed, result in zip(seeds, self._launcher.launch_jobs(grid), strict=True):
                if result.metrics is None:
                    state = TrialState.FAIL
                    if not failure or DIVERGED in failure:  # an error is not to be hidden by it
                        failure = result.failure
                    continue
                if self.objective not in result.metrics:
                    known = ", ".join(sorted(result.metrics))
                    raise SpaceError(f"hydra.sweeper.objective={self.objective}: runs have {known}")
                errors[str(seed)] = result.metrics[self.objective]
                trial.report(errors[str(seed)], step=seed)
            if state is TrialState.FAIL:
                break
            if len(errors) < len(self.seeds) and trial.should_prune():
                state = TrialState.PRUNED
                break
        tell(study, trial, state, errors, failure)
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
            trials=[read(each) for each in done(study)],
        )

    def _say(self, trial: Trial, count: int) -> None:
        shown = "-" if trial.value is None else f"{trial.value:.5f}"
        print(
            f"[{count}/{self.trials}] trial {trial.number} {trial.state}: {self.objective} {shown} "
            f"over {len(trial.errors)} seeds; {' '.join(spelled(trial.values))}",
            flush=True,
        )

    def _finish(self, history: History, failures: list[str]) -> tuple[float, dict[str, Any]]:
        """Say what was best; raises JobFailedError, and SpaceError if no trial was completed."""
        history.write(self.folder)
        best = history.best
        if best is not None:
            print(
                f"best of {len(history.trials)} trials, {self.objective} {best.value:.5f} over "
                f"seeds {', '.join(map(str, self.seeds))}:\n"
                f"  {' '.join([*history.words, *spelled(best.values)])}\n"
                f"history in {self.folder}; report it at seeds below {FIRST_TUNING_SEED}"
            )
        if failures:
            raise JobFailedError(
                f"{len(failures)} of {len(history.trials)} trials failed; {failures[0]}"
            )
        if best is None or best.value is None:
            raise SpaceError(f"no trial of {self.folder} was completed")
        return best.value, best.values


def _is_whole(value: object, least: int) -> bool:
    return type(value) is int and value >= least
