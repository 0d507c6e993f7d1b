"""A checkpoint is whole or absent, runs no code, and damage is seen."""

import errno
import logging
import os
import pickle
from pathlib import Path
from typing import Any

import pytest
import torch

from project.config.errors import ConfigurationError
from project.runs import atomic
from project.training.checkpoint import (
    LAST,
    PREVIOUS,
    AtomicCheckpointIO,
    CheckpointError,
    newest_readable,
)


def checkpoint(number: int) -> dict[str, Any]:
    weights = torch.randn(30, 30, generator=torch.Generator().manual_seed(number))
    return {"state_dict": {"weight": weights}, "epoch": number, "rows": [{"val/error": 0.25}]}


def save(number: int, directory: Path) -> None:
    AtomicCheckpointIO().save_checkpoint(checkpoint(number), directory / LAST)


def epoch_of(path: Path | None) -> int:
    assert path is not None
    return AtomicCheckpointIO().load_checkpoint(path)["epoch"]


def test_what_is_saved_is_what_is_loaded(tmp_path: Path) -> None:
    save(3, tmp_path)
    loaded = AtomicCheckpointIO().load_checkpoint(tmp_path / LAST)
    expected = checkpoint(3)
    assert loaded.keys() == expected.keys()
    assert torch.equal(loaded["state_dict"]["weight"], expected["state_dict"]["weight"])
    assert (loaded["epoch"], loaded["rows"]) == (3, [{"val/error": 0.25}])


def test_saving_keeps_the_checkpoint_before(tmp_path: Path) -> None:
    for number in (1, 2, 3):
        save(number, tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == [LAST, PREVIOUS]
    assert (epoch_of(tmp_path / LAST), epoch_of(tmp_path / PREVIOUS)) == (3, 2)
    assert newest_readable(tmp_path) == tmp_path / LAST


def test_a_file_system_without_links_keeps_the_checkpoint_before_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(source: Path, target: Path) -> None:
        raise PermissionError(errno.EPERM, os.strerror(errno.EPERM), str(target))

    monkeypatch.setattr(os, "link", refuse)
    for number in (1, 2, 3):
        save(number, tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == [LAST, PREVIOUS]
    assert (epoch_of(tmp_path / LAST), epoch_of(tmp_path / PREVIOUS)) == (3, 2)


def test_a_full_disk_leaves_the_old_checkpoint(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    save(1, tmp_path)
    save(2, tmp_path)
    before = (tmp_path / LAST).read_bytes()

    def no_space(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(atomic.os, "fsync", no_space)
    with pytest.raises(OSError, match="No space left"):
        save(3, tmp_path)
    assert (tmp_path / LAST).read_bytes() == before
    assert sorted(path.name for path in tmp_path.iterdir()) == [LAST, PREVIOUS]
    assert epoch_of(newest_readable(tmp_path)) == 2


class Arbitrary:
    """Can be pickled, and not be read back without trust."""


@pytest.mark.parametrize(
    ("value", "reason"),
    [(Arbitrary(), "Weights only load failed"), (lambda: None, "pickle"), ({1: Path("x")}, "Weig")],
)
def test_what_could_not_be_read_back_without_trust_is_refused_and_leaves_both_checkpoints(
    tmp_path: Path, value: Any, reason: str
) -> None:
    save(1, tmp_path)
    save(2, tmp_path)
    with pytest.raises(ConfigurationError) as error:
        AtomicCheckpointIO().save_checkpoint(
            checkpoint(3) | {"callbacks": {"Own": {"value": value}}}, tmp_path / LAST
        )
    assert error.value.exit_code == 2
    assert str(error.value).startswith(
        "a callback or the task puts something other than tensors and plain values into the "
    )
    assert reason in str(error.value)
    assert (epoch_of(tmp_path / LAST), epoch_of(tmp_path / PREVIOUS)) == (2, 1)
    assert sorted(path.name for path in tmp_path.iterdir()) == [LAST, PREVIOUS]


def test_what_a_module_has_saved_as_hyperparameters_is_left_out(tmp_path: Path) -> None:
    added = {"hyper_parameters": {"net": Arbitrary()}, "datamodule_hyper_parameters": {"a": 1},
             "hparams_name": "kwargs", "datamodule_hparams_name": "kwargs"}  # fmt: skip
    AtomicCheckpointIO().save_checkpoint(checkpoint(3) | added, tmp_path / LAST)
    assert AtomicCheckpointIO().load_checkpoint(tmp_path / LAST).keys() == checkpoint(3).keys()


def test_what_reads_back_otherwise_does_not_take_the_place_of_the_old_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    save(1, tmp_path)
    read = Path.read_bytes

    def flip(path: Path) -> bytes:
        content = read(path)
        return content[:-1] + bytes([content[-1] ^ 1])

    monkeypatch.setattr(Path, "read_bytes", flip)
    with pytest.raises(OSError, match="what was read back is not what was written") as error:
        save(2, tmp_path)
    monkeypatch.undo()
    assert error.value.filename == str(tmp_path / LAST)
    assert epoch_of(newest_readable(tmp_path)) == 1


class Malicious:
    """Unpickling it makes a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (str(self.folder),)


@pytest.mark.parametrize("weights_only", [None, True, False])
def test_code_in_a_checkpoint_is_never_executed(tmp_path: Path, weights_only: bool | None) -> None:
    proof = tmp_path / "executed"
    torch.save({"state_dict": Malicious(proof)}, tmp_path / LAST)
    with pytest.raises(pickle.UnpicklingError, match="Weights only load failed"):
        AtomicCheckpointIO().load_checkpoint(tmp_path / LAST, weights_only=weights_only)
    (tmp_path / "plain.ckpt").write_bytes(pickle.dumps(Malicious(proof)))
    with pytest.raises(Exception, match="not a zip file"):
        AtomicCheckpointIO().load_checkpoint(tmp_path / "plain.ckpt", weights_only=weights_only)
    assert not proof.exists()
    torch.load(tmp_path / LAST, weights_only=False)
    assert proof.exists()  # it would have worked


def test_a_malicious_newest_checkpoint_is_passed_over(tmp_path: Path) -> None:
    save(1, tmp_path)
    save(2, tmp_path)
    torch.save({"state_dict": Malicious(tmp_path / "executed")}, tmp_path / LAST)
    assert epoch_of(newest_readable(tmp_path)) == 1
    assert not (tmp_path / "executed").exists()


def damage_truncated(content: bytes) -> bytes:
    return content[: len(content) // 2]


def damage_empty(content: bytes) -> bytes:
    return b""


def damage_other(content: bytes) -> bytes:
    return b"this is no checkpoint"


def damage_flipped(content: bytes) -> bytes:
    """One bit of one weight: torch.load alone would not notice."""
    weights = checkpoint(2)["state_dict"]["weight"].numpy().tobytes()
    place = content.index(weights) + 1000
    return content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :]


@pytest.mark.parametrize("damage", [damage_truncated, damage_empty, damage_other, damage_flipped])
def test_a_damaged_newest_checkpoint_is_reported_and_the_previous_one_used(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, damage: Any
) -> None:
    save(1, tmp_path)
    save(2, tmp_path)
    damaged = damage((tmp_path / LAST).read_bytes())
    (tmp_path / LAST).unlink()
    (tmp_path / LAST).write_bytes(damaged)
    with caplog.at_level(logging.WARNING):
        assert newest_readable(tmp_path) == tmp_path / PREVIOUS
    assert epoch_of(tmp_path / PREVIOUS) == 1
    (message,) = caplog.messages
    assert message.startswith(f"checkpoint {tmp_path / LAST} cannot be read (")


def test_a_damaged_checkpoint_never_takes_the_place_of_the_readable_one(tmp_path: Path) -> None:
    save(1, tmp_path)
    save(2, tmp_path)
    (tmp_path / LAST).unlink()
    (tmp_path / LAST).write_bytes(b"damaged")
    assert newest_readable(tmp_path) == tmp_path / PREVIOUS
    # The process dies while it saves the next one: the readable one must still be there.
    save(3, tmp_path)
    (tmp_path / LAST).unlink()
    assert epoch_of(newest_readable(tmp_path)) == 1
    assert (tmp_path / f"{LAST}.damaged").read_bytes() == b"damaged"


def test_without_any_readable_checkpoint_a_run_is_not_begun_again_in_silence(
    tmp_path: Path,
) -> None:
    for name in (LAST, PREVIOUS):
        (tmp_path / name).write_bytes(b"damaged")
    for _ in range(2):
        with pytest.raises(CheckpointError) as error:
            newest_readable(tmp_path)
        assert str(error.value) == (
            f"no checkpoint in {tmp_path} can be read; move that directory aside to begin the run "
            "again, or pass rerun=true"
        )
    assert error.value.exit_code == 3


def test_where_none_was_ever_written_there_is_none(tmp_path: Path) -> None:
    assert newest_readable(tmp_path) is None


def test_removing_an_absent_checkpoint_is_no_error(tmp_path: Path) -> None:
    save(1, tmp_path)
    for _ in range(2):
        AtomicCheckpointIO().remove_checkpoint(tmp_path / LAST)
    assert list(tmp_path.iterdir()) == []
