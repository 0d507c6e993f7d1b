"""The search space as it stands on the command line, in Hydra's own grammar for sweeps.

optimizer.lr=interval(0.001,0.1)               any number in between
'optimizer.lr=tag(log,interval(0.001,0.1))'    any number in between, on a logarithmic scale
'data.batch_size=int(interval(20,200))'        whole numbers
'trainer.max_epochs=range(6,13,2)'             6, 8, 10, 12
model=ws_al,ws_al_bn                           one of these
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hydra.core.override_parser.types import (
    ChoiceSweep,
    IntervalSweep,
    Override,
    Quote,
    QuotedString,
    RangeSweep,
)

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution


class SpaceError(Exception):
    """The words of the command are no question that can be searched."""

    exit_code = 2


def held(word: str) -> SpaceError:
    """Return the error for a word that holds a source of chance fixed."""
    return SpaceError(
        f"{word}: holds a source of chance, and all trials would see the same; leave seeds.* out "
        "of a search (hydra.sweeper.seeds says which seeds)"
    )


@dataclass(frozen=True)
class Search:
    """What a command line asks to be searched.

    Attributes:
        words: What every trial has, as Hydra is given it.
        space: What is searched, by key.
        marks: What Hydra is given before each key of the space: `++`, or nothing.
    """

    words: list[str]
    space: dict[str, "BaseDistribution"]
    marks: dict[str, str]

    @property
    def typed(self) -> list[str]:
        """The words as one would type them."""
        return [word.lstrip("+") for word in self.words]

    def overrides(self, values: dict[str, Any]) -> list[str]:
        """Return the words of a trial with these values, for Hydra."""
        return [*self.words, *(f"{self.marks[key]}{key}={value}" for key, value in values.items())]


def split(overrides: Sequence[Override]) -> Search:
    """Tell what every trial has from what is searched; raises SpaceError."""
    words: dict[str, str] = {}
    space: dict[str, BaseDistribution] = {}
    marks: dict[str, str] = {}
    for override in overrides:
        word = override.input_line or ""
        typed = override.get_key_element()
        key = typed.lstrip("+")
        # As on Hydra's command line, what is said last holds.
        words.pop(key, None)
        space.pop(key, None)
        if override.key_or_group == "seed":
            raise SpaceError(
                "seed is no part of the search: every trial is the mean over the seeds of "
                "hydra.sweeper.seeds"
            )
        if override.key_or_group.partition(".")[0] == "seeds" and word != "seeds=together":
            raise held(word)
        if override.is_sweep_override():
            space[key] = _distribution(key, override)
            marks[key] = typed.removesuffix(key)
        else:
            words[key] = word
    if not space:
        raise SpaceError(
            "there is nothing to search; name a range, as in "
            "'optimizer.lr=tag(log,interval(0.001,0.1))'"
        )
    return Search(list(words.values()), space, marks)


def _distribution(key: str, override: Override) -> "BaseDistribution":
    from optuna.distributions import (
        CategoricalDistribution,
        FloatDistribution,
        IntDistribution,
    )

    sweep = override.value()
    try:
        if isinstance(sweep, IntervalSweep):
            low, high = sweep.start, sweep.end
            logarithmic = "log" in sweep.tags
            if isinstance(low, int) and isinstance(high, int):
                return IntDistribution(low, high, log=logarithmic)
            return FloatDistribution(float(low or 0), float(high or 0), log=logarithmic)
        if isinstance(sweep, ChoiceSweep | RangeSweep):
            # As they are typed: Optuna takes no lists, and `1` and `1.0` are to stay what they are.
            return CategoricalDistribution(list(override.sweep_string_iterator()))
    except ValueError as error:
        raise SpaceError(f"{key}: {error}") from None
    raise SpaceError(f"{override.input_line}: cannot be searched; see project/launchers/README.md")


def spelled(parameters: dict[str, object]) -> list[str]:
    """Return values that Optuna has chosen, as words of the command line."""
    return [f"{key}={value}" for key, value in parameters.items()]


def quoted(path: Path) -> str:
    """Return a path in Hydra's grammar, which has no place for `ü` or a `=` outside of quotes."""
    return QuotedString(str(path), Quote.single).with_quotes()


def probes(space: dict[str, "BaseDistribution"]) -> list[dict[str, object]]:
    """Return the values of few trials: every choice, and the middle of every range."""
    from optuna.distributions import (
        CategoricalDistribution,
        FloatDistribution,
        IntDistribution,
    )

    values: dict[str, Sequence[object]] = {}
    for key, each in space.items():
        if isinstance(each, CategoricalDistribution):
            values[key] = each.choices
        elif isinstance(each, IntDistribution):
            values[key] = [(each.low + each.high) // 2]
        elif isinstance(each, FloatDistribution):
            values[key] = [(each.low + each.high) / 2]
    most = max(map(len, values.values()))
    return [
        {key: each[min(number, len(each) - 1)] for key, each in values.items()}
        for number in range(most)
    ]
