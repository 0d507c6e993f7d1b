"""The command line before Hydra reads it, and the line to type after an interruption."""

import shlex
import signal
from collections.abc import Iterator

import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser

from project.command import command_to_go_on, paths_quoted, report_and_exit, run_plain
from project.runs.directory import RefusedError


@pytest.fixture
def keep_signals() -> Iterator[None]:
    """Commands own their process; here they do not."""
    before = signal.getsignal(signal.SIGTERM)
    yield
    signal.signal(signal.SIGTERM, before)


PROGRAM = ("python", "-m", "project.train")


def go_on(*arguments: str) -> str:
    return command_to_go_on((*PROGRAM, *arguments), arguments)


def test_the_command_to_go_on_is_the_one_that_was_typed() -> None:
    line = go_on("model=resnet", "-m", "seed=range(10)", "paths.outputs=my runs")
    assert (
        line == "python -m project.train model=resnet -m 'seed=range(10)' 'paths.outputs=my runs'"
    )
    assert shlex.split(line) == [
        *PROGRAM,
        "model=resnet",
        "-m",
        "seed=range(10)",
        "paths.outputs=my runs",
    ]


def test_an_interrupted_rerun_goes_on_without_beginning_again() -> None:
    assert go_on("seed=1", "rerun=true") == "python -m project.train seed=1"


def test_an_interrupted_sweep_of_reruns_is_named_as_it_was() -> None:
    """Without rerun=true, those of its runs that had not begun would count as done."""
    line = "python -m project.train -m rerun=true seed=1,2"
    assert go_on("-m", "rerun=true", "seed=1,2") == line


@pytest.mark.parametrize(("words", "warned"), [(("rerun=true",), True), ((), False)])
def test_an_interrupted_sweep_of_reruns_says_that_it_would_begin_anew(
    words: tuple[str, ...], warned: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    assert report_and_exit(KeyboardInterrupt(), "train", ("-m", *words, "seed=1,2")) == 130
    assert ("rerun=true makes all of its runs anew" in capsys.readouterr().err) == warned


@pytest.mark.parametrize(
    "path",
    [
        "outputs",
        "/a/b-c_d.e",
        "outputs/runs/basic-0123abcd/seed=0",
        "*/seed=[0-4]",
        "ws_al optimizer.lr=0.1",
        "a b (1) [2] {3}; #4 & 5",
        "größer ≤ 数字",
        "it's",
        "two\nlines",
        "~/x",
    ],
)
def test_a_path_reaches_hydra_as_it_was_typed(path: str) -> None:
    for key in ("paths.outputs", "paths.data", "verify", "runs", "baseline"):
        (override,) = OverridesParser.create().parse_overrides(paths_quoted([f"{key}={path}"]))
        assert (override.key_or_group, override.value()) == (key, path)


@pytest.mark.parametrize(
    "argument",
    ["-m", "verify=null", "paths.outputs='a b'", 'paths.data="a=b"', "seed=range(3)", "x=a b"],
)
def test_other_words_stay_as_they_are(argument: str) -> None:
    assert paths_quoted([argument]) == [argument]


@pytest.mark.parametrize(
    ("error", "code", "message"),
    [
        (RefusedError("there is another"), 4, "error: there is another\n"),
        (OSError(28, "No space left", "a/b"), 3, "error: No space left (a/b); check the folder's"),
        (KeyboardInterrupt(), 130, "interrupted by SIGINT\nto go on: "),
    ],
)
def test_an_error_of_a_plain_command_is_a_message_and_an_exit_code(
    capsys: pytest.CaptureFixture[str],
    keep_signals: None,
    error: BaseException,
    code: int,
    message: str,
) -> None:
    def task() -> None:
        raise error

    with pytest.raises(SystemExit) as end:
        run_plain(task)
    assert end.value.code == code
    assert capsys.readouterr().err.startswith(message)


def test_a_bug_in_a_plain_command_keeps_its_traceback(keep_signals: None) -> None:
    with pytest.raises(ZeroDivisionError):
        run_plain(lambda: print(1 // 0))
