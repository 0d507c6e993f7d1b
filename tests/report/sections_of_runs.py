"""The sections that runs lead to, and the text of their tables."""

import re

from project.report.arms import group
from project.report.disk_chapters import disk_chapters
from project.report.figures.style import styled
from project.report.pair_chapters import pair_chapters
from project.report.reference import read_reference
from project.report.runs import DISK, PAIRS, StoredRun
from project.report.sections import Section
from tests.report.stored_runs import write_table

REFERENCE = read_reference()


def with_files(runs: list[StoredRun]) -> list[StoredRun]:
    """The runs, and what their figures read of them."""
    for run in runs:
        stages = (
            "train/error",
            "val/error",
            "train/accuracy",
            "val/accuracy",
            "train/loss",
            "val/loss",
        )
        columns = {"epoch": [1, 2]} | {name: [0.5, 0.25] for name in stages}
        write_table(run, "history.csv", columns)
        points = {"x": [0.5, 0.1], "y": [0.5, 0.1], "label": [1, 0], "prediction": [1, 1]}
        write_table(run, "predictions.csv", points)
    return runs


def sections_of(runs: list[StoredRun]) -> dict[str, Section]:
    arms = group(runs)
    # The row `basic` is whatever arm of basic has the learning rate 1.
    settings = {
        arm.model: {key: value for key, value in arm.settings.items() if key != "data.dataset"}
        for arm in arms
        if arm.settings.get("optimizer.lr") == 1
    }
    pairs, disk = ([a for a in arms if a.experiment == name] for name in (PAIRS, DISK))
    with styled():
        sections = pair_chapters(pairs, REFERENCE, settings) + disk_chapters(disk, REFERENCE)
    return {each.anchor: each for each in sections}


def cells(section: Section) -> list[list[str]]:
    """The text of the section's tables, by row."""
    rows = re.findall(r"<tr>(.*?)</tr>", section.html, re.DOTALL)
    return [
        [re.sub(r"<[^>]+>", "", cell) for cell in re.findall(r"<t[hd].*?>(.*?)</t[hd]>", row)]
        for row in rows
    ]
