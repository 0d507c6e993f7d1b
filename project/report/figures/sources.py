"""Where the spread over seeds comes from: the data, the initial weights or the order."""

import json
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.figure import Figure

from project.report.arms import Arm
from project.report.figures.style import BLACK, SERIES
from project.report.variance import Decomposition, decompose

SOURCES = {
    "data": "the pairs drawn",
    "init": "the initial weights",
    "order": "the order and dropout's noise",
}
TOGETHER = "all together"
HATCHES = ("//", "..", "\\\\")


@dataclass(frozen=True)
class VarianceStudy:
    """Arms that differ only in which sources of chance follow the seed, and the rest held fixed.

    varied: the arm in which a source alone varies, by source. together: all of them vary. In all of
    a study the others are held at the same seeds.
    """

    name: str
    arm_hash: str
    varied: dict[str, Arm]
    together: Arm | None

    @property
    def missing(self) -> list[str]:
        """Sources that were not varied alone."""
        return [source for source in SOURCES if source not in self.varied]

    def decompose(self) -> Decomposition:
        """Variances of the test error (a share of 1, squared) and the share of each source."""
        return decompose(
            {source: arm.values("test/error") for source, arm in self.varied.items()},
            self.together.values("test/error") if self.together else None,
        )


def find_studies(arms: Sequence[Arm]) -> list[VarianceStudy]:
    """Where two or more sources were varied one at a time, over two or more seeds each."""
    families: dict[str, list[Arm]] = defaultdict(list)
    for arm in arms:
        if len(arm.runs) > 1:
            others = {k: v for k, v in arm.settings.items() if not k.startswith("seeds.")}
            families[json.dumps([arm.model, others], sort_keys=True)].append(arm)
    studies = []
    for family in families.values():
        by_held: dict[tuple[int, ...], dict[str, Arm]] = defaultdict(dict)
        together = None
        for arm in family:
            free = [source for source in SOURCES if f"seeds.{source}" not in arm.settings]
            held = sorted({v for k, v in arm.settings.items() if k.startswith("seeds.")})
            if len(free) == 1:
                by_held[tuple(held)][free[0]] = arm
            elif len(free) == len(SOURCES):
                together = arm
        for held, varied in by_held.items():
            if len(varied) > 1:
                several = f" (the others held at {', '.join(map(str, held))})" * (len(by_held) > 1)
                first, *_ = varied.values()
                ordered = {source: varied[source] for source in SOURCES if source in varied}
                name = f"{first.model}{several}"
                studies.append(VarianceStudy(name, first.arm_hash, ordered, together))
    return studies


def draw_sources(study: VarianceStudy) -> Figure:
    """Left the deviation that each source makes alone, right its share of the variance."""
    parts = study.decompose()
    estimates = dict(parts.sources)
    if parts.together:
        estimates[TOGETHER] = parts.together
    figure = Figure((9.6, 1.6 + 0.55 * len(estimates)))
    left, right = figure.subplots(1, 2, sharey=True)
    for place, (name, estimate) in enumerate(estimates.items()):
        low, middle, high = 100 * np.sqrt(
            [estimate.interval[0], estimate.variance, estimate.interval[1]]
        )
        color, marker, _ = (BLACK, "D", "") if name == TOGETHER else SERIES[place]
        left.errorbar(
            middle,
            place,
            xerr=[[middle - low], [high - middle]],
            color=color,
            marker=marker,
            capsize=4,
        )
    for place, share in enumerate((parts.shares or {}).values()):
        right.barh(
            place, 100 * share, 0.6, color="white", edgecolor=SERIES[place][0], hatch=HATCHES[place]
        )
        right.text(100 * share + 1.5, place, f"{100 * share:.0f} %", va="center")
    left.set_yticks(
        range(len(estimates)),
        [f"{SOURCES.get(name, name)}  (n = {each.n})" for name, each in estimates.items()],
    )
    left.set_ylim(len(estimates) - 0.5, -0.5)
    left.set_xlim(left=0)
    left.set_xlabel("standard deviation of the test error\n(percentage points, with 95 % interval)")
    right.set_xlim(0, 100)
    right.set_xlabel("share of the summed variance (%)")
    figure.suptitle(f"{study.name}: what varies the result when it alone varies")
    return figure
