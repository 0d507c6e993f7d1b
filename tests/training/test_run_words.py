"""The words of a command name one run, or the best of one experiment."""

from pathlib import Path

import pytest

from project.config.errors import ConfigurationError
from project.runs.record import NoRunError
from project.training.run_words import read_run_words


def test_words_name_a_run_and_leave_the_rest() -> None:
    words = read_run_words(
        ["a=b.png", "run=x/seed_0", "paths.outputs=out", "c.png", "paths.data=d", "code=accept"]
    )
    assert (words.run, words.outputs, words.data) == (Path("x/seed_0"), Path("out"), "d")
    assert (words.trust_code, words.accept_code) == (False, True)
    assert words.others == ["a=b.png", "c.png"]
    best = read_run_words(["best", "best", "trust_code=true"])
    assert (best.run, best.outputs, best.data) == (None, Path("outputs"), None)
    assert (best.trust_code, best.accept_code) == (True, False)
    assert best.others == ["best"]


def test_a_tilde_is_the_home_directory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/somebody")
    words = read_run_words(["run=~/runs/x", "paths.outputs=~/out", "paths.data=$HOME/data"])
    assert words.run == Path("/somebody/runs/x")
    assert (words.outputs, words.data) == (Path("/somebody/out"), "/somebody/data")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["a.png", "best"], "name a run first: run="),
        (["best", "run=x"], "run= and best are two choices; leave one out"),
        (["run=a", "run=b"], "run= is given twice; leave one out"),
        (["best", "code=reject"], "code=reject: must be accept"),
        (["best", "trust_code=yes"], "trust_code=yes: must be true or false"),
    ],
)
def test_words_that_name_no_run_are_refused(words: list[str], message: str) -> None:
    with pytest.raises((NoRunError, ConfigurationError), match=message) as error:
        read_run_words(words)
    assert error.value.exit_code == 2


@pytest.mark.parametrize("word", ["a.png", "best", "dat=x", "model.data=x"])
def test_a_word_that_the_command_has_no_use_for_is_refused(word: str) -> None:
    message = f"unknown argument '{word}'; see --help"
    with pytest.raises(ConfigurationError, match=message):
        read_run_words(["best", "data.root=x", word], own=("data",))


def test_words_open_the_run_that_they_name(
    finished_run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    named = read_run_words([f"run={finished_run}"]).open()
    assert capsys.readouterr().err == ""
    best = read_run_words(["best", f"paths.outputs={tmp_path / 'outputs'}"]).open()
    assert named.directory == best.directory == finished_run
    said = capsys.readouterr().err
    assert said.startswith(f"run={finished_run}: ")
    assert said.endswith("of 1 completed run\n")
