"""python -m project.report.disk_figures [outputs]: the four figures of the report's part 2.

Reads run directories only, and writes <outputs>/report/figures/disk_*.png and .svg. Equal runs give
equal bytes. Every mark differs in shape, fill or line as well as in colour.
"""

import argparse
import math
import statistics
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from project.report.disk_runs import Arm, read_arms
from project.runs.atomic import replacing

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

BLUE, VERMILLION, BLACK = "#0072B2", "#D55E00", "#000000"  # Okabe and Ito's, safe for all eyes
# The arm that the report shows in its figures 3 and 4.
SHOWN = ("tanh", 0.1)
# The geometry of the task, for the true circle; `project.points.data` would import torch.
CENTRE, RADIUS = (0.5, 0.5), 1 / math.sqrt(2 * math.pi)
MARKS = {"tanh": (BLUE, "o", "-"), "relu": (VERMILLION, "s", "--")}
NAMES = {"tanh": "tanh", "relu": "ReLU"}
STYLE = {
    "svg.hashsalt": "disk",  # element names by content, not by chance
    "font.size": 10,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.alpha": 0.3,
    "legend.frameon": False,
}


def percent(values: list[float]) -> list[float]:
    """Shares in percent."""
    return [100 * value for value in values]


def mean_and_deviation(values: list[float]) -> tuple[float, float]:
    """The mean and the standard deviation (ddof = 1); 0 for a single value."""
    return statistics.fmean(values), statistics.stdev(values) if len(values) > 1 else 0.0


def counts(arms: list[Arm]) -> str:
    """`n = 50 runs each`, or the range where arms differ."""
    numbers = sorted({len(arm.runs) for arm in arms})
    if len(numbers) > 1:
        return f"n = {numbers[0]} to {numbers[-1]} runs each"
    return f"n = {numbers[0]} {'run' if numbers == [1] else 'runs'}{' each' * (len(arms) > 1)}"


def draw_learning_rates(figure: "Figure", activation: str, arms: dict[float, Arm]) -> None:
    """Figures 1 and 2: mean and deviation of the test accuracy by learning rate, and every run.

    Every run, because a few that learn nothing can make a deviation that no run deviates by.
    """
    from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

    color, marker, line = MARKS[activation]
    axes = figure.subplots()
    axes.set_xscale("log")
    accuracies = {lr: percent(arm.values("test/accuracy")) for lr, arm in arms.items() if arm.runs}
    summaries = {lr: mean_and_deviation(values) for lr, values in accuracies.items()}
    for lr, values in accuracies.items():
        # Beside the error bar, so that neither hides the other.
        axes.plot([lr * 1.06] * len(values), values, ".", color="0.6", markersize=3, zorder=1)
    axes.errorbar(
        list(summaries),
        [mean for mean, _ in summaries.values()],
        yerr=[deviation for _, deviation in summaries.values()],
        color=color,
        marker=marker,
        linestyle=line,
        capsize=4,
    )
    for lr, arm in arms.items():
        text = "{:.2f}\n± {:.2f}".format(*summaries[lr]) if lr in summaries else ""
        if arm.failed:
            text += f"\n{arm.failed} of {arm.failed + len(arm.runs)}\nfailed"
        # The lower edge of the axes, whatever the values are.
        place = axes.get_xaxis_transform()
        axes.text(lr, 0.02, text.strip(), transform=place, ha="center", va="bottom", fontsize=8)
    low = min((min(values) for values in accuracies.values()), default=0)
    low = min([low, *(mean - deviation for mean, deviation in summaries.values())])
    axes.set_ylim(low - 0.35 * (100 - low) - 0.1, 100 + 0.04 * (100 - low) + 0.1)
    axes.set_xlim(min(arms) / 1.4, max(arms) * 1.4)
    axes.xaxis.set_major_locator(FixedLocator(list(arms)))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.set_xlabel("learning rate (log scale)")
    axes.set_ylabel("test accuracy (%)")
    n = counts([arm for arm in arms.values() if arm.runs])
    axes.set_title(f"{NAMES[activation]}: mean ± standard deviation, {n} (dots)", fontsize=11)


def draw_predictions(figure: "Figure", arm: Arm) -> None:
    """Figure 3: the first run's predictions on its test points, and the true circle."""
    run = arm.runs[0]
    columns = run.columns("predictions.csv")
    points = list(zip(*(columns[key] for key in ("x", "y", "label", "prediction")), strict=True))
    axes = figure.subplots()
    axes.grid(False)
    marks = [
        ("predicted inside", BLUE, BLUE, [p for p in points if p[3] == 1]),
        ("predicted outside", "none", VERMILLION, [p for p in points if p[3] == 0]),
    ]
    for label, face, edge, chosen in marks:
        axes.scatter(
            [point[0] for point in chosen],
            [point[1] for point in chosen],
            s=14,
            marker="o" if face == BLUE else "^",
            facecolors=face,
            edgecolors=edge,
            linewidths=0.8,
            label=label,
        )
    wrong = [point for point in points if point[2] != point[3]]
    axes.scatter(
        [point[0] for point in wrong],
        [point[1] for point in wrong],
        s=55,
        marker="x",
        color=BLACK,
        linewidths=1.4,
        label=f"misclassified ({len(wrong)} of {len(points)})",
    )
    angles = [2 * math.pi * step / 360 for step in range(361)]
    axes.plot(
        [CENTRE[0] + RADIUS * math.cos(angle) for angle in angles],
        [CENTRE[1] + RADIUS * math.sin(angle) for angle in angles],
        color=BLACK,
        linestyle="--",
        linewidth=1,
        label="true circle",
    )
    axes.spines[:].set_visible(True)
    axes.set(xlim=(-0.02, 1.02), ylim=(-0.02, 1.02), aspect="equal", xlabel="x", ylabel="y")
    activation, lr, seed = (run.config[key] for key in ("activation", "lr", "seed"))
    axes.set_title(f"Test points, {NAMES[activation]}, learning rate {lr:g}, seed {seed}")
    axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.12), ncols=2)


def draw_epochs(figure: "Figure", arm: Arm) -> None:
    """Figure 4: accuracy and loss by epoch, on training and validation points.

    The report draws training and test; here the test points are measured once, at the end, so the
    second curve is that of the validation points, which are as new to the net as the test points.
    """
    from matplotlib.ticker import FuncFormatter

    histories = [run.columns("history.csv") for run in arm.runs]
    loss_name = {"mse": "mean squared error", "cross_entropy": "cross-entropy"}
    left, right = figure.subplots(1, 2)
    _draw_stages(left, histories, "accuracy", 100)
    left.set_ylabel("accuracy (%)")
    _draw_stages(right, histories, "loss", 1)
    right.set_ylabel(f"loss ({loss_name[arm.runs[0].config['loss']]}, log scale)")
    right.set_yscale("log", subs=[2, 5])
    plain = FuncFormatter(lambda value, _: f"{value:g}")
    right.yaxis.set_major_formatter(plain)
    right.yaxis.set_minor_formatter(plain)
    left.legend(loc="lower right")
    right.legend(loc="upper right")
    activation, lr = (arm.runs[0].config[key] for key in ("activation", "lr"))
    figure.suptitle(
        f"{NAMES[activation]}, learning rate {lr:g}: mean and standard deviation, {counts([arm])}",
        fontsize=11,
    )


def _draw_stages(
    axes: "Axes", histories: list[dict[str, list[float]]], quantity: str, scale: float
) -> None:
    stages = (
        ("train", "training", BLUE, "-"),
        ("val", "validation", VERMILLION, "--"),
    )
    epochs = histories[0]["epoch"]
    for stage, label, color, line in stages:
        by_run = [[scale * value for value in each[f"{stage}/{quantity}"]] for each in histories]
        by_epoch = [list(values) for values in zip(*by_run, strict=True)]
        summaries = [mean_and_deviation(values) for values in by_epoch]
        # Not below what any run has reached: a logarithmic axis knows no loss of 0 or less.
        low = [max(mean - deviation, min(values)) for (mean, deviation), values
               in zip(summaries, by_epoch, strict=True)]  # fmt: skip
        high = [mean + deviation for mean, deviation in summaries]
        means = [mean for mean, _ in summaries]
        axes.plot(epochs, means, color=color, linestyle=line, linewidth=1.2, label=label)
        axes.fill_between(epochs, low, high, color=color, alpha=0.2, linewidth=0)
    axes.set_xlabel("epoch")


def draw_all(outputs: Path) -> list[Path]:
    """Draw what the runs under `outputs` allow; returns the files. Raises as `read_arms` does."""
    import matplotlib
    from matplotlib.figure import Figure

    arms, left_out = read_arms(outputs)
    for line in left_out:
        print(f"left out: {line}", file=sys.stderr)
    written: list[Path] = []
    with matplotlib.rc_context(STYLE):
        figures: dict[str, Figure] = {}
        for activation in dict.fromkeys(name for name, _ in arms):
            figure = figures[f"disk_learning_rate_{activation}"] = Figure((6, 4))
            own = {lr: arm for (name, lr), arm in arms.items() if name == activation}
            draw_learning_rates(figure, activation, own)
        if SHOWN in arms and arms[SHOWN].runs:
            figure = figures["disk_predictions"] = Figure((6, 6.6))
            draw_predictions(figure, arms[SHOWN])
            figure = figures["disk_epochs"] = Figure((9, 4))
            draw_epochs(figure, arms[SHOWN])
        else:
            activation, lr = SHOWN
            print(
                f"left out: predictions and epochs, which need runs of {activation} at lr {lr}",
                file=sys.stderr,
            )
        for name, figure in figures.items():
            figure.set_layout_engine("tight")
            written += _save(figure, outputs / "report" / "figures" / name)
    return written


def _save(figure: "Figure", path: Path) -> list[Path]:
    """As .png and .svg, without the date and the program's version."""
    path.parent.mkdir(parents=True, exist_ok=True)
    metadata = {"png": {"Software": None}, "svg": {"Date": None, "Creator": None}}
    files = []
    for suffix, without in metadata.items():
        files.append(path.with_name(f"{path.name}.{suffix}"))
        with replacing(files[-1]) as file:
            figure.savefig(file, format=suffix, dpi=150, metadata=without)
    return files


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(prog="project.report.disk_figures", description=__doc__)
    parser.add_argument("outputs", nargs="?", type=Path, default=Path("outputs"))
    arguments = parser.parse_args()
    try:
        for path in draw_all(arguments.outputs):
            print(path)
    except Exception as error:
        code = getattr(error, "exit_code", 3 if isinstance(error, OSError) else None)
        if code is None:
            raise
        print(f"error: {error}", file=sys.stderr)
        sys.exit(code)


if __name__ == "__main__":
    main()
