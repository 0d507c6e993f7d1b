"""The model card of an exported net: its data, its errors, where it must not be trusted.

After Mitchell et al. 2019, Model Cards for Model Reporting (arXiv 1810.03993).
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from project.report.choosing import seed_list
from project.report.numbers import interval, mean_and_deviation, percent
from project.report.runs import StoredRun, read_runs
from project.report.statistics import FEWEST_PAIRS, summarise
from project.runs.directory import COMPLETED
from project.trained import TrainedRun

ERRORS = {
    "test/error": "test error",
    "val/error": "validation error",
    "test/digit_error": "test error of single digits",
}
IMAGES_MODULE = "project/data/images.py"


@dataclass(frozen=True)
class Seeds:
    """The runs of an arm that stand beside one of it. others: how many did not complete."""

    completed: list[StoredRun]
    others: int


def seeds_of_arm(trained: TrainedRun) -> Seeds | None:
    """None where the run does not stand in an outputs folder, in the directory of its name."""
    directory = trained.directory.resolve()
    if not str(directory).endswith(str(Path("runs", trained.run.name))):
        return None
    arm = directory.parent.name
    runs, problems = read_runs(directory.parents[2], arm)
    completed = [run for run in runs if run.status == COMPLETED]
    return Seeds(completed, len(runs) - len(completed) + len(problems))


def model_card(trained: TrainedRun, facts: dict[str, Any]) -> str:
    """Markdown. facts: what export.json holds."""
    sections = (
        _head(trained, facts), _errors(trained), _data(trained), _use(facts), _limits(trained),
        _origin(trained, facts),
    )  # fmt: skip
    return "\n\n".join("\n".join(lines) for lines in sections) + "\n"


def _table(header: str, rows: list[str]) -> list[str]:
    return [header, "|" + "---|" * (header.count("|") - 1), *rows]


def _head(trained: TrainedRun, facts: dict[str, Any]) -> list[str]:
    files = [
        f"| `{name}` | {each['score_difference']:.1e} | {each['probability_difference']:.1e} | "
        f"{each['differing_answers']} of {each['pairs']} | `{each['sha256']}` |"
        for name, each in facts["files"].items()
    ]
    return [
        f"# {trained.run.name}",
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


def _errors(trained: TrainedRun) -> list[str]:
    metrics, seeds = trained.record["metrics"], seeds_of_arm(trained)
    completed = seeds.completed if seeds else []
    rows = []
    for metric, name in ERRORS.items():
        if metric not in metrics:
            continue
        row = f"| {name} | {percent(metrics[metric])} % | "
        values = [run.metrics[metric] for run in completed if metric in run.metrics]
        if len(values) > 1:
            arm = summarise(values)
            row += f"{mean_and_deviation(arm.mean, arm.deviation)} % | {interval(arm.interval)} % "
            row += f"| {arm.n} |"
        else:
            row += "| | 1 |"
        rows.append(row)
    header = "| | this run | its arm, mean ± deviation | 95 % interval of the mean | n |"
    lines = ["## Errors", "", *_table(header, rows), ""]
    fixed = [
        f"{source} {seed}" for source, seed in _seeds(trained).items() if seed != trained.run.seed
    ]
    held = f"with {', '.join(fixed)} for all of them"
    held = held if fixed else "each with data and weights of its own"
    if len(completed) > 1:
        lines.append(
            "The arm is this configuration over the seeds "
            f"{seed_list([run.seed for run in completed])}, {held}; Student's t, divisor n - 1."
        )
        if len(completed) < FEWEST_PAIRS:
            lines.append(f"Under {FEWEST_PAIRS} seeds such an interval is exploratory.")
    else:
        lines.append("One seed has no interval: how far another would lie from it, nobody knows.")
    if seeds and seeds.others:
        lines.append(f"{seeds.others} more of its runs did not complete or cannot be read.")
    return [
        *lines,
        "A run that was picked from several for its low validation error is expected to err more "
        "often than that figure says: expect the arm's mean.",
    ]


def _seeds(trained: TrainedRun) -> dict[str, int]:
    # Runs of before the seeds were split have no such section.
    same = dict.fromkeys(("data", "init", "order"), trained.run.seed)
    return trained.config.get("seeds", same)


def _data(trained: TrainedRun) -> list[str]:
    data, config = trained.record["provenance"]["data"], trained.config["data"]
    named = ", ".join(f"{source} {seed}" for source, seed in _seeds(trained).items())
    return [
        "## Data",
        "",
        f"- `{data['dataset']}`, SHA-256 `{data['sha256']}`",
        f"- {config['train_pairs']:,} training, {config['val_pairs']:,} validation and "
        f"{config['test_pairs']:,} test pairs, 14x14 pixels each digit; no digit in two of them",
        f"- seed {trained.run.seed} ({named})",
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


def _limits(trained: TrainedRun) -> list[str]:
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


def _origin(trained: TrainedRun, facts: dict[str, Any]) -> list[str]:
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
        f"- `last.ckpt` SHA-256 `{facts['checkpoint_sha256']}`",
        f"- exported with {listed(facts['versions'])}",
    ]
