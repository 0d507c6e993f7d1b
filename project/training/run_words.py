"""The words on a command line that name a completed run or ask for the best one."""

import sys
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

from project.config.compose import expand_path
from project.config.errors import ConfigurationError
from project.results.best import find_best
from project.runs.record import NoRunError
from project.training.load_run import LoadedRun, load_run


@dataclass(frozen=True, eq=False)
class RunWords:
    """The words on a command line that concern the run, parsed."""

    run: Path | None  # the run directory; None for the best run under `outputs`
    outputs: Path
    data: str | None  # the data folder; None for the run's own
    trust_code: bool
    accept_code: bool
    others: list[str]  # the remaining words, in their order

    def open(self) -> LoadedRun:
        """Return the run; if it is the best one under `outputs`, print to stderr why it was chosen.

        Raises:
            Exception: As `load_run` and `find_best`.
        """
        if self.run is not None:
            return load_run(self.run, self.trust_code, self.accept_code)
        best, why = find_best(self.outputs)
        trained = load_run(best.directory, self.trust_code, self.accept_code)
        print(f"run={trained.directory}: {why}", file=sys.stderr)
        return trained


KEYS = ("run", "paths.outputs", "paths.data", "trust_code", "code")


def read_run_words(words: Sequence[str], own: Collection[str] | None = None) -> RunWords:
    """Separate the words that concern the run from the command's other words.

    Args:
        words: `best` as the first of the command's own words, or `run=DIRECTORY`, and those of
            `KEYS`.
        own: The keys or sections that the command's own words may set; None allows any words.

    Raises:
        NoRunError, ConfigurationError: Not one run is named, or a value or word is unknown.
    """
    values: dict[str, str] = {}
    others = []
    for word in words:
        key, equals, value = word.partition("=")
        if equals and key in KEYS:
            if key in values:
                raise NoRunError(f"{key}= is given twice; leave one out")
            values[key] = value
        else:
            others.append(word)
    best = others[:1] == ["best"]
    if best and "run" in values:
        raise NoRunError("run= and best are two choices; leave one out")
    if not best and "run" not in values:
        raise NoRunError(
            "name a run first: run=outputs/runs/<variant>/seed_<k>, or `best` for the one of the "
            "best validation metric"
        )
    for key, known in (("trust_code", ("true", "false")), ("code", ("accept",))):
        if key in values and values[key] not in known:
            raise ConfigurationError(f"{key}={values[key]}: must be {' or '.join(known)}")
    for word in others[best:]:
        if own is not None and word.partition("=")[0].partition(".")[0] not in own:
            raise ConfigurationError(f"unknown argument {word!r}; see --help")
    return RunWords(
        run=None if best else Path(expand_path(values["run"])),
        outputs=Path(expand_path(values.get("paths.outputs", "outputs"))),
        data=str(Path(expand_path(values["paths.data"]))) if "paths.data" in values else None,
        trust_code=values.get("trust_code") == "true",
        accept_code="code" in values,
        others=others[best:],
    )
