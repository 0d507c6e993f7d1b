"""The schema of conf/reference/epfl_2020.yaml: the publication's numbers and claims."""

from pydantic import BaseModel

# A model's name; for a gain, (improved model, model that it is compared with).
Side = str | tuple[str, str]
# (quantity, side on which it is smaller, other side); `error`, `gap`, `seconds` or `gain`.
Claim = tuple[str, Side, Side]


class ReportedRow(BaseModel):
    """The published results of one model: its error in percent, and what else was published."""

    mean: float
    std: float
    lr: float
    parameters: int | None = None
    seconds: float | None = None


class Finding(BaseModel):
    """A sentence of the publication, and the claims that must all hold for it to be true."""

    says: str
    smaller: list[Claim]


class DiskResults(BaseModel):
    """The published results of part 2 (a disk's points) with tanh; the error in percent."""

    best_lr: float
    error: float
    suitable_lrs: list[float]


class Reference(BaseModel):
    """The content of the reference file; `rows` are by model name."""

    rows: dict[str, ReportedRow]
    findings: list[Finding]
    disk: DiskResults

    @property
    def models(self) -> list[str]:
        """The names of all models in the rows and claims, without duplicates."""
        claims = [claim for finding in self.findings for claim in finding.smaller]
        return list(
            dict.fromkeys([*self.rows, *(name for each in claims for name in models(each))])
        )


def models(claim: Claim) -> list[str]:
    """Return the names of the models in a claim, without duplicates."""
    sides = [side if isinstance(side, tuple) else (side,) for side in claim[1:]]
    return list(dict.fromkeys(name for side in sides for name in side))
