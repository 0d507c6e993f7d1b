"""What the publication reports, from conf/reference/*.yaml: its numbers and its claims."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

Side = str | tuple[str, str]


@dataclass(frozen=True)
class ReportedRow:
    """Mean and std of the test error, as shares of 1, and the learning rate.

    Where given: the number of parameters, and the seconds of training.
    """

    mean: float
    std: float
    parameters: int | None
    seconds: float | None
    lr: float


@dataclass(frozen=True)
class Claim:
    """The quantity of `smaller` is smaller than that of `larger`.

    Attributes:
        quantity: `error`, `gap`, `seconds`, each of one model, or `gain`, of a model over another.
        smaller: A model, or two for a gain.
        larger: The same.
    """

    quantity: str
    smaller: Side
    larger: Side

    @property
    def models(self) -> list[str]:
        """The models that it speaks of, each once."""
        sides = [
            each if isinstance(each, tuple) else (each,) for each in (self.smaller, self.larger)
        ]
        return list(dict.fromkeys(name for side in sides for name in side))


@dataclass(frozen=True)
class Finding:
    """A sentence of the publication, and what has to be so for it to be true."""

    says: str
    claims: tuple[Claim, ...]


@dataclass(frozen=True)
class DiskResults:
    """Part 2, tanh: the best learning rate, the error there (a share), other suitable rates."""

    best_lr: float
    error: float
    suitable_lrs: tuple[float, ...]


@dataclass(frozen=True)
class Reference:
    """The publication; rows by the model's name."""

    rows: dict[str, ReportedRow]
    findings: tuple[Finding, ...]
    disk: DiskResults

    @property
    def models(self) -> list[str]:
        """Every model that a row or a claim speaks of."""
        claims = [claim for finding in self.findings for claim in finding.claims]
        return list(dict.fromkeys([*self.rows, *(name for each in claims for name in each.models)]))


def parse_reference(content: Mapping[str, Any]) -> Reference:
    """Return the content of conf/reference/epfl_2020.yaml, with shares for percentages.

    Raises:
        KeyError, TypeError, ValueError: The file, which is part of the project, is not as it was.
    """
    disk = content["disk"]
    return Reference(
        rows={
            model: ReportedRow(
                row["mean"] / 100, row["std"] / 100, row.get("parameters"), row.get("seconds"),
                row["lr"],
            )
            for model, row in content["rows"].items()
        },
        findings=tuple(
            Finding(
                finding["says"],
                tuple(
                    Claim(quantity, _side(smaller), _side(larger))
                    for quantity, smaller, larger in finding["smaller"]
                ),
            )
            for finding in content["findings"]
        ),
        disk=DiskResults(disk["best_lr"], disk["error"] / 100, tuple(disk["suitable_lrs"])),
    )  # fmt: skip


def _side(names: str | list[str]) -> Side:
    if isinstance(names, str):
        return names
    improved, base = names
    return improved, base
