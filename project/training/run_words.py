"""The words by which commands name a completed run, or ask for the best one."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from project.config.compose import expand_path
from project.config.errors import ConfigurationError
from project.results.best import find_best
from project.runs.record import NoRunError
from project.training.load_run import LoadedRun, load_run


@dataclass(frozen=True, eq=False)
class RunWords:
    """What the words of a command say about its run.

    Attributes:
        run: Its directory; None for the best one under `outputs`.
        outputs: The output folder.
        data: The folder of the data; None for the run's own.
        trust_code: Whether to build whatever classes its configuration names.
        accept_code: Whether to use weights that other code has trained.
        others: The words that are the command's own.
    """

    run: Path | None
    outputs: Path
    data: str | None
    trust_code: bool
    accept_code: bool
    others: list[str]

    def open(self) -> tuple[LoadedRun, str | None]:
        """Open the run; returns it, and why `best` is this one."""
        if self.run is not None:
            return load_run(self.run, self.trust_code, self.accept_code), None
        best, why = find_best(self.outputs)
        return load_run(best.directory, self.trust_code, self.accept_code), why


KEYS = ("run", "paths.outputs", "paths.data", "trust_code", "code")


def read_run_words(words: Sequence[str]) -> RunWords:
    """Take what is said of the run out of a command's words.

    Args:
        words: `best` or `run=DIRECTORY`, perhaps `paths.outputs=`, `paths.data=`,
            `trust_code=true`, `code=accept`, and the command's own.

    Raises:
        NoRunError: No run is named, or twice.
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
    if best == ("run" in values):
        raise NoRunError(
            "run= and best are two choices; leave one out"
            if best
            else "name a run first: run=outputs/runs/<variant>/seed_<k>, or `best` for the one of "
            "the best validation metric"
        )
    for key, known in (("trust_code", ("true", "false")), ("code", ("accept",))):
        if key in values and values[key] not in known:
            raise ConfigurationError(f"{key}={values[key]}: must be {' or '.join(known)}")
    return RunWords(
        run=None if best else _expanded(values["run"]),
        outputs=_expanded(values.get("paths.outputs", "outputs")),
        data=str(_expanded(values["paths.data"])) if "paths.data" in values else None,
        trust_code=values.get("trust_code") == "true",
        accept_code="code" in values,
        others=others[best:],
    )


def _expanded(path: str) -> Path:
    return Path(expand_path(path))
