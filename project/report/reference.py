"""What a publication reports, from conf/reference/*.yaml: its numbers and its claims."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

EPFL_2020 = Path(__file__).resolve().parents[2] / "conf" / "reference" / "epfl_2020.yaml"


@dataclass(frozen=True)
class ReportedRow:
    """Mean and standard deviation of the test error, as shares of 1.

    lr: its learning rate. Where given: parameters, and seconds of training.
    """

    mean: float
    deviation: float
    parameters: int | None
    seconds: float | None
    lr: float


@dataclass(frozen=True)
class Claim:
    """The quantity of `smaller` is smaller than that of `larger`.

    quantity: `error`, `gap`, `seconds`, each of one arm, or `gain`, of an arm over another.
    """

    quantity: str
    smaller: str | tuple[str, str]
    larger: str | tuple[str, str]

    @property
    def rows(self) -> list[str]:
        """The rows that it speaks of, each once."""
        sides = [
            side if isinstance(side, tuple) else (side,) for side in (self.smaller, self.larger)
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
    """rows: by the model's name."""

    rows: dict[str, ReportedRow]
    findings: tuple[Finding, ...]
    disk: DiskResults

    @property
    def models(self) -> list[str]:
        """Every model that a row or a claim speaks of."""
        claims = [claim for finding in self.findings for claim in finding.claims]
        return list(dict.fromkeys([*self.rows, *(name for each in claims for name in each.rows)]))


def read_reference(path: Path = EPFL_2020) -> Reference:
    """Raises OSError, yaml.YAMLError, KeyError or TypeError: the file is part of the project."""
    content: dict[str, Any] = yaml.safe_load(path.read_text())
    disk = content["disk"]
    return Reference(
        rows={
            model: ReportedRow(
                row["mean"] / 100,
                row["deviation"] / 100,
                row.get("parameters"),
                row.get("seconds"),
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
    )


def _side(names: str | list[str]) -> str | tuple[str, str]:
    if isinstance(names, str):
        return names
    improved, base = names
    return improved, base
