"""What the publication reports, from conf/reference/epfl_2020.yaml: its numbers and its claims."""

from pydantic import BaseModel

# A model, or of a gain the improved one and the one that it is held against.
Side = str | tuple[str, str]
# The quantity (`error`, `gap`, `seconds` or `gain`), the side of which it is smaller, the other.
Claim = tuple[str, Side, Side]


class ReportedRow(BaseModel):
    """Mean and std of the test error in percent, learning rate, and seconds of training."""

    mean: float
    std: float
    lr: float
    parameters: int | None = None
    seconds: float | None = None


class Finding(BaseModel):
    """A sentence of the publication, and what has to be so for it to be true."""

    says: str
    smaller: list[Claim]


class DiskResults(BaseModel):
    """Part 2, tanh: the best learning rate, the error there in percent, other suitable rates."""

    best_lr: float
    error: float
    suitable_lrs: list[float]


class Reference(BaseModel):
    """The publication; rows by the model's name."""

    rows: dict[str, ReportedRow]
    findings: list[Finding]
    disk: DiskResults

    @property
    def models(self) -> list[str]:
        """Every model that a row or a claim speaks of."""
        claims = [claim for finding in self.findings for claim in finding.smaller]
        return list(
            dict.fromkeys([*self.rows, *(name for each in claims for name in models(each))])
        )


def models(claim: Claim) -> list[str]:
    """Return the models that a claim speaks of, each once."""
    sides = [side if isinstance(side, tuple) else (side,) for side in claim[1:]]
    return list(dict.fromkeys(name for side in sides for name in side))
