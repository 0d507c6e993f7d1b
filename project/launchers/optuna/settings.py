"""Settings of a search (the keys of `hydra.sweeper`), and the rules for them."""

from dataclasses import dataclass
from typing import Any

from project.launchers.optuna.space import SpaceError

# Seeds below are for reports, whose results would be too good if a search had used them.
FIRST_TUNING_SEED = 100


class NoOptunaError(Exception):
    """Optuna is not installed."""

    exit_code = 2


@dataclass(frozen=True)
class SearchSettings:
    """Settings of a search, from the keys of `hydra.sweeper`; `check` validates them.

    Attributes:
        study: The search's name, and its folder under `<outputs>/tuning`.
        trials: The number of trials, over all sessions.
        seeds: Each trial runs at these seeds, all of them FIRST_TUNING_SEED or above.
        at_once: How many seeds of a trial run before the pruner decides whether it goes on.
        objective: The metric whose mean over the seeds is optimised, such as val/error.
        direction: `min` or `max`: whether low or high values of the objective are better.
        sampler: The `_target_` section of one of Optuna's samplers.
        sampler_seed: The seed of each trial's sampler is this plus the number of trials before it.
        pruner: The `_target_` section of one of Optuna's pruners.
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
        """Raise SpaceError if a setting breaks a rule."""
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
                f"hydra.sweeper.objective={self.objective}: a search must not use the test "
                "examples; use val/error or val/loss"
            )
        if self.direction not in ("min", "max"):
            raise SpaceError(f"hydra.sweeper.direction must be min or max, got {self.direction!r}")

    def _check_numbers(self) -> None:
        numbers = all(_is_whole(seed, FIRST_TUNING_SEED) for seed in self.seeds)
        if not numbers or not self.seeds or len(set(self.seeds)) < len(self.seeds):
            raise SpaceError(
                f"hydra.sweeper.seeds must be distinct numbers, at least {FIRST_TUNING_SEED} "
                f"(lower ones are for reporting), got {self.seeds}"
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
