"""A run's directory: nothing overwritten, nothing mixed, nothing through a link."""

import os
from pathlib import Path
from typing import Any

import pytest
import yaml

from project.config.errors import ConflictError
from project.runs.directory import RunDirectory, move_to_trash, refuse_link_outside
from project.runs.lock import lock_path, log_path
from tests.runs.specs import make_spec


@pytest.fixture
def run(tmp_path: Path) -> RunDirectory:
    return make_spec(tmp_path / "outputs").directory


def begin(run: RunDirectory, config: dict[str, Any], rerun: bool = False) -> None:
    with run.locked():
        run.begin(config, rerun)


def test_nothing_is_created_before_the_lock_is_taken(run: RunDirectory, tmp_path: Path) -> None:
    run.refuse_links_outside()
    assert list(tmp_path.iterdir()) == []


def test_beginning_writes_the_configuration(run: RunDirectory) -> None:
    begin(run, {"seed": 3, "notes": "größer"})
    assert [path.name for path in run.path.iterdir()] == ["config.yaml"]
    assert yaml.safe_load((run.path / "config.yaml").read_text()) == {"seed": 3, "notes": "größer"}


def test_beginning_again_keeps_what_is_resumed_from_and_says_what_is_so_now(
    run: RunDirectory,
) -> None:
    begin(run, {"paths": {"outputs": "here"}})
    (run.path / "last.ckpt").write_bytes(b"weights")
    (run.path / ".last.ckpt.4711.tmp").write_bytes(b"half of the w")
    begin(run, {"paths": {"outputs": "there"}})
    assert sorted(path.name for path in run.path.iterdir()) == ["config.yaml", "last.ckpt"]
    assert (run.path / "last.ckpt").read_bytes() == b"weights"
    assert yaml.safe_load((run.path / "config.yaml").read_text())["paths"]["outputs"] == "there"


def test_a_rerun_moves_the_old_run_to_where_no_reader_looks(run: RunDirectory) -> None:
    for mark in (b"first", b"second"):
        begin(run, {})
        (run.path / "last.ckpt").write_bytes(mark)
        begin(run, {}, rerun=True)
        assert [path.name for path in run.path.iterdir()] == ["config.yaml"]
    trash = run.outputs / "trash" / run.run.variant
    assert [(trash / f"seed_3.{n}" / "last.ckpt").read_bytes() for n in (1, 2)] == [
        b"first", b"second",
    ]  # fmt: skip
    assert [path.name for path in run.path.parent.iterdir() if path.name[0] != "."] == ["seed_3"]


def test_a_rerun_of_what_never_ran_just_begins(run: RunDirectory) -> None:
    begin(run, {}, rerun=True)
    assert not (run.outputs / "trash").exists()


def test_what_is_moved_aside_twice_overwrites_nothing(run: RunDirectory) -> None:
    places = []
    for _ in range(3):
        begin(run, {})
        places.append(move_to_trash(run.path, run.outputs))
    assert len(set(places)) == 3
    assert all((place / "config.yaml").exists() for place in places)


@pytest.mark.parametrize("place", ["runs", "variant", "run"])
def test_a_link_that_leads_outside_the_outputs_is_refused(
    run: RunDirectory, tmp_path: Path, place: str
) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    link = {"runs": run.outputs / "runs", "variant": run.path.parent, "run": run.path}[place]
    link.parent.mkdir(parents=True)
    link.symlink_to(outside)
    with pytest.raises(ConflictError) as error, run.locked():
        pass
    assert str(error.value) == (
        f"{run.path} leads outside {run.outputs} through a symbolic link; remove the link"
    )
    assert list(outside.iterdir()) == []


FILES = [
    "run.json",
    "config.yaml",
    "history.csv",
    "run.log",
    "last.ckpt",
    ".run.json.PID.tmp",
]


@pytest.mark.parametrize("is_there", [True, False])
@pytest.mark.parametrize("name", [*FILES, "lock", "log"])
def test_a_link_in_the_place_of_a_runs_file_is_refused(
    run: RunDirectory, tmp_path: Path, name: str, is_there: bool
) -> None:
    begin(run, {})
    outside = tmp_path / "outside"
    if is_there:
        outside.write_text("theirs")
    beside = {"lock": lock_path(run.path), "log": log_path(run.path)}
    place = beside.get(name, run.path / name.replace("PID", str(os.getpid())))
    place.unlink(missing_ok=True)
    place.symlink_to(outside)
    with pytest.raises(ConflictError) as error, run.locked():
        pass
    assert str(error.value).startswith(f"{place} leads outside {run.outputs} through a symbolic")
    assert outside.exists() == is_there
    assert not is_there or outside.read_text() == "theirs"


def test_a_link_that_stays_inside_is_none_of_our_business(run: RunDirectory) -> None:
    begin(run, {})
    (run.outputs / "elsewhere").write_text("")
    (run.path / "history.csv").symlink_to(run.outputs / "elsewhere")
    begin(run, {})
    refuse_link_outside(run.path / "history.csv", run.outputs)


def test_the_output_folder_itself_may_be_a_link(tmp_path: Path) -> None:
    (tmp_path / "disk").mkdir()
    (tmp_path / "outputs").symlink_to(tmp_path / "disk")
    run = make_spec(tmp_path / "outputs").directory
    begin(run, {})
    assert (tmp_path / "disk" / "runs" / run.run.name / "config.yaml").is_file()
