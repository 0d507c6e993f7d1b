"""Names and links lead nowhere that they should not."""

import os
from pathlib import Path

import pytest

from project.training.checkpoint import LAST
from tests.faults.results import Result, leave_unfinished, outputs_of
from tests.small_runs import CommandEnd, only_run, run_small


def run_in(outputs: Path | str, *words: str) -> CommandEnd:
    """The small run in a folder of any name, as a shell would hand it over."""
    return run_small(Path(outputs), *words)


@pytest.mark.parametrize(
    "name",
    [
        "größer ≤ ☃ 数字",
        "a b'c {x} %s ~ =,;[1]",
        "-x",
        "deeply/" * 30 + "nested",
        pytest.param("two\nlines", marks=pytest.mark.faults),
        pytest.param(255 * "x", marks=pytest.mark.faults),
    ],
)
def test_an_output_folder_may_have_any_name(undisturbed: Result, tmp_path: Path, name: str) -> None:
    ended = run_in(tmp_path / name)
    assert ended.exit_code == 0, ended.errors
    undisturbed.assert_same(Result.of(only_run(tmp_path / name)))


def test_an_output_folder_may_be_named_from_where_one_stands(
    undisturbed: Result, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    assert run_in("../there").exit_code == 0
    undisturbed.assert_same(Result.of(only_run(tmp_path / "there")))
    assert list((tmp_path / "here").iterdir()) == []


def test_a_folder_name_that_is_too_long_is_an_error_of_disk(
    small_mnist: Path, tmp_path: Path
) -> None:
    ended = run_in(tmp_path / (300 * "x"))
    assert ended.exit_code == 3
    assert ended.errors.startswith(f"error: File name too long ({tmp_path}/xxx")
    assert "choose another paths.outputs" in ended.errors
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["../x", "/x", "ü", 300 * "x", "x/../../y", ".."])
def test_a_model_name_that_is_no_plain_word_is_refused_before_anything_is_written(
    small_mnist: Path, tmp_path: Path, name: str
) -> None:
    ended = run_small(tmp_path / "outputs", f"model.name='{name}'")
    assert ended.exit_code == 2
    assert ended.errors.startswith(f"error: model.name={name}: must begin with a letter or digit")
    assert list(tmp_path.iterdir()) == []


FILES = ["run.json", "config.yaml", "history.csv", "run.log", LAST, "previous.ckpt"]
BESIDE = [".seed_0.lock", ".seed_0.log"]
WRITTEN = ".run.json.PID.tmp"


@pytest.mark.parametrize(
    ("name", "is_there"),
    [(name, True) for name in [*FILES, *BESIDE, WRITTEN]]
    + [(name, False) for name in ("run.log", *BESIDE)],
)
def test_a_link_in_the_place_of_a_runs_file_is_refused_and_nothing_goes_through_it(
    finished_run: Path, tmp_path: Path, name: str, is_there: bool
) -> None:
    leave_unfinished(finished_run)
    name = name.replace("PID", str(os.getpid()))
    outside = tmp_path / "outside"
    place = (finished_run.parent if name in BESIDE else finished_run) / name
    if is_there:
        outside.write_text("theirs")
    place.unlink(missing_ok=True)
    place.symlink_to(outside)
    root = outputs_of(finished_run)
    ended = run_small(root)
    assert ended.exit_code == 4
    assert ended.errors == (
        f"error: {place} leads outside {root} through a symbolic link; remove the link\n"
    )
    assert outside.exists() == is_there
    assert not is_there or outside.read_text() == "theirs"


def test_without_the_link_the_run_goes_on(
    undisturbed: Result, finished_run: Path, tmp_path: Path
) -> None:
    leave_unfinished(finished_run)
    place = finished_run / "history.csv"
    place.unlink()
    place.symlink_to(tmp_path / "outside")
    assert run_small(outputs_of(finished_run)).exit_code == 4
    place.unlink()
    assert run_small(outputs_of(finished_run)).exit_code == 0
    undisturbed.assert_same(Result.of(finished_run))


@pytest.mark.parametrize("place", ["runs", "variant", "run"])
def test_a_run_is_refused_before_it_writes_through_a_link(
    finished_run: Path, tmp_path: Path, place: str
) -> None:
    """For sweeps see tests/launchers/test_grid.py."""
    outside = tmp_path / "outside"
    outside.mkdir()
    link = {"runs": finished_run.parents[1], "variant": finished_run.parent, "run": finished_run}[
        place
    ]
    link.rename(tmp_path / "moved")
    link.symlink_to(outside)
    ended = run_small(outputs_of(finished_run))
    assert ended.exit_code == 4
    assert "through a symbolic link" in ended.errors
    assert list(outside.iterdir()) == []


def test_the_output_folder_itself_may_be_a_link(undisturbed: Result, tmp_path: Path) -> None:
    (tmp_path / "big disk").mkdir()
    (tmp_path / "linked").symlink_to(tmp_path / "big disk")
    assert run_small(tmp_path / "linked").exit_code == 0
    undisturbed.assert_same(Result.of(only_run(tmp_path / "big disk")))
