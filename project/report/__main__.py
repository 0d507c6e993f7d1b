"""python -m project.report: make an HTML page with a results table and figures from runs on disk.

    python -m project.report                             everything under outputs/
    python -m project.report last=true                   the sweep that was typed last
    python -m project.report study=epfl_table            the runs of one study
    python -m project.report runs='ws_al*' where='optimizer.lr>0.1' baseline=ws_al_bn_do

The command reads only run directories, writes outputs/report, and never imports torch.
"""

import gc
import re
import sys
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, ValidationError

from project.cli import main as cli
from project.config.errors import ConfigurationError, format_validation_error, suggest
from project.config.schema import OutputPaths, Section
from project.report.selection import PlannedVariant
from project.results.variants import Settings, identity_of

COMMANDS = ("train", "disk")  # the commands that a study may belong to


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


def execute(config: dict[str, Any], words: Sequence[str]) -> None:
    """Make the report that `config` describes, and print the path of its page.

    Args:
        config: The composed configuration.
        words: The overrides that were typed.

    Raises:
        ConfigurationError: The configuration is invalid, or as `plan` or `make_report`.
        MissingRunsError, ConflictError, CorruptRunError, OSError: As `make_report`.
    """
    from project.config.compose import options
    from project.report.build import Request, make_report

    try:
        checked = ReportConfig.model_validate(config)
    except ValidationError as error:
        raise format_validation_error(error, config) from None
    for word in words:
        # References are optional in conf/report.yaml, so Hydra ignores one that does not exist.
        if word.startswith("reference=") and checked.reference is None:
            known = suggest(word[10:], options("reference"))
            raise ConfigurationError(f"{word}: there is no such file in conf/reference{known}")
    reference = checked.reference or {}
    request = Request(
        outputs=Path(checked.paths.outputs),
        runs=checked.runs,
        where=checked.where,
        study=checked.study_name,
        planned=plan(checked.study_name) if checked.study_name is not None else [],
        last=checked.last,
        baseline=checked.baseline,
        metric=checked.metric,
        metrics=checked.metrics,
        columns=checked.columns,
        strict=checked.strict,
        mix_code=checked.code == "accept",
        sections=[*reference.get("sections", []), *checked.sections],
        reference=reference or None,
        compose_settings=compose_settings,
    )
    print(make_report(request))


@cache
def compose_settings(words: tuple[str, ...]) -> Settings | None:
    """Return the settings that overrides of project.train lead to; None if they do not compose."""
    from hydra.errors import HydraException

    from project.config.compose import compose

    try:
        return identity_of(compose("train", words))
    except (HydraException, ConfigurationError):
        return None


def plan(study: str) -> list[PlannedVariant]:
    """Return the variants that conf/study/<study>.yaml sweeps over.

    Raises:
        ConfigurationError: There is no such study, or it fits the keys of no command.
    """
    from hydra.errors import HydraException

    from project.config.compose import options, study_variants

    if study not in options("study"):
        known = suggest(study, options("study"))
        raise ConfigurationError(f"study={study}: there is no such study{known}")
    refusals = []
    for command in COMMANDS:
        # A study belongs to the command that knows its keys.
        try:
            found = study_variants(command, study)
            return [PlannedVariant(each.config, each.seeds, command) for each in found]
        except HydraException as error:
            refusals.append(f"{command}: {error}")
    raise ConfigurationError(f"study={study}: no command can compose it:\n" + "\n".join(refusals))


def main() -> None:
    """Run `python -m project.report`; a report cannot be swept (exit status 2)."""
    if not {"-m", "--multirun"}.isdisjoint(sys.argv):
        print("error: a report cannot be swept; leave out -m", file=sys.stderr)
        sys.exit(2)
    # Records live to the end, so looking for garbage among those of 10,000 runs is a waste of time.
    gc.disable()
    # Hydra would merge conf/study/NAME.yaml into the configuration; a report only reads it.
    sys.argv[1:] = [re.sub(r"^\+?study=", "study_name=", word) for word in sys.argv[1:]]
    cli.run(execute, None, "report")


if __name__ == "__main__":
    main()
