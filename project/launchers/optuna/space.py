"""The search space, typed on the command line in Hydra's grammar for sweeps.

optimizer.lr=interval(0.001,0.1)               any number in between
'optimizer.lr=tag(log,interval(0.001,0.1))'    any number in between, on a logarithmic scale
'data.batch_size=int(interval(20,200))'        whole numbers
'trainer.max_epochs=range(6,13,2)'             6, 8, 10, 12
model=ws_al,ws_al_bn                           one of these
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from hydra.core.override_parser.types import ChoiceSweep, IntervalSweep, Override, RangeSweep

from project.config.errors import ConfigurationError

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution


@dataclass(frozen=True)
class Search:
    """A search space, and the overrides that all of its trials have in common."""

    words: list[str]  # the common overrides, as passed to Hydra
    space: dict[str, "BaseDistribution"]  # by searched key
    marks: dict[str, str]  # the prefix (`++`, `+` or empty) that Hydra needs before a searched key

    @property
    def typed(self) -> list[str]:
        """The common overrides as a user would type them, without the prefix `+`."""
        return [word.lstrip("+") for word in self.words]

    def overrides(self, values: dict[str, Any]) -> list[str]:
        """Return all overrides of the trial with these values, as passed to Hydra."""
        return [*self.words, *(f"{self.marks[key]}{key}={value}" for key, value in values.items())]


def split(overrides: Sequence[Override]) -> Search:
    """Separate the overrides, of one key each, that all trials share from the searched ones.

    Raises:
        ConfigurationError: The overrides hold `seed`, a range that cannot be searched, or nothing
            to search.
    """
    words: list[str] = []
    space: dict[str, BaseDistribution] = {}
    marks: dict[str, str] = {}
    for override in overrides:
        word = override.input_line or ""
        typed = override.get_key_element()
        key = typed.lstrip("+")
        if override.key_or_group == "seed":
            raise ConfigurationError(
                "seed cannot be searched: every trial is the mean over the seeds of "
                "hydra.sweeper.seeds; leave seed out"
            )
        if override.is_sweep_override():
            space[key] = _distribution(key, override)
            marks[key] = typed.removesuffix(key)
        else:
            words.append(word)
    if not space:
        raise ConfigurationError(
            "there is nothing to search; name a range, as in "
            "'optimizer.lr=tag(log,interval(0.001,0.1))'"
        )
    return Search(words, space, marks)


def _distribution(key: str, override: Override) -> "BaseDistribution":
    from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

    sweep = override.value()
    try:
        if isinstance(sweep, IntervalSweep):
            low, high = sweep.start, sweep.end
            logarithmic = "log" in sweep.tags
            if isinstance(low, int) and isinstance(high, int):
                return IntDistribution(low, high, log=logarithmic)
            return FloatDistribution(float(low or 0), float(high or 0), log=logarithmic)
        if isinstance(sweep, ChoiceSweep | RangeSweep):
            # As text: Optuna takes no lists, and `1` and `1.0` must stay distinct.
            return CategoricalDistribution(list(override.sweep_string_iterator()))
    except ValueError as error:
        raise ConfigurationError(f"{key}: {error}") from None
    raise ConfigurationError(f"{override.input_line}: cannot be searched")


def probes(space: dict[str, "BaseDistribution"]) -> list[dict[str, object]]:
    """Return the values of a few trials that cover every choice and the middle of every range."""
    from optuna.distributions import CategoricalDistribution, IntDistribution

    values: dict[str, Sequence[object]] = {}
    for key, each in space.items():
        if isinstance(each, CategoricalDistribution):
            values[key] = each.choices
        else:
            middle = (each.low + each.high) / 2  # type: ignore[attr-defined]
            values[key] = [int(middle) if isinstance(each, IntDistribution) else middle]
    most = max(map(len, values.values()))
    return [
        {key: each[min(number, len(each) - 1)] for key, each in values.items()}
        for number in range(most)
    ]
