"""The life of a report, from run directories to outputs/report, in the order of its steps."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from project.report import page, tables
from project.report.arms import Arm, group
from project.report.beyond_chapters import beyond_chapters
from project.report.choosing import (
    ChoiceError,
    Gap,
    PlannedArm,
    beyond_the_plan,
    choose_planned,
    find_baseline,
    find_gaps,
    seed_list,
)
from project.report.comparisons import Table, make_table
from project.report.completing import Overrides, incomplete
from project.report.disk_chapters import disk_chapters
from project.report.figures.style import save, styled
from project.report.folder import NAME, TENSORBOARD, new_report
from project.report.notices import left_out, notices_of
from project.report.pair_chapters import pair_chapters
from project.report.reference import read_reference
from project.report.runs import DISK, PAIRS, Problem, StoredRun, read_runs
from project.report.sections import Section
from project.report.tensorboard import write_aggregates
from project.runs.atomic import write_text
from project.runs.trials import read_histories

PIXELS_PER_INCH = 96  # CSS's inch


@dataclass(frozen=True)
class Request:
    """What the report is to be about.

    pattern: a glob for names of runs or arms; study, planned: its name and its arms; baseline: the
    label, directory or model of an arm; overrides: from a configuration to words of a command;
    settings_of: the settings of models by name, as conf/model has them.
    """

    outputs: Path
    pattern: str | None
    study: str | None
    planned: Sequence[PlannedArm]
    baseline: str | None
    allow_missing: bool
    overrides: Overrides
    settings_of: Callable[[Sequence[str]], dict[str, dict[str, Any]]]


@dataclass(frozen=True)
class Gathered:
    """The arms of the report by experiment, and what is missing of them or was left out."""

    arms: dict[str, list[Arm]]
    gaps: dict[str, list[Gap]]
    left_out: list[str]

    @property
    def all_arms(self) -> list[Arm]:
        """Of both experiments."""
        return [arm for arms in self.arms.values() for arm in arms]


def make_report(request: Request) -> Path:
    """Write outputs/report and print its tables; returns the path of the page.

    Raises ChoiceError, IncompleteError, RefusedError, DamagedRunError, OSError.
    """
    gathered = gather(request)
    named = find_baseline(gathered.all_arms, request.baseline) if request.baseline else None
    all_tables = [make_table(arms, named) for arms in gathered.arms.values()]
    notices = {
        table.experiment: gathered.left_out * (number == 0)
        + notices_of(table, gathered.gaps[table.experiment])
        for number, table in enumerate(all_tables)
    }
    with new_report(request.outputs) as folder:
        write(folder, all_tables, notices, chapters(gathered.arms, request))
    tables.terminal(all_tables, list(notices.values()))
    return request.outputs / NAME / "index.html"


def gather(request: Request) -> Gathered:
    """Read and choose the runs; raises ChoiceError or, unless allowed, IncompleteError."""
    runs, problems = read_runs(request.outputs, _pattern(request))
    others: list[str] = []
    if request.study is not None:
        runs, problems, others = _of_study(request, runs, problems)
    if not any(run.metrics for run in runs) and not (problems and not request.allow_missing):
        raise _nothing(request, runs)
    arms = group(runs)
    by_experiment = {
        experiment: own
        for experiment in (PAIRS, DISK)
        if (own := [arm for arm in arms if arm.experiment == experiment])
    }
    gaps = {
        experiment: find_gaps(own, request.planned) for experiment, own in by_experiment.items()
    }
    found = [gap for own in gaps.values() for gap in own]
    if (found or problems) and not request.allow_missing:
        raise incomplete(found, problems, request.outputs, request.overrides)
    return Gathered(by_experiment, gaps, others + left_out(problems))


def _pattern(request: Request) -> str | None:
    """The glob as one for names, whether it was typed as such or as a path."""
    if request.pattern is None:
        return None
    pattern = request.pattern.rstrip("/")
    for prefix in (f"{request.outputs}/runs/", "runs/"):
        pattern = pattern.removeprefix(prefix)
    return pattern


def _of_study(
    request: Request, runs: list[StoredRun], problems: list[Problem]
) -> tuple[list[StoredRun], list[Problem], list[str]]:
    """The study's runs, the damaged ones that may be the study's, and what was left out."""
    models = tuple(f"{plan.model}-" for plan in request.planned)
    damaged = [each for each in problems if each.directory.parent.name.startswith(models)]
    chosen = choose_planned(runs, request.planned)
    foreign = [] if request.allow_missing else beyond_the_plan(chosen, request.planned)
    if not foreign:
        return chosen, damaged, []
    notice = (
        f"Left out: seeds {seed_list(foreign)}, which study {request.study} does not plan and "
        "not all of its arms have."
    )
    return [run for run in chosen if run.seed not in foreign], damaged, [notice]


def _nothing(request: Request, runs: Sequence[StoredRun]) -> ChoiceError:
    place = request.outputs / "runs"
    asked = ""
    if request.study is not None:
        asked += f" of study {request.study}"
    if request.pattern is not None:
        asked += f" that match runs={request.pattern}"
    begun = f" ({len(runs)} were begun)" if runs else ""
    hint = "make some with `python -m project.train -m +study=epfl_table`"
    if request.study is not None:
        hint = (
            "the study as it stands in conf/study is meant; runs with other settings on the "
            "command line are chosen with runs=GLOB"
        )
    elif request.pattern is not None:
        hint = "the glob is held against names like ws_al-0123abcd/seed=0 and ws_al-0123abcd"
    return ChoiceError(f"no completed runs{asked} under {place}{begun}; {hint}")


def chapters(arms: Mapping[str, list[Arm]], request: Request) -> dict[str, list[Section]]:
    """What there is beside each experiment's table, as far as its arms allow it."""
    reference = read_reference()
    sections: dict[str, list[Section]] = {}
    with styled():
        if PAIRS in arms:
            settings = request.settings_of(reference.models)
            sections[PAIRS] = pair_chapters(arms[PAIRS], reference, settings)
            sections[PAIRS] += beyond_chapters(arms[PAIRS], read_histories(request.outputs))
        if DISK in arms:
            sections[DISK] = disk_chapters(arms[DISK], reference)
    return sections


def write(
    folder: Path,
    all_tables: Sequence[Table],
    notices: Mapping[str, list[str]],
    sections: Mapping[str, Sequence[Section]],
) -> None:
    """Everything that a report consists of, into the empty `folder`."""
    arms = [row.arm for table in all_tables for row in table.rows]
    write_text(folder / "results.csv", tables.results_csv(arms))
    write_text(folder / "table.csv", tables.table_csv(all_tables))
    write_text(folder / "table.md", tables.markdown(all_tables, list(notices.values())))
    write_text(folder / "table.tex", tables.latex(all_tables))
    drawn = {
        experiment: [draw(section, folder / "figures") for section in own]
        for experiment, own in sections.items()
    }
    write_text(folder / "index.html", page.render(all_tables, notices, drawn))
    write_aggregates(arms, folder / TENSORBOARD)


def draw(section: Section, folder: Path) -> page.PageSection:
    """The section with its figures, which also become files in `folder`."""
    images = []
    for each in section.illustrations:
        files = save(each.figure, folder / each.name)
        width, height = (
            round(PIXELS_PER_INCH * inches) for inches in each.figure.get_size_inches()
        )
        images.append(page.image(files, width, height, each.caption))
    return page.PageSection(section.anchor, section.title, section.html, tuple(images))
