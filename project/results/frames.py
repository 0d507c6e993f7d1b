"""The Python API: runs and histories as pandas DataFrames, and the comparison of two variants."""

from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Union

from project.config.errors import ConfigurationError
from project.results.metrics import Metric, named_metric, own_metric
from project.results.reading import read_directory, read_runs
from project.results.records import RunRecord
from project.results.text import seed_list
from project.results.variants import Variant, differing_keys, group
from project.results.where import column
from project.results.where import where as select

if TYPE_CHECKING:
    from pandas import DataFrame, Series

    from project.results.comparisons import ExampleComparison
    from project.results.statistics import Paired

# The runs of one variant: rows of `runs()`, or the path of the variant's folder.
Runs = Union["DataFrame", str, Path]


def runs(outputs: str | Path = "outputs", where: str | None = None) -> "DataFrame":
    """Return the runs under an output folder, one row each; runs that cannot be read are left out.

    `where` is a condition on the columns: `optimizer.lr>0.1 and model=ws_al*`.

    Raises:
        WhereError: The condition does not parse, or names a column that no run has.
    """
    import pandas

    found, _ = read_runs(Path(outputs).expanduser())
    chosen = found if where is None else select(where, found)
    return pandas.DataFrame(run_rows(group(chosen)))


def run_rows(variants: list[Variant]) -> list[dict[str, Any]]:
    """Return a row for each run of the variants, also those that did not complete.

    It has the settings in which the variants differ, all metrics, and the provenance.
    """
    settings = differing_keys([each.settings for each in variants])
    metrics = sorted({key for each in variants for run in each.runs for key in run.metrics})
    first = ("name", "variant", "model", "data", "task", "seed", "status", "diverged")
    last = (
        "parameters", "epochs", "stopped_early", "seconds", "tags", "notes", "error", "started",
        "ended", "device", "processor", "threads", "dataset", "commit", "dirty", "code",
        "test_data",
    )  # fmt: skip
    return [
        {key: column(run, key) for key in first[:2]}
        | {"label": each.label}
        | {key: column(run, key) for key in first[2:]}
        | {key: each.settings.get(key) for key in settings}
        | {key: run.metrics.get(key) for key in metrics}
        | {key: column(run, key) for key in last}
        | {"directory": str(run.directory)}
        for each in variants
        for run in each.all_runs
    ]


def history(run: "RunRecord | Series | str | Path") -> "DataFrame":
    """Return the history.csv of a run, given as a row of `runs()`, record or directory.

    Raises:
        CorruptRunError: The run or its history.csv cannot be read.
    """
    import pandas

    if not isinstance(run, RunRecord):
        place = run if isinstance(run, str | Path) else run["directory"]
        run = read_directory(Path(place).expanduser())
    return pandas.DataFrame(run.columns()).astype({"epoch": int})


@dataclass(frozen=True)
class Comparison:
    """The variants with the labels a and b, compared on the test examples at the seeds of both."""

    a: str
    b: str
    metric: Metric
    seeds: tuple[int, ...]
    paired: "Paired"  # statistics of the differences a - b
    examples: "tuple[ExampleComparison, ...]"  # at each seed with stored predictions

    def __str__(self) -> str:
        """Return the comparison as text, one line for each statistic."""
        lines = [f"{self.a} minus {self.b}: {self.metric.test}, seeds {seed_list(self.seeds)}"]
        for field in fields(self.paired):
            value = getattr(self.paired, field.name)
            ends = value if isinstance(value, tuple) else (value,)
            words = ["none" if each is None else f"{each:.6g}" for each in ends]
            lines.append(f"  {field.name:<12}{' to '.join(words)}")
        for each in self.examples:
            lines.append(
                f"  seed {each.seed}: only a right {each.only_a}, only b {each.only_b} of "
                f"{each.n} examples (McNemar p = {each.p_value:.3g})"
            )
        return "\n".join(lines)


def compare(a: Runs, b: Runs, metric: str | None = None) -> Comparison:
    """Compare two variants on the test examples at the seeds that both completed.

    Args:
        a: The rows of `runs()` that belong to one variant, or the path of a variant's folder.
        b: The same for the other variant.
        metric: The name of a metric that both have; None: the one that their records name.

    Raises:
        ConfigurationError: The variants cannot be compared; the message says why.
        CorruptRunError: A run or its predictions cannot be read.
    """
    from project.results import comparisons

    first, second = _variants(a, b)
    both = [*first.runs, *second.runs]
    if not first.runs or not second.runs:
        raise ConfigurationError("there is nothing to compare: a variant has no completed run")
    chosen = own_metric(both) if metric is None else named_metric(metric, both)
    if reason := comparisons.why_not_paired(first, second, chosen.test):
        raise ConfigurationError(f"{first.label} and {second.label} do not compare: {reason}")
    pairs = comparisons.paired_runs(first, second)
    return Comparison(
        a=first.label,
        b=second.label,
        metric=chosen,
        seeds=tuple(own.seed for own, _ in pairs),
        paired=comparisons.compare_variants(first, second, chosen),
        examples=tuple(comparisons.compare_examples(pairs)),
    )


def _variants(a: Runs, b: Runs) -> tuple[Variant, Variant]:
    """Return the two variants, with only the given runs, and labels that tell them apart."""
    sides = [_records(each) for each in (a, b)]
    everyone = group({run.directory: run for side in sides for run in side}.values())
    labels = {run.directory: each.label for each in everyone for run in each.all_runs}
    found = []
    for side in sides:
        own = group(side)
        if len(own) != 1:
            names = ", ".join(each.label for each in own) or "no run"
            raise ConfigurationError(f"each side must be runs of one variant, got {names}")
        found.append(replace(own[0], label=labels[own[0].first.directory]))
    return found[0], found[1]


def _records(which: Runs) -> list[RunRecord]:
    if not isinstance(which, str | Path):
        return [read_directory(Path(place)) for place in which["directory"]]
    path = Path(which).expanduser()
    return [read_directory(each) for each in sorted(path.glob("seed_*")) if each.is_dir()]
