"""What a model costs: seconds of training and number of parameters."""

from collections import defaultdict
from collections.abc import Sequence
from statistics import median

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from project.report.arms import Arm
from project.report.figures.style import BLUE, GREY, VERMILLION, plain_ticks, spread
from project.report.runs import StoredRun

# More lines than this cannot be read on one page.
MOST_NETS = 40
SECONDS = tuple(digit * 10**power for power in range(-2, 6) for digit in (1, 2, 5))


def by_net(arms: Sequence[Arm]) -> dict[str, list[StoredRun]]:
    """The completed runs of each model; of each size, where a model has several.

    Arms that differ in a learning rate, say, have the same net and are one line.
    """
    sizes: dict[str, dict[int, list[StoredRun]]] = defaultdict(lambda: defaultdict(list))
    for arm in arms:
        for run in arm.runs:
            sizes[arm.model][run.parameters or 0].append(run)
    return {
        model if len(own) == 1 else f"{model} of {parameters:,}": runs
        for model, own in sizes.items()
        for parameters, runs in own.items()
    }


def draw_costs(arms: Sequence[Arm]) -> Figure:
    """Training time of every run with the median, and parameters; the quickest net on top.

    Of more than `MOST_NETS` nets the quickest.
    """
    nets = by_net(arms)
    seconds = {name: [run.seconds["training"] for run in runs] for name, runs in nets.items()}
    order = sorted(nets, key=lambda name: (median(seconds[name]), name))[:MOST_NETS]
    figure = Figure((9, 1.5 + 0.42 * len(order)))
    left, right = figure.subplots(1, 2, sharey=True)
    for place, name in enumerate(order):
        _draw_seconds(left, place, seconds[name])
        _draw_parameters(right, place, nets[name][0].parameters or 0)
    left.set_xscale("log")
    plain_ticks(left.xaxis, SECONDS)
    left.set_xlim(min(map(min, seconds.values())) / 1.2, max(map(max, seconds.values())) * 1.2)
    left.set_xlabel("training time (s, log scale)")
    left.set_yticks(range(len(order)), [f"{name}  (n = {len(nets[name])})" for name in order])
    left.set_ylim(len(order) - 0.4, -0.6)
    right.set_xlim(0, 1.3 * max(runs[0].parameters or 0 for runs in nets.values()) / 1000)
    right.set_xlabel("parameters (thousands)")
    some = f"; the quickest {MOST_NETS} of {len(nets)}" if len(nets) > MOST_NETS else ""
    figure.suptitle(f"Training time of every run (dots) with the median, and parameters{some}")
    return figure


def _draw_seconds(axes: Axes, place: int, seconds: list[float]) -> None:
    heights = place + spread(len(seconds), 0.4)
    # Thousands of dots make an SVG of megabytes: those become an image in it.
    many = len(seconds) > 500
    axes.plot(seconds, heights, ".", color=GREY, markersize=4, rasterized=many)
    middle = median(seconds)
    axes.plot(middle, place, marker="D", color=BLUE, markersize=6, linestyle="none")


def _draw_parameters(axes: Axes, place: int, parameters: int) -> None:
    axes.plot([0, parameters / 1000], [place, place], color=VERMILLION, linewidth=1)
    axes.plot(parameters / 1000, place, marker="s", color=VERMILLION, markersize=6)
    axes.annotate(
        f"{parameters:,}",
        (parameters / 1000, place),
        xytext=(7, 0),
        textcoords="offset points",
        va="center",
        fontsize=9,
    )
