"""The keys of `hydra/sweeper=optuna`."""

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field, NonNegativeInt, PositiveInt

from project.config.schema import Section

# Seeds below are for reports, whose results would be too good if a search had used them.
FIRST_TUNING_SEED = 100


def _plain_name(study: Any) -> str:
    name = str(study) if type(study) in (int, float) else study  # Hydra parses `2026` and `nan`
    printable = isinstance(name, str) and name.isprintable() and name.strip()
    if not printable or "/" in name or name.startswith("."):
        raise ValueError("must be a plain name")
    return name


def _tuning_seeds(seeds: object) -> list[int]:
    numbers = seeds if isinstance(seeds, list) else [seeds]
    allowed = all(type(seed) is int and seed >= FIRST_TUNING_SEED for seed in numbers)
    if not allowed or not numbers or len(set(numbers)) < len(numbers):
        raise ValueError(
            f"must be distinct numbers, at least {FIRST_TUNING_SEED} (lower ones are for reporting)"
        )
    return numbers


def _without_test(objective: str) -> str:
    if objective.startswith("test/"):
        raise ValueError("a search must not use the test examples; use val/error or val/loss")
    return objective


class SearchSettings(Section):
    """The keys of `hydra/sweeper=optuna`, as its file in `conf/` explains them."""

    study: Annotated[str, BeforeValidator(_plain_name)]
    trials: PositiveInt
    seeds: Annotated[list[int], BeforeValidator(_tuning_seeds)]
    at_once: PositiveInt
    objective: Annotated[str, Field(min_length=1), AfterValidator(_without_test)] | None
    direction: Literal["min", "max"] | None
    sampler: dict[str, Any]
    sampler_seed: NonNegativeInt
    pruner: dict[str, Any]
    params: dict[str, Any] | None
