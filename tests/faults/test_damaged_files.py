"""Damaged files are named, never trusted, and cost what they held and no more."""

import os
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml

from project.training.checkpoint import LAST, PREVIOUS
from tests.faults.results import Result, contents, leave_unfinished, outputs_of
from tests.launchers.sweeps import sweep
from tests.small_runs import only_run, record, run_directories, run_small


@pytest.fixture
def unfinished(undisturbed: Result, finished_run: Path) -> Path:
    """The directory of a run that has trained, but not said so."""
    leave_unfinished(finished_run)
    return finished_run


class Malicious:
    """Unpickling it makes a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (str(self.folder),)


def flip_a_bit(path: Path) -> None:
    content = path.read_bytes()
    place = len(content) // 2
    path.write_bytes(content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :])


DAMAGES: list[Any] = [
    pytest.param(lambda path: path.write_bytes(b""), id="empty"),
    pytest.param(lambda path: path.write_bytes(path.read_bytes()[:-100]), id="truncated"),
    pytest.param(flip_a_bit, id="a bit flipped"),
    pytest.param(lambda path: torch.save([1, 2], path), id="no checkpoint"),
    pytest.param(
        lambda path: torch.save({"state_dict": Malicious(path.parent / "executed")}, path),
        id="malicious",
    ),
    pytest.param(
        lambda path: path.write_bytes(pickle.dumps(Malicious(path.parent / "executed"))),
        id="malicious and plain",
    ),
]


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_newest_checkpoint_costs_an_epoch_and_no_bit(
    undisturbed: Result, unfinished: Path, damage: Callable[[Path], None]
) -> None:
    path = unfinished / LAST
    damage(path)
    damaged = path.read_bytes()
    ended = run_small(outputs_of(unfinished))
    assert ended.exit_code == 0
    assert f"WARNING checkpoint {path} cannot be read (" in ended.errors
    assert f"INFO resuming from {unfinished / PREVIOUS}" in ended.errors
    undisturbed.assert_same(Result.of(unfinished))
    assert (unfinished / f"{LAST}.damaged").read_bytes() == damaged
    assert not (unfinished / "executed").exists()


def test_without_a_readable_checkpoint_nothing_is_thrown_away(unfinished: Path) -> None:
    for name in (LAST, PREVIOUS):
        (unfinished / name).unlink()
        (unfinished / name).write_bytes(b"damaged")
    for _ in range(2):
        ended = run_small(outputs_of(unfinished))
        assert ended.exit_code == 3
        assert (
            f"error: no checkpoint in {unfinished} can be read; move that directory aside to begin "
            "the run again, or pass rerun=true\n"
        ) in ended.errors
        assert "Traceback" not in ended.errors
        assert {(unfinished / name).read_bytes() for name in (LAST, PREVIOUS)} == {b"damaged"}


def test_a_checkpoint_of_another_net_is_refused_by_its_path(
    undisturbed: Result, unfinished: Path, tmp_path: Path
) -> None:
    assert run_small(tmp_path / "other", "model.channels=[5,6]").exit_code == 0
    theirs = (only_run(tmp_path / "other") / LAST).read_bytes()
    (unfinished / LAST).unlink()
    (unfinished / LAST).write_bytes(theirs)
    ended = run_small(outputs_of(unfinished))
    assert ended.exit_code == 3
    assert f"error: {unfinished / LAST} does not fit this net: " in ended.errors
    assert "size mismatch for net.convolutions.conv1.weight" in ended.errors
    assert ended.errors.endswith("; pass rerun=true to begin again\n")
    assert "Traceback" not in ended.errors
    assert (unfinished / LAST).read_bytes() == theirs
    assert run_small(outputs_of(unfinished), "rerun=true").exit_code == 0
    undisturbed.assert_same(Result.of(unfinished))


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("history.csv", b"epoch,lr\n1,1."),
        ("history.csv", b"\xff\xfe\x00"),
        ("history.csv", None),
        ("config.yaml", b"{"),
        ("config.yaml", None),
    ],
)
def test_a_damaged_history_or_configuration_is_written_anew(
    undisturbed: Result, unfinished: Path, name: str, content: bytes | None
) -> None:
    """History from the checkpoint, the configuration from what was typed."""
    path = unfinished / name
    path.unlink()
    if content is not None:
        path.write_bytes(content)
    assert run_small(outputs_of(unfinished)).exit_code == 0
    undisturbed.assert_same(Result.of(unfinished))
    stored = yaml.safe_load((unfinished / "config.yaml").read_text())
    assert stored == record(unfinished)["config"]


@pytest.mark.parametrize("damage", ["empty", "truncated", "another schema", "a key missing"])
def test_a_damaged_record_is_named_and_rerun_is_the_way_out(
    undisturbed: Result, unfinished: Path, damage: str
) -> None:
    path = unfinished / "run.json"
    whole = path.read_bytes()
    path.write_bytes(
        {
            "empty": b"",
            "truncated": whole[: len(whole) // 2],
            "another schema": whole.replace(b'"schema": 2', b'"schema": 1'),
            "a key missing": whole.replace(b'"variant"', b'"arm"'),
        }[damage]
    )
    before = contents(unfinished)
    ended = run_small(outputs_of(unfinished))
    assert ended.exit_code == 3
    assert ended.errors.startswith(f"error: {path} ")
    assert ended.errors.endswith(
        "; move that directory aside, or pass rerun=true, to run it again\n"
    )
    assert contents(unfinished) == before
    assert run_small(outputs_of(unfinished), "rerun=true").exit_code == 0
    undisturbed.assert_same(Result.of(unfinished))
    (aside,) = outputs_of(unfinished).glob("trash/*/seed_0.1")
    assert contents(aside) == before


def test_a_damaged_record_is_one_failed_row_of_a_sweep(tmp_path: Path) -> None:
    assert sweep(tmp_path, "seed=range(2)").exit_code == 0
    damaged, _ = run_directories(tmp_path)
    (damaged / "run.json").write_text("{")
    swept = sweep(tmp_path, "seed=range(2)")
    assert swept.exit_code == 1, swept.errors
    assert "0 done, 1 skipped, 1 failed; " in swept.output
    assert f"{damaged / 'run.json'} is damaged (" in swept.errors
    assert (damaged / "run.json").read_text() == "{"
