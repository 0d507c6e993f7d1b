"""What a search is told by `hydra.sweeper`, and the rules that hold for it."""

from dataclasses import dataclass
from typing import Any

from project.launchers.optuna.space import SpaceError

# Seeds below are for reporting: what is chosen by them would be reported too well.
FIRST_TUNING_SEED = 100


class NoOptunaError(Exception):
    """Optuna is not installed."""

    exit_code = 2


@dataclass(frozen=True)
class SearchSettings:
    """The keys of `hydra.sweeper`.

    Attributes:
        study: The search's name, a folder under `<outputs>/tuning`.
        trials: How many, in all sessions.
        seeds: A trial is a run of each; FIRST_TUNING_SEED or more.
        at_once: How many seeds are run before it is asked whether the trial is hopeless.
        objective: A metric of runs; its mean over the seeds is what is searched by.
        direction: `min` or `max`: which values of it are better.
        sampler: A `_target_` section, of Optuna's own.
        sampler_seed: What the samplers' seeds follow from.
        pruner: A `_target_` section, of Optuna's own.
    """

    study: Any
    trials: Any
    seeds: list[Any]
    at_once: Any
    objective: Any
    direction: Any
    sampler: dict[str, Any]
    sampler_seed: Any
    pruner: dict[str, Any]

    def check(self) -> None:
        """Raise SpaceError where a value breaks a rule."""
        self._check_numbers()
        name = self.study if isinstance(self.study, str) and self.study.isprintable() else ""
        if not name.strip() or "/" in name or name.startswith("."):
            raise SpaceError(f"hydra.sweeper.study must be a plain name, got {self.study!r}")
        if not isinstance(self.objective, str) or not self.objective:
            raise SpaceError(
                f"hydra.sweeper.objective must be a name such as val/error, got {self.objective!r}"
            )
        if self.objective.startswith("test/"):
            raise SpaceError(
                f"hydra.sweeper.objective={self.objective}: what is chosen by the test examples "
                "cannot be tested by them; use val/error or val/loss"
            )
        if self.direction not in ("min", "max"):
            raise SpaceError(f"hydra.sweeper.direction must be min or max, got {self.direction!r}")

    def _check_numbers(self) -> None:
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


def _is_whole(value: object, least: int) -> bool:
    return type(value) is int and value >= least


def require_optuna() -> None:
    """Raise NoOptunaError unless Optuna is installed."""
    try:
        import optuna  # noqa: F401 - only whether it is there
    except ModuleNotFoundError:
        raise NoOptunaError(
            "hydra/sweeper=optuna needs Optuna: pip install -c .ci/constraints.txt -e '.[tuning]'"
        ) from None
