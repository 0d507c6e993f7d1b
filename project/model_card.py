"""The model card of an exported net: its data, its results, where it must not be trusted.

The task provides what only it knows (`project.tasks.exportable.Card`). The format follows Mitchell
et al. 2019, Model Cards for Model Reporting (arXiv 1810.03993).
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from project.config.identity import seeds_of
from project.results.reading import read_runs
from project.results.records import RunRecord
from project.results.statistics import MIN_PAIRS, summarise
from project.results.text import seed_list
from project.runs.lifecycle import metric_text
from project.runs.record import COMPLETED
from project.tasks.exportable import Card, Exportable
from project.training.load_run import LoadedRun


@dataclass(frozen=True)
class Seeds:
    """The runs of the exported run's variant, at all seeds.

    Attributes:
        completed: The completed runs, including the exported run itself.
        others: The number of runs that are not completed or cannot be read.
    """

    completed: list[RunRecord]
    others: int


def seeds_of_variant(trained: LoadedRun) -> Seeds | None:
    """Return the runs of a run's variant; None if it is not in `runs/<variant>/seed_<k>`."""
    directory = trained.directory.resolve()
    if not str(directory).endswith(str(Path("runs", trained.name))):
        return None
    runs, problems = read_runs(directory.parents[2], [directory.parent.name])
    completed = [run for run in runs if run.status == COMPLETED]
    return Seeds(completed, len(runs) - len(completed) + len(problems))


def model_card(trained: LoadedRun, net: Exportable, facts: dict[str, Any]) -> str:
    """Return the model card in Markdown.

    Args:
        trained: The run.
        net: The exported net, with the task's part of the card.
        facts: The content of export.json.
    """
    sections = (
        _head(trained, net.card, facts), _results(trained, net.card), _data(trained, net.card),
        _use(net, facts), _limits(net.card), _origin(trained, facts),
    )  # fmt: skip
    return "\n\n".join("\n".join(lines) for lines in sections) + "\n"


def _table(header: str, rows: list[str]) -> list[str]:
    return [header, "|" + "---|" * (header.count("|") - 1), *rows]


def _head(trained: LoadedRun, card: Card, facts: dict[str, Any]) -> list[str]:
    files = [
        f"| `{name}` | {max(each['differences'].values()):.1e} | {each['differing_answers']} of "
        f"{each['examples']} | `{each['sha256']}` |"
        for name, each in facts["files"].items()
    ]
    target = (trained.config.get("model") or trained.config["task"])["_target_"]
    return [
        f"# {trained.name}",
        "",
        card.summary,
        f"Net `{target}` with {trained.record['parameters']:,} trainable parameters.",
        "",
        *_table("| file | largest difference | differing answers | SHA-256 |", files),
        "",
        "Differences are those from the checkpoint, over examples of the run that are not "
        "test examples.",
    ]


def _results(trained: LoadedRun, card: Card) -> list[str]:
    metrics, seeds = trained.record["metrics"], seeds_of_variant(trained)
    completed = seeds.completed if seeds else []
    rows = []
    for metric, name in card.errors.items():
        if metric in metrics:
            values = [run.metrics[metric] for run in completed if metric in run.metrics]
            rows.append(_row(metric, name, metrics[metric], values))
    header = "| | this run | its variant, mean ± std | 95 % CI of the mean | n |"
    lines = ["## Results", "", *_table(header, rows), ""]
    held = {k: v for k, v in (trained.config.get("seeds") or {}).items() if v is not None}
    fixed = ", ".join(f"{source} {seed}" for source, seed in held.items())
    how = f"with {fixed} for all of them" if fixed else "each with data and weights of its own"
    if len(completed) > 1:
        listed = seed_list([run.seed for run in completed])
        lines.append(
            f"The variant is this configuration over the seeds {listed}, {how}; Student's t, "
            "divisor n - 1."
        )
        if len(completed) < MIN_PAIRS:
            lines.append(f"Under {MIN_PAIRS} seeds such an interval is exploratory.")
    else:
        lines.append("One seed has no interval: nothing says how far another would lie from it.")
    if seeds and seeds.others:
        lines.append(f"{seeds.others} more of its runs did not complete or cannot be read.")
    return [
        *lines,
        "A run picked from several for its validation results is expected to do worse than "
        "these figures say: expect the variant's mean.",
    ]


def _row(metric: str, name: str, value: float, values: list[float]) -> str:
    def shown(each: float) -> str:
        return metric_text(metric.partition("/")[2], each)

    if len(values) < 2:
        return f"| {name} | {shown(value)} | | | 1 |"
    summary = summarise(values)
    low, high = summary.ci or (summary.mean, summary.mean)
    return (
        f"| {name} | {shown(value)} | {shown(summary.mean)} ± {shown(summary.std or 0)} | "
        f"{shown(low)} to {shown(high)} | {summary.n} |"
    )


def _data(trained: LoadedRun, card: Card) -> list[str]:
    data, config = trained.record["provenance"]["data"], trained.config
    named = ", ".join(f"{source} {seed}" for source, seed in seeds_of(config).items())
    source = f", SHA-256 `{data['source']}`" if data.get("source") else ""
    lines = [f"`{data.get('dataset') or data['name']}`{source}", *card.data]
    lines.append(f"seed {trained.record['seed']} ({named})")
    return ["## Data", "", *(f"- {line}" for line in [*lines, _training(trained)])]


def _training(trained: LoadedRun) -> str:
    config = trained.config
    parts = [f"{trained.record.get('epochs', config['trainer']['max_epochs'])} epochs"]
    if batch_size := config["data"].get("batch_size"):
        parts.append(f"batches of {batch_size}")
    if optimizer := config.get("optimizer"):
        parts.append(f"`{optimizer['_target_']}`")
        parts += [f"learning rate {optimizer['lr']}"] if "lr" in optimizer else []
    return ", ".join(parts)


def _use(net: Exportable, facts: dict[str, Any]) -> list[str]:
    shape = [5, *net.inputs.shape[1:]]
    kind = str(net.inputs.dtype).removeprefix("torch.")
    return [
        "## Use",
        "",
        f"Input `{facts['input']}`. {' '.join(net.card.use)}",
        f"Outputs: {'; '.join(output.text for output in net.outputs)}.",
        "",
        "```python",
        "import numpy, onnxruntime",
        "",
        'session = onnxruntime.InferenceSession("model.onnx")',
        f"{net.input_name} = numpy.zeros(({', '.join(map(str, shape))}), numpy.{kind})",
        f'answers = session.run(None, {{"{net.input_name}": {net.input_name}}})',
        "```",
        *(["", net.card.calibration] if net.card.calibration else []),
    ]


def _limits(card: Card) -> list[str]:
    own = "It was made to compare ways of training, not for decisions about people or money."
    return ["## Limits", "", *(f"- {line}" for line in [*card.limits, own])]


def _origin(trained: LoadedRun, facts: dict[str, Any]) -> list[str]:
    provenance = trained.record["provenance"]
    git, machine = provenance["git"], provenance["machine"]
    changed = " with uncommitted changes" if git["dirty"] else ""

    def listed(versions: dict[str, str]) -> str:
        return ", ".join(f"{name} {version}" for name, version in versions.items())

    return [
        "## Origin",
        "",
        f"- trained by commit `{git['commit']}`{changed}",
        f"- with {listed(provenance['versions'])}",
        f"- on {machine['system']}, {machine['processor']}, {provenance['threads']} thread(s)",
        f"- `{trained.checkpoint.name}` SHA-256 `{facts['checkpoint_sha256']}`",
        f"- exported with {listed(facts['versions'])}",
    ]
