"""A tuning study: what each trial reached, and the best so far."""

from matplotlib.figure import Figure

from project.report.figures.style import BLUE, GREY, VERMILLION
from project.runs.trials import COMPLETE, PRUNED, History


def draw_tuning(history: History) -> Figure:
    """The objective of every trial, errors in percent, in the order in which they were made."""
    scale = 100 if history.in_percent else 1
    figure = Figure((9, 4.2))
    axes = figure.subplots()
    for state, marker, color in ((PRUNED, "x", GREY), (COMPLETE, "o", BLUE)):
        shown = [(n, each) for n, each in enumerate(history.trials, 1) if each.state == state]
        values = [scale * (each.value or 0.0) for _, each in shown]
        label = f"{state} ({len(shown)})"
        axes.plot([n for n, _ in shown], values, marker, color=color, label=label)
    best: list[float] = []
    for each in history.trials:
        value = scale * each.value if each.state == COMPLETE and each.value is not None else None
        best.append(
            min([*best[-1:], *([value] if value is not None else [])], default=float("nan"))
        )
    axes.step(range(1, len(best) + 1), best, where="post", color=VERMILLION, label="best so far")
    # Far-off trials would press the others together.
    values = sorted(scale * each.value for each in history.trials if each.value is not None)
    if values:
        axes.set_ylim(0, 1.15 * min(values[-1], 3 * values[len(values) // 2]))
    axes.set_xlabel("trial")
    axes.set_ylabel(f"mean {history.objective}" + " (%)" * history.in_percent)
    axes.legend()
    figure.suptitle(
        f"{history.study}: {len(history.trials)} trials over {len(history.seeds)} seeds"
    )
    return figure
