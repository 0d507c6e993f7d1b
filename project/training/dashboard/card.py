"""The Text tab: what a run was and what came of it, as two Markdown tables."""

from collections.abc import Mapping

STAGES = ("train", "val", "test")


def card(
    name: str, hyperparameters: Mapping[str, object], metrics: Mapping[str, float], seconds: float
) -> str:
    """metrics: `<stage>/<quantity>` to its final value; seconds: of training."""
    quantities = sorted({metric.partition("/")[2] for metric in metrics})
    lines = [f"### {name}", "", f"trained in {seconds:.1f} s", ""]
    lines += ["| result | train | validation | test |", "|---|---|---|---|"]
    for quantity in quantities:
        values = [metrics.get(f"{stage}/{quantity}") for stage in STAGES]
        cells = ["" if value is None else f"{value:.6g}" for value in values]
        lines.append(f"| {quantity.replace('_', ' ')} | {' | '.join(cells)} |")
    lines += ["", "#### configuration", "", "| key | value |", "|---|---|"]
    lines += [f"| `{key}` | {value} |" for key, value in hyperparameters.items()]
    return "\n".join(lines)
