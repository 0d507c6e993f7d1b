"""Make a report, from reading the run directories to writing <outputs>/report."""

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator

from project.config.errors import ConfigurationError
from project.config.schema import OutputPaths, Section
from project.report import page, selection, tables
from project.report.caveats import caveats_of, left_out
from project.report.figures.style import styled
from project.report.folder import NAME, TENSORBOARD, new_report
from project.report.formatting import listed
from project.report.results_table import Table, headline, make_table
from project.report.sections import Context, load_sections, sections_of
from project.report.tensorboard import write_aggregates
from project.results.metrics import named_metric, own_metric
from project.results.reading import read_last_sweep, read_runs
from project.results.text import seed_list
from project.results.variants import Variant, group
from project.results.where import where
from project.runs.atomic import write_text


def _globs(value: Any) -> Any:
    """Return the globs of `runs=`: one, or several separated by commas, also in brackets."""
    if not isinstance(value, str):
        return value or []
    inner = value[1:-1] if value[:1] == "[" and value[-1:] == "]" and "," in value else value
    return [each.strip("'\" ") for each in inner.split(",")]


class ReportConfig(Section):
    """The schema of conf/report.yaml, which explains the keys, composed and resolved."""

    runs: Annotated[list[str], BeforeValidator(_globs)]
    where: str | None
    study_name: str | None
    last: bool
    metric: str | None
    metrics: list[str]
    baseline: str | None
    columns: list[str]
    strict: bool
    code: Literal["accept"] | None
    sections: list[str]
    reference: dict[str, Any] | None = None
    paths: OutputPaths

    @property
    def outputs(self) -> Path:
        """The output folder."""
        return Path(self.paths.outputs)

    @property
    def subject(self) -> str:
        """The title of the report, which names the chosen runs: `Report: study epfl_table`."""
        parts = [f"study {self.study_name}"] * bool(self.study_name)
        parts += ["the last sweep"] * self.last
        parts += [f"runs {', '.join(self.runs)}"] * bool(self.runs)
        parts += [f"where {self.where}"] * bool(self.where)
        return f"Report: {', '.join(parts) or 'all runs'}"


def make_report(config: ReportConfig) -> Path:
    """Write <outputs>/report, print its tables, and return the path of index.html.

    Raises:
        ConfigurationError: No completed run is chosen, or a key of the configuration is invalid or
            names something that is not there.
        ConflictError: Runs are missing and `strict` is set, another process writes the report, or
            its folder holds other files.
        CorruptRunError: A run is damaged, and `strict` is set or it cannot be left out.
        OSError: The report cannot be written.
    """
    experiments = _experiments(config)
    every = [each.table for each in experiments]
    notices = [each.notices for each in experiments]
    runs = tables.results_csv([row.variant for table in every for row in table.rows])
    with new_report(config.outputs) as folder:
        write_text(folder / "results.csv", runs)
        write_text(folder / "table.csv", tables.table_csv(every))
        write_text(folder / "table.md", tables.markdown(every, notices, config.columns))
        write_text(folder / "table.tex", tables.latex(every, config.columns))
        images = page.write_figures(experiments, folder / "figures")
        html = page.render(experiments, images, config.subject, config.columns)
        write_text(folder / "index.html", html)
        for table in every:
            own = [row.variant for row in table.rows]
            write_aggregates(own, folder / TENSORBOARD, table.metric.name)
    tables.terminal(every, notices, config.columns)
    for table in every:
        print(headline(table))
    return config.outputs / NAME / "index.html"


def _experiments(config: ReportConfig) -> list[page.Experiment]:
    reference = config.reference or {}
    functions = load_sections([*reference.get("sections", []), *config.sections])
    variants, gaps, said = _gather(config)
    everyone = [each for own in variants.values() for each in own]
    named = selection.find_baseline(everyone, config.baseline) if config.baseline else None
    every = [_table(title, own, config, named) for title, own in variants.items()]
    for table in every:
        tables.choose_columns(table, config.columns)  # an unknown one is refused before figures
    experiments = []
    with styled():
        for number, table in enumerate(every):
            context = Context(table, config.outputs, number, reference or None)
            notices = said * (number == 0) + caveats_of(table, gaps[table.title])
            experiments.append(page.Experiment(table, notices, sections_of(functions, context)))
    return experiments


def _gather(
    config: ReportConfig,
) -> tuple[dict[str, list[Variant]], dict[str, list[selection.Gap]], list[str]]:
    """Return the variants and the gaps of each table by title, and notices on runs left out."""
    planned = selection.plan(config.study_name) if config.study_name is not None else []
    runs, problems = read_runs(config.outputs, config.runs, histories=True)
    said, missing = [], []
    if config.last:
        sweep = read_last_sweep(config.outputs)
        if sweep is None:
            raise ConfigurationError(f"last=true: no sweep has been made in {config.outputs}")
        missing = sorted({*sweep} - {each.name for each in (*runs, *problems)})
        runs = [run for run in runs if run.name in sweep]
        problems = [each for each in problems if each.name in sweep]
    if config.where is not None:
        runs = where(config.where, runs)
    if config.study_name is not None:
        runs, foreign = selection.choose_planned(runs, planned)
        prefixes = tuple(f"{each.model}-" for each in planned)
        problems = [each for each in problems if each.name.startswith(prefixes)]
        said += [
            f"Left out: seeds {seed_list(foreign)}, which study {config.study_name} does not plan "
            "and not all of its variants have."
        ] * bool(foreign)
    if not any(run.metrics for run in runs):
        if problems:
            raise selection.refusal([], problems, config.outputs)
        raise _nothing(config, len(runs))
    every = group(runs, selection.default_settings, config.code == "accept")
    variants = selection.tables_of(every)
    gaps = {title: selection.find_gaps(own, planned) for title, own in variants.items()}
    gaps[next(iter(gaps))] += selection.find_absent(every, planned)
    found = [gap for own in gaps.values() for gap in own]
    if (found or problems or missing) and config.strict:
        raise selection.refusal(found, problems, config.outputs, config.study_name, missing)
    said += [f"Missing of the last sweep: {listed(missing)}."] * bool(missing)
    return variants, gaps, said + left_out(problems)


def _nothing(config: ReportConfig, begun: int) -> ConfigurationError:
    """Return the error for a request that chooses no completed run but `begun` other ones."""
    asked = f" of study {config.study_name}" if config.study_name else ""
    asked += " of the last sweep" * config.last
    asked += f" that match runs={','.join(config.runs)}" if config.runs else ""
    asked += f" where {config.where}" if config.where else ""
    hint = "make some with `python -m project.train`"
    if config.study_name is not None:
        hint = (
            "the study as it stands in conf/study is meant; runs with other settings on the "
            "command line are chosen with runs=GLOB or last=true"
        )
    elif config.runs:
        hint = "globs are held against names like ws_al-0123abcd/seed_0 and ws_al-0123abcd"
    place = f"{config.outputs / 'runs'}" + f" ({begun} were begun)" * (begun > 0)
    return ConfigurationError(f"no completed runs{asked} under {place}; {hint}")


def _table(
    title: str, variants: list[Variant], config: ReportConfig, named: Variant | None
) -> Table:
    completed = [run for each in variants for run in each.runs]
    runs = completed or [each.first for each in variants]
    metric = own_metric(runs) if config.metric is None else named_metric(config.metric, runs)
    others = (named_metric(name, runs) for name in config.metrics)
    return make_table(title, variants, metric, [o for o in others if o.name != metric.name], named)
