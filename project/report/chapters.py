"""What the page says beyond its tables: the publication, its findings, the figures."""

from collections.abc import Mapping, Sequence
from typing import Any

from project.report.arms import Arm
from project.report.disk_chapters import disk_chapters
from project.report.figures.style import styled
from project.report.pair_chapters import pair_chapters
from project.report.reference import Reference
from project.report.runs import DISK, PAIRS
from project.report.sections import Section


def chapters(
    arms: Sequence[Arm], reference: Reference, settings: Mapping[str, Mapping[str, Any]]
) -> list[Section]:
    """The sections that `arms`, of both experiments, allow; their figures go to `style.save`.

    settings: of each of `reference.models` as `flat_settings` gives them: they say which arm is
    the publication's row. Raises DamagedRunError.
    """
    with styled():
        return [
            *pair_chapters([arm for arm in arms if arm.experiment == PAIRS], reference, settings),
            *disk_chapters([arm for arm in arms if arm.experiment == DISK], reference),
        ]
