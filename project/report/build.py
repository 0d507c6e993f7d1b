"""A report, from run directories to <outputs>/report, in the order of its steps."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from project.config.errors import ConfigurationError
from project.report import page, tables
from project.report.caveats import caveats_of, left_out
from project.report.figures.style import styled
from project.report.folder import NAME, TENSORBOARD, new_report
from project.report.formatting import listed
from project.report.missing_runs import Gap, find_absent, find_gaps, refusal
from project.report.results_table import Table, headline, make_table
from project.report.sections import ComposeSettings, Context, load_sections, sections_of
from project.report.selection import PlannedVariant, choose_planned, find_baseline, tables_of
from project.report.tensorboard import write_aggregates
from project.results.metrics import named_metric, own_metric
from project.results.reading import read_last_sweep, read_runs
from project.results.text import seed_list
from project.results.variants import Settings, Variant, group
from project.results.where import where
from project.runs.atomic import write_text


@dataclass(frozen=True)
class Request:
    """What the report is to be about: keys of conf/report.yaml, which explains them.

    Attributes:
        planned: The variants of the study.
        mix_code: Whether runs of other code are averaged, and not set apart.
        reference: What a publication reports.
        compose_settings: From words of a command to the settings of its variant.
    """

    outputs: Path
    runs: Sequence[str] = ()
    where: str | None = None
    study: str | None = None
    planned: Sequence[PlannedVariant] = ()
    last: bool = False
    baseline: str | None = None
    metric: str | None = None
    metrics: Sequence[str] = ()
    columns: Sequence[str] = ()
    strict: bool = False
    mix_code: bool = False
    sections: Sequence[str] = ()
    reference: dict[str, Any] | None = None
    compose_settings: ComposeSettings = lambda words: None

    @property
    def subject(self) -> str:
        """What the report is about, as its title."""
        parts = [f"study {self.study}"] * bool(self.study) + ["the last sweep"] * self.last
        parts += [f"runs {', '.join(self.runs)}"] * bool(self.runs)
        parts += [f"where {self.where}"] * bool(self.where)
        return f"Report: {', '.join(parts) or 'all runs'}"


def make_report(request: Request) -> Path:
    """Write <outputs>/report and print its tables.

    Returns:
        The path of the page.

    Raises:
        ConfigurationError, MissingRunsError, ConflictError, CorruptRunError, OSError.
    """
    functions = load_sections(request.sections)
    variants, gaps, said = gather(request)
    everyone = [each for own in variants.values() for each in own]
    named = find_baseline(everyone, request.baseline) if request.baseline else None
    made = [_table(title, own, request, named) for title, own in variants.items()]
    for table in made:
        tables.choose_columns(table, request.columns)
    chapters = []
    with styled():
        for number, table in enumerate(made):
            context = Context(
                table, request.outputs, number, request.reference, request.compose_settings
            )
            notices = said * (number == 0) + caveats_of(table, gaps[table.title])
            chapters.append(page.Chapter(table, notices, sections_of(functions, context)))
    with new_report(request.outputs) as folder:
        write(folder, chapters, request)
    tables.terminal(made, [each.notices for each in chapters], request.columns)
    for table in made:
        print(headline(table))
    return request.outputs / NAME / "index.html"


def gather(request: Request) -> tuple[dict[str, list[Variant]], dict[str, list[Gap]], list[str]]:
    """Read and choose the runs.

    Returns:
        The variants and what is missing of them by the title of their table, and what to say.

    Raises:
        ConfigurationError: There are none.
        MissingRunsError: Some are missing or damaged, and `strict` asks for all.
    """
    runs, problems = read_runs(request.outputs, request.runs, histories=True)
    said: list[str] = []
    missing: list[str] = []
    if request.last:
        sweep = read_last_sweep(request.outputs)
        if sweep is None:
            raise ConfigurationError(f"last=true: no sweep has been made in {request.outputs}")
        names = set(sweep["runs"])
        missing = sorted(names - {each.name for each in (*runs, *problems)})
        runs = [run for run in runs if run.name in names]
        problems = [each for each in problems if each.name in names]
    if request.where is not None:
        runs = where(request.where, runs)
    if request.study is not None:
        runs, foreign = choose_planned(runs, request.planned)
        prefixes = tuple(f"{plan.model}-" for plan in request.planned)
        problems = [each for each in problems if each.name.startswith(prefixes)]
        said += [
            f"Left out: seeds {seed_list(foreign)}, which study {request.study} does not plan and "
            "not all of its variants have."
        ] * bool(foreign)
    if not any(run.metrics for run in runs):
        if problems:
            raise refusal([], problems, request.outputs)
        raise _nothing(request, len(runs))
    every = group(runs, _defaults(request.compose_settings), request.mix_code)
    variants = tables_of(every)
    gaps = {title: find_gaps(own, request.planned) for title, own in variants.items()}
    gaps[next(iter(gaps))] += find_absent(every, request.planned)
    found = [gap for own in gaps.values() for gap in own]
    if (found or problems or missing) and request.strict:
        raise refusal(found, problems, request.outputs, request.study, missing)
    said += [f"Missing of the last sweep: {listed(missing)}."] * bool(missing)
    return variants, gaps, said + left_out(problems)


def _nothing(request: Request, begun: int) -> ConfigurationError:
    """Return the refusal of a report on nothing, of which so many runs were begun."""
    asked = f" of study {request.study}" if request.study else ""
    asked += " of the last sweep" * request.last
    asked += f" that match runs={','.join(request.runs)}" if request.runs else ""
    asked += f" where {request.where}" if request.where else ""
    hint = "make some with `python -m project.train`"
    if request.study is not None:
        hint = (
            "the study as it stands in conf/study is meant; runs with other settings on the "
            "command line are chosen with runs=GLOB or last=true"
        )
    elif request.runs:
        hint = "globs are held against names like ws_al-0123abcd/seed_0 and ws_al-0123abcd"
    place = f"{request.outputs / 'runs'}" + (f" ({begun} were begun)" if begun else "")
    return ConfigurationError(f"no completed runs{asked} under {place}; {hint}")


def _defaults(compose: ComposeSettings) -> Callable[[dict[str, Any]], Settings | None]:
    """Return what gives the settings of a configuration's model, task and data by themselves."""

    def defaults(config: dict[str, Any]) -> Settings | None:
        if "trainer" not in config:  # of a command with a configuration of its own
            return None
        named = {key: (config.get(key) or {}).get("name") for key in ("model", "task", "data")}
        return compose(tuple(f"{key}={name}" for key, name in named.items() if name))

    return defaults


def _table(title: str, variants: list[Variant], request: Request, named: Variant | None) -> Table:
    completed = [run for each in variants for run in each.runs]
    runs = completed or [each.first for each in variants]
    metric = own_metric(runs) if request.metric is None else named_metric(request.metric, runs)
    others = [named_metric(name, runs) for name in request.metrics]
    others = [each for each in others if each.name != metric.name]
    return make_table(title, variants, metric, others, named)


def write(folder: Path, chapters: Sequence[page.Chapter], request: Request) -> None:
    """Write everything that a report consists of into the empty `folder`."""
    every = [each.table for each in chapters]
    notices = [each.notices for each in chapters]
    variants = [row.variant for table in every for row in table.rows]
    write_text(folder / "results.csv", tables.results_csv(variants))
    write_text(folder / "table.csv", tables.table_csv(every))
    write_text(folder / "table.md", tables.markdown(every, notices, request.columns))
    write_text(folder / "table.tex", tables.latex(every, request.columns))
    page.write_figures(chapters, folder / "figures")
    write_text(folder / "index.html", page.render(chapters, request.subject, request.columns))
    for table in every:
        own = [row.variant for row in table.rows]
        write_aggregates(own, folder / TENSORBOARD, table.metric.name)
