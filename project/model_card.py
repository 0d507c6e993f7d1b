"""The model card of an exported net: its data, its results, where it must not be trusted.

The task provides what only it knows (`project.tasks.exportable.Card`). The format follows Mitchell
et al. 2019, Model Cards for Model Reporting (arXiv 1810.03993).
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from jinja2 import Environment, StrictUndefined

from project.config.identity import seeds_of
from project.results.reading import read_runs
from project.results.records import RunRecord
from project.results.statistics import MIN_PAIRS, summarise
from project.results.text import seed_list
from project.runs.lifecycle import metric_text
from project.runs.record import COMPLETED
from project.tasks.exportable import Exportable
from project.training.load_run import LoadedRun


def model_card(trained: LoadedRun, net: Exportable, facts: dict[str, Any]) -> str:
    """Return the model card in Markdown.

    Args:
        trained: The run.
        net: The exported net, with the task's part of the card.
        facts: The content of export.json.
    """
    config, completed, incomplete = trained.config, *_runs_of_variant(trained)
    metrics = trained.record["metrics"]
    seeds = (config.get("seeds") or {}).items()
    environment = Environment(  # Markdown, not HTML: nothing is escaped
        undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True, keep_trailing_newline=True
    )
    template = Path(__file__).with_suffix(".md.jinja").read_text("utf-8")
    return environment.from_string(template).render(
        run=trained,
        net=net,
        card=net.card,
        facts=facts,
        target=(config.get("model") or config["task"])["_target_"],
        rows=[
            _row(metric, name, metrics[metric], completed)
            for metric, name in net.card.errors.items()
            if metric in metrics
        ],
        seeds=[run.seed for run in completed],
        incomplete=incomplete,
        min_pairs=MIN_PAIRS,
        held={source: seed for source, seed in seeds if seed is not None},
        sources=seeds_of(config),
        data={"dataset": None, "source": None} | trained.record["provenance"]["data"],
        training=_training(trained),
        shape=[5, *net.inputs.shape[1:]],
        dtype=str(net.inputs.dtype).removeprefix("torch."),
        origin=trained.record["provenance"],
        seed_list=seed_list,
        listed=_listed,
    )


def _runs_of_variant(trained: LoadedRun) -> tuple[list[RunRecord], int]:
    """Return the completed runs of a run's variant, and the number of its other runs.

    None are known of a run that is not in `runs/<variant>/seed_<k>`.
    """
    directory = trained.directory.resolve()
    if not str(directory).endswith(str(Path("runs", trained.name))):
        return [], 0
    runs, problems = read_runs(directory.parents[2], [directory.parent.name])
    completed = [run for run in runs if run.status == COMPLETED]
    return completed, len(runs) - len(completed) + len(problems)


def _row(metric: str, name: str, value: float, completed: list[RunRecord]) -> str:
    """Return the row of a metric: its name, the run's value, mean and std, CI, n."""

    def shown(each: float) -> str:
        return metric_text(metric.partition("/")[2], each)

    values = [run.metrics[metric] for run in completed if metric in run.metrics]
    if len(values) < 2:
        return f"| {name} | {shown(value)} | | | 1 |"
    summary = summarise(values)
    low, high = summary.ci or (summary.mean, summary.mean)
    return (
        f"| {name} | {shown(value)} | {shown(summary.mean)} ± {shown(summary.std or 0)} | "
        f"{shown(low)} to {shown(high)} | {summary.n} |"
    )


def _training(trained: LoadedRun) -> list[str]:
    config = trained.config
    parts = [f"{trained.record.get('epochs', config['trainer']['max_epochs'])} epochs"]
    if batch_size := config["data"].get("batch_size"):
        parts.append(f"batches of {batch_size}")
    if optimizer := config.get("optimizer"):
        parts.append(f"`{optimizer['_target_']}`")
        parts += [f"learning rate {optimizer['lr']}"] if "lr" in optimizer else []
    return parts


def _listed(values: Mapping[str, Any]) -> str:
    return ", ".join(f"{name} {value}" for name, value in values.items())
