"""Names and links lead nowhere that they should not."""

import os
from pathlib import Path

import pytest

from project.disk import DiskExperiment
from project.runs.directory import RefusedError
from project.train import TrainExperiment, make_plan
from project.training.checkpoint import LAST
from tests.faults.small_runs import Result, configuration, leave_unfinished, only_run, run


@pytest.mark.parametrize(
    "name",
    [
        "two\nlines",
        "größer ≤ ☃ 数字",
        "a b'c\"d $HOME {x} %s ~ =,;[1]",
        "-x",
        255 * "x",
        "deeply/" * 30 + "nested",
    ],
)
def test_an_output_folder_may_have_any_name(undisturbed: Result, tmp_path: Path, name: str) -> None:
    ended = run(tmp_path / name)
    assert ended.exit_code == 0, ended.errors
    undisturbed.assert_same(Result.of(only_run(tmp_path / name)))


def test_an_output_folder_may_be_named_from_where_one_stands(
    undisturbed: Result, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    assert run(Path("../there")).exit_code == 0
    undisturbed.assert_same(Result.of(only_run(tmp_path / "there")))
    assert list((tmp_path / "here").iterdir()) == []


def test_a_folder_name_that_is_too_long_is_an_error_of_disk(
    synthetic_mnist: None, tmp_path: Path
) -> None:
    ended = run(tmp_path / (300 * "x"))
    assert ended.exit_code == 3
    assert ended.errors.startswith(f"error: File name too long ({tmp_path}/xxx")
    assert "choose another paths.outputs" in ended.errors
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["../x", "/x", "x\ny", "ü", 300 * "x", "x/../../y", "..", "\0"])
def test_a_model_name_that_is_no_plain_word_is_refused_before_anything_is_written(
    synthetic_mnist: None, tmp_path: Path, name: str
) -> None:
    ended = run(tmp_path / "outputs", model__name=name)
    assert ended.exit_code == 2
    assert ended.errors.startswith(f"error: model.name={name}: must begin with a letter or digit")
    assert list(tmp_path.iterdir()) == []


FILES = ["run.json", "config.yaml", "history.csv", "run.log", LAST, "previous.ckpt"]
BESIDE = [".seed=0.lock", ".seed=0.log"]
WRITTEN = [f".run.json.{os.getpid()}.tmp"]


@pytest.mark.parametrize(
    ("name", "is_there"),
    [(name, True) for name in FILES + BESIDE + WRITTEN]
    + [(name, False) for name in ("run.log", *BESIDE)],
)
def test_a_link_in_the_place_of_a_runs_file_is_refused_and_nothing_goes_through_it(
    undisturbed: Result, tmp_path: Path, name: str, is_there: bool
) -> None:
    directory = only_run(tmp_path / "undisturbed")
    leave_unfinished(directory)
    outside = tmp_path / "outside"
    place = (directory.parent if name in BESIDE else directory) / name
    if is_there:
        outside.write_text("theirs")
    place.unlink(missing_ok=True)
    place.symlink_to(outside)
    ended = run(tmp_path / "undisturbed")
    assert ended.exit_code == 4
    root = tmp_path / "undisturbed"
    assert ended.errors == (
        f"error: {place} leads outside {root} through a symbolic link; remove the link\n"
    )
    assert outside.exists() == is_there
    assert not is_there or outside.read_text() == "theirs"
    place.unlink()
    if name in ("run.json", "config.yaml"):
        return  # the file itself is gone: that is another fault
    assert run(root).exit_code == 0
    undisturbed.assert_same(Result.of(directory))


@pytest.mark.parametrize("place", ["runs", "arm", "run"])
def test_a_sweep_is_refused_before_it_writes_through_a_link(
    synthetic_mnist: None, tmp_path: Path, place: str
) -> None:
    outputs, outside = tmp_path / "outputs", tmp_path / "outside"
    outside.mkdir()
    values = configuration(outputs)
    path = make_plan(values).directory.path
    link = {"runs": outputs / "runs", "arm": path.parent, "run": path}[place]
    link.parent.mkdir(parents=True)
    link.symlink_to(outside)
    # Before this the launcher creates nothing; after it the place of each job's log.
    with pytest.raises(RefusedError, match="through a symbolic link"):
        TrainExperiment().resolve(values)
    assert run(outputs).exit_code == 4
    assert list(outside.iterdir()) == []


def test_part_twos_sweep_is_refused_likewise(tmp_path: Path) -> None:
    from tests.test_disk import composed, plain

    (tmp_path / "outside").mkdir()
    (tmp_path / "outputs").mkdir()
    (tmp_path / "outputs" / "runs").symlink_to(tmp_path / "outside")
    with pytest.raises(RefusedError, match="through a symbolic link"):
        DiskExperiment().resolve(plain(composed(tmp_path / "outputs")))


def test_the_output_folder_itself_may_be_a_link(undisturbed: Result, tmp_path: Path) -> None:
    (tmp_path / "big disk").mkdir()
    (tmp_path / "outputs").symlink_to(tmp_path / "big disk")
    assert run(tmp_path / "outputs").exit_code == 0
    undisturbed.assert_same(Result.of(only_run(tmp_path / "big disk")))
