"""Every seed of every arm as a point, with the arm's mean and its 95 % interval."""

from collections.abc import Mapping, Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from project.report.arms import Arm
from project.report.figures.style import (
    BLUE,
    GREY,
    VERMILLION,
    bar,
    error_label,
    error_scale,
    percent,
    spread,
    wrapped,
)
from project.report.statistics import summarise

# More lines than this cannot be read on one page.
MOST_ARMS = 40
LABEL_WIDTH = 38  # letters


def draw_seeds(arms: Sequence[Arm], published: Mapping[str, float]) -> Figure:
    """Test errors, the best arm on top; of more than `MOST_ARMS` arms the best ones.

    arms: with completed runs. published: the mean that a publication gives, a share, by label.
    """
    arms = sorted(arms, key=lambda arm: (summarise(arm.values("test/error")).mean, arm.label))
    shown = arms[:MOST_ARMS]
    names = [
        wrapped(
            f"{arm.label}  (n\N{NO-BREAK SPACE}=\N{NO-BREAK SPACE}{len(arm.runs)})", LABEL_WIDTH
        )
        for arm in shown
    ]
    row = 0.25 + 0.17 * max(name.count("\n") + 1 for name in names)
    figure = Figure((8, 1.6 + row * len(shown)))
    axes = figure.subplots()
    for place, arm in enumerate(shown):
        _draw_arm(axes, place, arm.values("test/error"), published.get(arm.label))
    errors = [error for arm in shown for error in arm.values("test/error")]
    errors += [published[arm.label] for arm in shown if arm.label in published]
    error_scale(axes, "x", percent(errors))
    error_label(axes, "x", "test error")
    axes.set_yticks(range(len(shown)), names)
    axes.set_ylim(len(shown) - 0.4, -0.6)
    axes.grid(axis="y", visible=False)
    some = f"; the best {MOST_ARMS} of {len(arms)} arms" if len(arms) > MOST_ARMS else ""
    figure.suptitle(f"Test error: every seed, mean and 95 % t-interval{some}")
    handles, labels = axes.get_legend_handles_labels()
    unique = dict(zip(labels, handles, strict=True))
    figure.legend(list(unique.values()), list(unique), loc="outside lower center", ncols=3)
    return figure


def _draw_arm(axes: Axes, place: int, errors: list[float], published: float | None) -> None:
    # The seeds stand below the mean, so that neither hides the other.
    heights = place + 0.17 + spread(len(errors), 0.24)
    axes.plot(percent(errors), heights, ".", color=GREY, markersize=4, label="one seed")
    mean, reach = bar(summarise(errors))
    axes.errorbar(
        mean,
        place - 0.15,
        xerr=reach,
        color=BLUE,
        marker="D",
        markersize=5,
        linestyle="none",
        capsize=4,
        label="mean and 95 % interval",
    )
    if published is not None:
        axes.plot(
            100 * published,
            place - 0.15,
            marker="o",
            markersize=9,
            markerfacecolor="none",
            markeredgecolor=VERMILLION,
            markeredgewidth=1.4,
            linestyle="none",
            label="mean in the published report",
        )
