"""python -m project.runs: see, compare and keep runs.

    python -m project.runs list                         every variant: seeds, status, validation
    python -m project.runs list where='optimizer.lr>0.1 and model=ws_al*'   --json for machines
    python -m project.runs show RUN                     a run: result, command as typed, files
    python -m project.runs diff A B                     or compare: in what runs or variants differ
    python -m project.runs tag RUN... add=WORD          words of your own; remove=WORD
    python -m project.runs note RUN text='...'          a sentence of your own
    python -m project.runs prune --failed               what would go to the trash; --yes does it
    python -m project.runs du                           sizes

RUN is a directory, a name `<variant>/seed_<k>`, a variant, a glob, or `best`: the run of the best
validation value. Prune takes runs, where=, --failed or --old-code; with --checkpoints only their
checkpoints go. It spares what is at work and what the last report cites.
paths.outputs=FOLDER names another output folder. torch is never imported.
"""

import json
import statistics
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from rich.console import Console
from rich.table import Table

from project.cli import main as cli
from project.config.compose import expand_path
from project.config.errors import ConfigurationError, suggest
from project.results import listing
from project.results.best import find_best
from project.results.listing import size_text, variant_lines
from project.results.reading import read_runs
from project.results.records import Problem, RunRecord
from project.results.where import where
from project.runs.code import fingerprint
from project.runs.editing import edit_note, edit_tags
from project.runs.lifecycle import metric_text
from project.runs.prepare import deciding_targets
from project.runs.prune import prune_run
from project.runs.record import FAILED, INTERRUPTED, NoRunError


@dataclass(frozen=True)
class Request:
    """The words after a subcommand: names of runs, values of KEY=VALUE words by key, flags."""

    names: list[str]
    keys: dict[str, list[str]]
    flags: set[str]

    @property
    def outputs(self) -> Path:
        """The output folder."""
        return Path(expand_path(self.one("paths.outputs") or "outputs"))

    def one(self, key: str) -> str | None:
        """Return the value of a key, None if it is not typed; refuse a key typed twice."""
        values = self.keys.get(key, [])
        if len(values) > 1:
            raise ConfigurationError(f"{key}= is given twice; leave one out")
        return values[0] if values else None

    def select(self) -> tuple[list[RunRecord], list[Problem]]:
        """Return the runs that match the names and `where=`, and those that cannot be read.

        Raises:
            NoRunError: A name matches no run.
            ConfigurationError: `where=` is no valid condition.
        """
        found: dict[Path, RunRecord] = {}
        damaged: dict[Path, Problem] = {}
        for name in self.names or ["*"]:
            runs, problems = read_runs(self.outputs, [_pattern(name, self.outputs)])
            if self.names and not (runs or problems):
                known = sorted({each.variant for each in read_runs(self.outputs)[0]})
                raise NoRunError(f"{name}: there is no such run{suggest(name, known[:20])}")
            found |= {run.directory: run for run in runs}
            damaged |= {problem.directory: problem for problem in problems}
        if (text := self.one("where")) is not None:
            return where(text, list(found.values())), []
        return list(found.values()), list(damaged.values())


def _pattern(name: str, outputs: Path) -> str:
    """Return a name or path as a glob for `<variant>/seed_<k>` or `<variant>`."""
    if name == "best":
        return find_best(outputs)[0].name
    path, root = Path(expand_path(name)).resolve(), (outputs / "runs").resolve()
    return str(path.relative_to(root)) if path.exists() and path.is_relative_to(root) else name


def read_request(words: Sequence[str], keys: Sequence[str], flags: Sequence[str]) -> Request:
    """Sort words into names, keys and flags; raise ConfigurationError for unknown ones."""
    request = Request([], {}, set())
    for word in words:
        key, equals, value = word.partition("=")
        if word.startswith("--"):
            if word not in flags:
                raise ConfigurationError(f"unknown flag {word}{suggest(word, flags)}")
            request.flags.add(word)
        elif equals and key in (*keys, "paths.outputs"):
            request.keys.setdefault(key, []).append(value)
        elif equals and not Path(word).exists() and "/" not in key:
            raise ConfigurationError(f"unknown key '{key}'{suggest(key, keys)}")
        else:
            request.names.append(word)
    return request


def list_runs(request: Request) -> None:
    """Print a line for each variant, and on stderr one for each run that cannot be read."""
    runs, problems = request.select()
    lines = variant_lines(runs)
    if "--json" in request.flags:
        print(json.dumps(listing.as_json(lines, problems), indent=1))
        return
    table = Table(*listing.HEADINGS, box=None, pad_edge=False)
    for line in lines:
        table.add_row(*listing.cells(line))
    width = None if sys.stdout.isatty() else 200
    Console(highlight=False, markup=False, width=width).print(table)
    for problem in problems:
        print(f"damaged: {problem}", file=sys.stderr)
    completed = sum(line.n for line in lines)
    print(
        f"{len(lines)} variant{'s' * (len(lines) != 1)}, {completed} completed "
        f"run{'s' * (completed != 1)} in {request.outputs}"
    )


def show_run(request: Request) -> None:
    """Print what is known about one run, and its files; with --json, print the run records."""
    runs, problems = request.select()
    if "--json" in request.flags:
        print(json.dumps([run.record for run in runs], indent=1))
        return
    if len(runs) + len(problems) != 1:
        raise ConfigurationError(
            f"show takes one run, and {len(runs)} were chosen; name one as <variant>/seed_<k>"
        )
    for problem in problems:
        print(f"damaged: {problem}")
    for run in runs:
        print(run.name)
        for key, value in listing.run_facts(run):
            print(f"  {key}: {value}")
        for name, size in listing.files_of(run):
            print(f"  {name}  {size}")


def diff_runs(request: Request) -> None:
    """Print the differences between two runs or variants, and, without --json, their metrics."""
    if len(request.names) != 2:
        raise ConfigurationError("diff takes two runs or variants: project.runs diff A B")
    a, b = (replace(request, names=[name]).select()[0] for name in request.names)
    if not a or not b:
        raise NoRunError("one of the two holds no run that can be read")
    found = listing.differences(a, b)
    if "--json" in request.flags:
        print(json.dumps([vars(each) for each in found], indent=1))
        return
    for each in found:
        print(f"{each.kind} {each.key}: {each.a} -> {each.b}")
    if not found:
        print("configuration, code, environment and data are the same")
    for name in sorted({key for run in (*a, *b) for key in run.metrics}):
        print(f"result {name}: {_mean(a, name)} -> {_mean(b, name)}")


def _mean(runs: Sequence[RunRecord], name: str) -> str:
    values = [run.metrics[name] for run in runs if name in run.metrics]
    if not values:
        return "-"
    mean = metric_text(name.partition("/")[2], statistics.fmean(values))
    return mean if len(values) == 1 else f"mean {mean} over {len(values)} seeds"


def tag_runs(request: Request) -> None:
    """Add tags to the named runs, or remove tags; print the tags that each run has then."""
    add, remove = request.keys.get("add", []), request.keys.get("remove", [])
    if not request.names or not (add or remove):
        raise ConfigurationError("name runs, and a word: project.runs tag RUN... add=WORD")
    for run in request.select()[0]:
        tags = edit_tags(run.directory, add, remove)
        print(f"{run.name}: {', '.join(tags) or 'no tags'}")


def note_runs(request: Request) -> None:
    """Replace the note of the named runs; an empty text removes it."""
    text = request.one("text")
    if not request.names or text is None:
        raise ConfigurationError("name runs, and a text: project.runs note RUN... text='...'")
    for run in request.select()[0]:
        edit_note(run.directory, text)
        print(f"{run.name}: {'noted' if text else 'note removed'}")


def prune_runs(request: Request) -> None:
    """Move the selected runs, or with --checkpoints only their checkpoints, to the trash.

    Without --yes, only print which would be moved. Runs that a process works on or that the last
    report cites stay.
    """
    flags = request.flags
    if not (request.names or "where" in request.keys or flags & {"--failed", "--old-code"}):
        raise ConfigurationError(
            "say what to move to the trash: RUN..., where=CONDITION, --failed or --old-code (with "
            "--checkpoints only their checkpoints)"
        )
    runs = request.select()[0]
    if "--failed" in flags:
        runs = [run for run in runs if run.status in (FAILED, INTERRUPTED)]
    if "--old-code" in flags:
        runs = [run for run in runs if _is_of_old_code(run)]
    cited, dry = listing.cited_runs(request.outputs), "--yes" not in flags
    total = 0
    for run in runs:
        if run.name in cited:
            print(f"{run.name}: kept, because the last report cites it")
            continue
        size, reason = prune_run(run.directory, request.outputs, "--checkpoints" in flags, dry)
        total += size
        what = f"{'would be moved' if dry else 'moved'}, {size_text(size)}"
        print(f"{run.name}: {f'kept: {reason}' if reason else what}")
    went, hint = ("would go", "; --yes does it") if dry else ("went", "")
    print(f"{size_text(total)} {went} to {request.outputs / 'trash'}{hint}")


def _is_of_old_code(run: RunRecord) -> bool:
    is_train = run.record.get("command") == "train"
    return is_train and fingerprint(deciding_targets(run.config))["digest"] != run.code


def sizes(request: Request) -> None:
    """Print the size of each variant, the largest first, and the total."""
    lines = sorted(variant_lines(request.select()[0]), key=lambda line: -line.bytes)
    for line in lines:
        runs = line.n + sum(line.other.values())
        print(f"{size_text(line.bytes):>10}  {line.variant}  ({runs} runs)")
    print(f"{size_text(sum(line.bytes for line in lines)):>10}  in all")


# Each subcommand's function, and the keys and flags that it accepts.
SUBCOMMANDS: dict[str, tuple[Callable[[Request], None], tuple[str, ...], tuple[str, ...]]] = {
    "list": (list_runs, ("where",), ("--json",)),
    "show": (show_run, (), ("--json",)),
    "diff": (diff_runs, (), ("--json",)),
    "compare": (diff_runs, (), ("--json",)),
    "tag": (tag_runs, ("add", "remove", "where"), ()),
    "note": (note_runs, ("text", "where"), ()),
    "prune": (prune_runs, ("where",), ("--yes", "--failed", "--checkpoints", "--old-code")),
    "du": (sizes, ("where",), ()),
}


def run(words: Sequence[str]) -> None:
    """Carry out the words of a command line; raise ConfigurationError or as their function."""
    if not words or words[0] in ("-h", "--help"):
        print(__doc__)
        return
    name, *rest = words
    if name not in SUBCOMMANDS:
        raise ConfigurationError(f"unknown subcommand '{name}'{suggest(name, SUBCOMMANDS)}")
    function, keys, flags = SUBCOMMANDS[name]
    function(read_request(rest, keys, flags))


def main() -> None:
    """Run `python -m project.runs` with the arguments of this process."""
    cli.run_plain(lambda: run(sys.argv[1:]))


if __name__ == "__main__":
    main()
