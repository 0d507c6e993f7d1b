"""The words of a command line reach Hydra as they were meant."""

from pathlib import Path
from typing import Any

import pytest

from project.cli.arguments import read_arguments, typed_override
from project.config.compose import parse_overrides
from project.config.errors import ConfigurationError


def read(*words: str, command: str = "train") -> list[str]:
    return read_arguments(words, command, sweeps=True).words


@pytest.mark.parametrize(
    "text",
    [
        "outputs",
        "/a/b-c_d.e",
        "outputs/runs/basic-0123abcd/seed_0",
        "*/seed_[0-4]",
        "optimizer.lr>0.1 and model=ws_al*",
        "a b (1) [2] {3}; #4 & 5",
        "größer ≤ 数字",
        "it's",
        "both ' and \"",
        "two\nlines",
        "~/x",
        "",
    ],
)
@pytest.mark.parametrize("key", ["paths.outputs", "paths.data", "verify", "where", "notes"])
def test_a_text_reaches_hydra_as_it_was_typed(key: str, text: str) -> None:
    (override,) = parse_overrides(read(f"{key}={text}"))
    assert (override.key_or_group, override.value()) == (key, text)


@pytest.mark.parametrize(
    "word",
    [
        "-m", "verify=null", "paths.outputs='a b'", 'paths.data="a=b"', "seed=range(3)", "x=a b",
        "model=ws_al", "~model", "hydra/launcher=ray", "--cfg", "model@other=x",
        "paths.outputs=a\\ b",
    ],
)  # fmt: skip
def test_other_words_stay_as_they_are(word: str) -> None:
    assert read(word) == [word]


@pytest.mark.parametrize(
    ("typed", "read_as"),
    [
        ("+study=epfl_table", "study=epfl_table"),
        ("optimizer.rho=0.5", "++optimizer.rho=0.5"),
        ("optimizer._target_=torch.optim.RMSprop", "++optimizer._target_=torch.optim.RMSprop"),
        ("trainer.precision=bf16-mixed", "++trainer.precision=bf16-mixed"),
        ("callbacks.ema.decay=0.9,0.99", "++callbacks.ema.decay=0.9,0.99"),
        ("data.root=a b", "++data.root='a b'"),
    ],
)
def test_a_key_of_a_class_can_be_typed_though_its_file_leaves_it_out(
    typed: str, read_as: str
) -> None:
    assert read(typed)[0] == read_as
    if not typed.startswith("+"):
        assert typed_override(read_as).partition("=")[0] == typed.partition("=")[0]


def test_a_study_that_sweeps_is_a_sweep_wherever_it_stands() -> None:
    for words in (["study=epfl_table"], ["+study=epfl_table", "seed=1"]):
        arguments = read_arguments(words, "train", sweeps=True)
        assert arguments.is_sweep
        assert arguments.words[-1] == "-m"
    assert read("study=epfl_table", "--multirun").count("-m") == 0
    assert not read_arguments(["study=epfl_table"], "report", sweeps=False).is_sweep
    assert not read_arguments(["model=ws_al"], "train", sweeps=True).is_sweep


def test_a_study_brings_its_sweeper_and_the_command_line_wins() -> None:
    assert "hydra/sweeper=optuna" in read("study=tune_sprint")
    assert "hydra/sweeper=optuna" not in read("study=tune_sprint", "hydra/sweeper=grid")


def test_a_study_that_sets_keys_alone_is_one_run(tmp_path: Path) -> None:
    (tmp_path / "study").mkdir()
    (tmp_path / "study" / "short.yaml").write_text(
        "# @package _global_\ntrainer: {max_epochs: 1}\n"
    )
    words = ["study=short", "--config-dir", str(tmp_path)]
    assert not read_arguments(words, "train", sweeps=True).is_sweep


def test_flags_and_their_values_are_no_overrides(tmp_path: Path) -> None:
    words = ["-m", "seed=1,2", "--config-dir", str(tmp_path), "-cn", "config", "word", "~x"]
    arguments = read_arguments(words, "train", sweeps=True)
    assert arguments.overrides[:3] == ["seed=1,2", "word", "~x"]
    assert arguments.config_dirs == [tmp_path]


@pytest.mark.parametrize("form", [["--config-dir", "{}"], ["--config-dir={}"], ["-cd", "{}"]])
def test_folders_of_ones_own_are_found_under_home(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, form: list[str]
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "conf").mkdir()
    arguments = read_arguments([each.format("~/conf") for each in form], "train", sweeps=True)
    assert arguments.config_dirs == [tmp_path / "conf"]
    assert not any("~" in word for word in arguments.words)


def test_a_root_of_ones_own_runs_as_ours_do(tmp_path: Path) -> None:
    """A stored config.yaml says nothing of Hydra, which would make folders named by the clock."""
    words = read("--config-dir", str(tmp_path), "--config-name", "config", "seed=3")
    assert {"hydra/launcher=local", "hydra/sweeper=grid", "hydra.run.dir=."} <= set(words)


@pytest.mark.parametrize(
    ("word", "instead"),
    [
        ("hydra.run.dir=x", "use paths.outputs=FOLDER"),
        ("++hydra.sweep.dir=x", "use paths.outputs=FOLDER"),
        ("hydra.sweep.subdir=x", "use paths.outputs=FOLDER"),
        ("hydra.output_subdir=x", "config.yaml lies in the run directory"),
        ("hydra.verbose=true", "run.log in the run directory"),
        ("hydra.job.chdir=true", "leave it out"),
        ("--config-path=x", "use --config-dir FOLDER"),
        ("-cp", "use --config-dir FOLDER"),
    ],
)
def test_what_would_do_nothing_is_refused(word: str, instead: str) -> None:
    with pytest.raises(ConfigurationError) as error:
        read(word)
    assert instead in str(error.value)


def test_a_folder_that_would_hide_our_files_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="there is no such folder"):
        read("--config-dir", str(tmp_path / "nowhere"))
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "basic.yaml").write_text("")
    with pytest.raises(ConfigurationError, match="has the same name as a file of the platform"):
        read("--config-dir", str(tmp_path))


def types_of(words: list[str]) -> list[Any]:
    return [type(override.value()) for override in parse_overrides(words)]


def test_quoting_keeps_what_is_no_text() -> None:
    assert types_of(read("verify=null", "seed=3", "rerun=true")) == [type(None), int, bool]
