"""Damaged files are named, never trusted, and cost what they held and no more."""

import os
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from project.runs.directory import COMPLETED
from project.train import make_plan
from project.training.checkpoint import LAST, PREVIOUS
from tests.faults.real_runs import composed, train
from tests.faults.small_runs import Result, leave_unfinished, only_run, run


@pytest.fixture
def unfinished(undisturbed: Result, tmp_path: Path) -> Path:
    """The directory of a run that has trained, but not said so."""
    directory = only_run(tmp_path / "undisturbed")
    leave_unfinished(directory)
    return directory


def outputs_of(directory: Path) -> Path:
    return directory.parents[2]


def contents(directory: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in directory.iterdir()}


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
    ended = run(outputs_of(unfinished))
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
        ended = run(outputs_of(unfinished))
        assert ended.exit_code == 3
        assert (
            f"error: no checkpoint in {unfinished} can be read; move that directory aside to begin "
            "the run again, or pass rerun=true\n"
        ) in ended.errors
        assert "Traceback" not in ended.errors
        assert {(unfinished / name).read_bytes() for name in (LAST, PREVIOUS)} == {b"damaged"}


def test_a_checkpoint_of_another_architecture_is_refused_by_its_path(
    undisturbed: Result, unfinished: Path, tmp_path: Path
) -> None:
    assert run(tmp_path / "other", model__channels=[5, 6]).exit_code == 0
    theirs = (only_run(tmp_path / "other") / LAST).read_bytes()
    (unfinished / LAST).unlink()
    (unfinished / LAST).write_bytes(theirs)
    ended = run(outputs_of(unfinished))
    assert ended.exit_code == 3
    assert f"error: {unfinished / LAST} does not fit this net: " in ended.errors
    assert "size mismatch for net.convolutions.conv1.weight" in ended.errors
    assert ended.errors.endswith("; pass rerun=true to begin again\n")
    assert "Traceback" not in ended.errors
    assert (unfinished / LAST).read_bytes() == theirs
    assert run(outputs_of(unfinished), rerun=True).exit_code == 0
    undisturbed.assert_same(Result.of(unfinished))


@pytest.mark.parametrize(
    "content", [b"", b"epoch,lr\n1,1.", b"\xff\xfe\x00", b"1,2,3\n4,5,6\n", None]
)
def test_a_damaged_history_is_written_anew_from_the_checkpoint(
    undisturbed: Result, unfinished: Path, content: bytes | None
) -> None:
    history = unfinished / "history.csv"
    if content is None:
        history.unlink()
    else:
        history.write_bytes(content)
    assert run(outputs_of(unfinished)).exit_code == 0
    undisturbed.assert_same(Result.of(unfinished))


@pytest.mark.parametrize("name", ["run.json", "config.yaml"])
@pytest.mark.parametrize("damage", ["empty", "truncated", "malicious"])
def test_a_damaged_record_or_configuration_is_named_and_rerun_is_the_way_out(
    undisturbed: Result, unfinished: Path, name: str, damage: str
) -> None:
    path = unfinished / name
    whole = path.read_bytes()
    path.write_bytes(
        {
            "empty": b"",
            "truncated": whole[: len(whole) // 2],
            "malicious": f"!!python/object/apply:os.mkdir [{unfinished / 'executed'}]\n".encode(),
        }[damage]
    )
    before = contents(unfinished)
    ended = run(outputs_of(unfinished))
    assert ended.exit_code == 3
    assert ended.errors.startswith(f"error: {path} ")
    assert ended.errors.endswith(
        "; move that directory aside, or pass rerun=true, to run it again\n"
    )
    assert contents(unfinished) == before
    assert run(outputs_of(unfinished), rerun=True).exit_code == 0
    undisturbed.assert_same(Result.of(unfinished))
    assert contents(unfinished.with_name("seed=0.before-1")) == before


def plant(outputs: Path, seed: int) -> Path:
    """The directory of the sweep's run, completed by another version of the code."""
    values = composed(outputs, f"seed={seed}")
    plan = make_plan(values)
    git = {"commit": "b712488" + 33 * "0", "dirty": False}
    sources = {"git": git, "data": vars(plan.data)}
    seconds = {"training": 1.0, "session": 2.0}
    facts = {"metrics": {"test/error": 0.25}, "parameters": 9, "seconds": seconds}
    with plan.directory.locked():
        plan.directory.begin(plan.values, sources, rerun=False)
        plan.directory.write(COMPLETED, sources, **facts)
    return plan.directory.path


def test_a_damaged_record_is_one_failed_row_of_a_sweep(tmp_path: Path) -> None:
    damaged, *_ = (plant(tmp_path, seed) for seed in (0, 1, 2))
    (damaged / "run.json").write_text("{")
    swept = train(tmp_path, "-m", "seed=range(3)")
    assert swept.returncode == 1, swept.stderr
    assert "0 done, 2 skipped, 1 failed" in swept.stdout
    assert f"{damaged / 'run.json'} is damaged (" in swept.stderr
    assert (
        "2 runs were made by another version of the code (b712488); they are kept and counted\n"
    ) in swept.stderr
    assert (damaged / "run.json").read_text() == "{"
