"""Make a report, from reading the run directories to writing <outputs>/report."""

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
    """What to report on. Most fields are keys of conf/report.yaml, which explains them.

    Attributes:
        outputs: The output folder.
        study: The name of the study (`study_name`); None without one.
        planned: The variants of the study; empty without one.
        mix_code: Whether runs of different code form one variant instead of separate ones.
        reference: What a publication reports; None without one.
        compose_settings: Returns the settings that overrides of project.train lead to, or None.
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
        """The title of the report, which names the chosen runs: `Report: study epfl_table`."""
        parts = [f"study {self.study}"] * bool(self.study) + ["the last sweep"] * self.last
        parts += [f"runs {', '.join(self.runs)}"] * bool(self.runs)
        parts += [f"where {self.where}"] * bool(self.where)
        return f"Report: {', '.join(parts) or 'all runs'}"


def make_report(request: Request) -> Path:
    """Write <outputs>/report, print its tables, and return the path of index.html.

    Raises:
        ConfigurationError: No completed run is chosen, or a key of the request is invalid.
        MissingRunsError: Runs are missing or damaged, see `gather`.
        ConflictError: Another process writes the report, or its folder holds other files.
        CorruptRunError: A file of a run is damaged.
        OSError: The report cannot be written.
    """
    functions = load_sections(request.sections)
    variants, gaps, said = gather(request)
    everyone = [each for own in variants.values() for each in own]
    named = find_baseline(everyone, request.baseline) if request.baseline else None
    made = [_table(title, own, request, named) for title, own in variants.items()]
    for table in made:
        tables.choose_columns(table, request.columns)
    experiments = []
    with styled():
        for number, table in enumerate(made):
            context = Context(
                table, request.outputs, number, request.reference, request.compose_settings
            )
            notices = said * (number == 0) + caveats_of(table, gaps[table.title])
            experiments.append(page.Experiment(table, notices, sections_of(functions, context)))
    with new_report(request.outputs) as folder:
        write(folder, experiments, request)
    tables.terminal(made, [each.notices for each in experiments], request.columns)
    for table in made:
        print(headline(table))
    return request.outputs / NAME / "index.html"


def gather(request: Request) -> tuple[dict[str, list[Variant]], dict[str, list[Gap]], list[str]]:
    """Return the variants and the gaps of each table by title, and notices on runs left out.

    Raises:
        ConfigurationError: No completed run is chosen, `where` is no valid condition, or `last` is
            set and no sweep was made.
        MissingRunsError: Runs are missing or damaged and `strict` is set, or no completed run is
            chosen and some are damaged.
        CorruptRunError: The file that describes the last sweep is damaged.
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
    """Return the error for a request that chooses no completed run but `begun` other ones."""
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
    """Return a function from a configuration to the defaults of its model, task and data."""

    def defaults(config: dict[str, Any]) -> Settings | None:
        if "trainer" not in config:  # made by a command other than project.train
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


def write(folder: Path, experiments: Sequence[page.Experiment], request: Request) -> None:
    """Write the report's files into the empty `folder`, and the page's images into `experiments`."""
    every = [each.table for each in experiments]
    notices = [each.notices for each in experiments]
    variants = [row.variant for table in every for row in table.rows]
    write_text(folder / "results.csv", tables.results_csv(variants))
    write_text(folder / "table.csv", tables.table_csv(every))
    write_text(folder / "table.md", tables.markdown(every, notices, request.columns))
    write_text(folder / "table.tex", tables.latex(every, request.columns))
    page.write_figures(experiments, folder / "figures")
    write_text(folder / "index.html", page.render(experiments, request.subject, request.columns))
    for table in every:
        own = [row.variant for row in table.rows]
        write_aggregates(own, folder / TENSORBOARD, table.metric.name)
