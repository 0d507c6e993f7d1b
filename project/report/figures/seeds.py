"""A figure of every run's test value, with the mean and 95 % CI of each variant."""

from collections.abc import Mapping, Sequence
from textwrap import fill

from matplotlib.figure import Figure

from project.report.figures import style
from project.report.formatting import Quantity
from project.results.variants import Variant

MAX_VARIANTS = 40  # more lines than this cannot be read on one page
LABEL_WIDTH = 38  # letters
N = "  (n\N{NO-BREAK SPACE}=\N{NO-BREAK SPACE}"


def draw_seeds(
    variants: Sequence[Variant],
    quantity: Quantity,
    published: Mapping[str, float] | None = None,
) -> Figure:
    """Draw the test values of the first `MAX_VARIANTS` variants, all with completed runs.

    `published` has the means in a publication by the variant's label.
    """
    shown, scale = variants[:MAX_VARIANTS], quantity.scale
    labels = [f"{each.label}{N}{len(each.runs)})" for each in shown]
    labels = [fill(label, LABEL_WIDTH, break_on_hyphens=False) for label in labels]
    figure, (axes,) = style.rows_figure(labels, 8)
    reached: list[float] = []
    for place, each in enumerate(shown):
        values = [scale * value for value in each.values(quantity.metric.test) or []]
        # The seeds stand below the mean, so that neither hides the other.
        heights = place + 0.17 + style.spread(len(values), 0.24)
        axes.plot(values, heights, ".", color=style.GREY, markersize=4, label="one seed")
        mean, ends = style.bar(quantity.summary(each), scale)
        look = {"color": style.BLUE, "marker": "D", "markersize": 5, "linestyle": "none"}
        axes.errorbar(mean, place - 0.15, xerr=ends, label="mean and 95 % CI", capsize=4, **look)
        reached += values
        if published and each.label in published:
            at = scale * published[each.label]
            axes.plot(
                at, place - 0.15, marker="o", markersize=9, markerfacecolor="none",
                markeredgecolor=style.VERMILLION, markeredgewidth=1.4, linestyle="none",
                label="mean in the published report",
            )  # fmt: skip
            reached.append(at)
    style.value_scale(axes, "x", reached, quantity, quantity.name)
    some = f"; the first {len(shown)} of {len(variants)} variants" * (len(shown) < len(variants))
    figure.suptitle(f"{quantity.name.capitalize()}: every seed, mean and 95 % CI{some}")
    style.legend_below(figure, 3)
    return figure
