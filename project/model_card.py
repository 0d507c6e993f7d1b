"""The model card of an exported net: its data, its errors, where it must not be trusted.

After Mitchell et al. 2019, Model Cards for Model Reporting (arXiv 1810.03993).
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from project.config.identity import seeds_of
from project.results.reading import read_runs
from project.results.records import RunRecord
from project.results.statistics import MIN_PAIRS, summarise
from project.results.text import seed_list
from project.runs.record import COMPLETED
from project.training.load_run import LoadedRun

ERRORS = {
    "test/error": "test error",
    "val/error": "validation error",
    "test/digit_error": "test error of single digits",
}
IMAGES_MODULE = "project/data/images.py"


@dataclass(frozen=True)
class Seeds:
    """The runs of a variant at other seeds.

    Attributes:
        completed: Those that are completed, the run itself among them.
        others: How many are not.
    """

    completed: list[RunRecord]
    others: int


def seeds_of_variant(trained: LoadedRun) -> Seeds | None:
    """Return the other seeds; None where the run is not in the folder that its name says."""
    directory = trained.directory.resolve()
    if not str(directory).endswith(str(Path("runs", trained.name))):
        return None
    runs, problems = read_runs(directory.parents[2], [directory.parent.name])
    completed = [run for run in runs if run.status == COMPLETED]
    return Seeds(completed, len(runs) - len(completed) + len(problems))


def model_card(trained: LoadedRun, facts: dict[str, Any]) -> str:
    """Markdown. facts: what export.json holds."""
    sections = (
        _head(trained, facts), _errors(trained), _data(trained), _use(facts), _limits(trained),
        _origin(trained, facts),
    )  # fmt: skip
    return "\n\n".join("\n".join(lines) for lines in sections) + "\n"


def _table(header: str, rows: list[str]) -> list[str]:
    return [header, "|" + "---|" * (header.count("|") - 1), *rows]


def _head(trained: LoadedRun, facts: dict[str, Any]) -> list[str]:
    files = [
        f"| `{name}` | {each['score_difference']:.1e} | {each['probability_difference']:.1e} | "
        f"{each['differing_answers']} of {each['pairs']} | `{each['sha256']}` |"
        for name, each in facts["files"].items()
    ]
    return [
        f"# {trained.name}",
        "",
        "Two images of digits in; out comes whether the first digit is lesser than or equal to the "
        "second.",
        f"Net `{trained.config['model']['_target_']}` with {trained.record['parameters']:,} "
        "trainable parameters.",
        "",
        *_table(
            "| file | largest difference of a score | of a probability | differing answers "
            "| SHA-256 |",
            files,
        ),
        "",
        "Differences are those from the checkpoint, over pairs of the run that are no test pairs.",
    ]


def _errors(trained: LoadedRun) -> list[str]:
    metrics, seeds = trained.record["metrics"], seeds_of_variant(trained)
    completed = seeds.completed if seeds else []
    rows = []
    for metric, name in ERRORS.items():
        if metric not in metrics:
            continue
        row = f"| {name} | {percent(metrics[metric])} | "
        values = [run.metrics[metric] for run in completed if metric in run.metrics]
        if len(values) > 1:
            summary = summarise(values)
            low, high = summary.ci or (summary.mean, summary.mean)
            row += f"{percent(summary.mean)} ± {percent(summary.std or 0)} | "
            row += f"{percent(low)} to {percent(high)} | {summary.n} |"
        else:
            row += "| | 1 |"
        rows.append(row)
    header = "| | this run | its variant, mean ± std | 95 % CI of the mean | n |"
    lines = ["## Errors", "", *_table(header, rows), ""]
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
        "A run that was picked from several for its low validation error is expected to err more "
        "often than that figure says: expect the variant's mean.",
    ]


def percent(value: float) -> str:
    """Return a share in percent."""
    return f"{100 * value:.2f} %"


def _data(trained: LoadedRun) -> list[str]:
    data, config = trained.record["provenance"]["data"], trained.config["data"]
    named = ", ".join(f"{source} {seed}" for source, seed in seeds_of(trained.config).items())
    return [
        "## Data",
        "",
        f"- `{data['dataset']}`, SHA-256 `{data['source']}`",
        f"- {config['train_pairs']:,} training, {config['val_pairs']:,} validation and "
        f"{config['test_pairs']:,} test pairs, 14x14 pixels each digit; no digit in two of them",
        f"- seed {trained.record['seed']} ({named})",
        f"- {trained.config['trainer']['max_epochs']} epochs, batches of {config['batch_size']}, "
        f"`{trained.config['optimizer']['_target_']}`, learning rate "
        f"{trained.config['optimizer']['lr']}",
    ]


def _use(facts: dict[str, Any]) -> list[str]:
    calibration = facts["calibration"]
    named = calibration["digits"] is not None
    lines = [
        "## Use",
        "",
        f"Input `{facts['input']}`: a digit as MNIST has it (its box scaled into 20x20, its centre "
        "of mass in the",
        f"middle of 28x28, which `{IMAGES_MODULE}` does), then 2x2 means. The run's normalisation "
        "is inside.",
        "Outputs: `comparison` (N, 2), the net's scores of first > second and first <= second; "
        "`probability_ordered` (N,),",
        "the calibrated probability of first <= second"
        + (
            "; `digit_probabilities` (N, 2, 10), calibrated, of the classes 0 to 9."
            if named
            else ". The net does not name the digits."
        ),
        "",
        "```python",
        "import numpy, onnxruntime",
        "",
        'session = onnxruntime.InferenceSession("model.onnx")',
        "pairs = numpy.zeros((5, 2, 14, 14), numpy.float32)",
        'answers = session.run(None, {"pairs": pairs})',
        "```",
        "",
    ]
    if calibration["pairs"]:
        temperatures = f"comparison {calibration['comparison']:.3f}"
        temperatures += f", digits {calibration['digits']:.3f}" if named else ""
        lines.append(
            f"Temperatures ({temperatures}) were fitted on {calibration['pairs']:,} validation "
            "pairs."
        )
    else:
        lines.append("There were no validation pairs: the probabilities are not calibrated.")
    return lines


def _limits(trained: LoadedRun) -> list[str]:
    dataset = trained.record["provenance"]["data"]["dataset"]
    return [
        "## Limits",
        "",
        f"- It has seen digits of `{dataset}` only: handwriting of American census clerks and "
        "pupils of about 1990. Errors",
        "  and probabilities hold for such digits, cut out and centred in the same way; for other "
        "handwriting, typeset digits",
        "  or photographs neither was measured.",
        "- It answers whatever it is shown, also letters, several digits or noise, and can be sure "
        "of it.",
        "- The comparison and the digits are separate outputs, which may contradict each other; "
        "then trust neither.",
        "- It was made to compare ways of training, not for decisions about people or money.",
    ]


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
