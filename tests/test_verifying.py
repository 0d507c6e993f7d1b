"""A run that is repeated is the same to the bit, or what differs is named."""

import csv
import io
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from omegaconf import OmegaConf

from project.data import pairs
from project.train import execute, make_plan
from project.training.checkpoint import LAST, AtomicCheckpointIO
from project.verifying import Result, read_result, verify
from tests.conftest import serve, synthetic_digits
from tests.faults.conftest import serve_synthetic
from tests.faults.real_runs import composed
from tests.faults.small_runs import Ended, only_run, record, run, watched


@pytest.fixture
def stored(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """The directory of a completed run."""
    serve_synthetic(monkeypatch)
    assert run(tmp_path / "outputs").exit_code == 0
    return only_run(tmp_path / "outputs")


def verified(directory: Path) -> Ended:
    """What the user sees of `verify=directory`."""
    return watched(lambda: verify(directory, None, make_plan))


def lines_of(ended: Ended) -> list[str]:
    """The error message's lines, without what the repeated run has logged before it."""
    return ended.errors[ended.errors.index("error: ") :].splitlines()


def change_record(directory: Path, change: Callable[[dict[str, Any]], None]) -> None:
    changed = record(directory)
    change(changed)
    (directory / "run.json").write_text(json.dumps(changed))


def change_weight(directory: Path, name: str, index: int) -> tuple[float, float]:
    """Flip the last bit of one number of a stored tensor; returns its value now and before."""
    checkpoint = AtomicCheckpointIO().load_checkpoint(directory / LAST)
    numbers = checkpoint["state_dict"][name].view(-1)
    before = numbers[index].item()
    numbers.view(torch.int32)[index] ^= 1
    torch.save(checkpoint, directory / LAST)
    return numbers[index].item(), before


def test_a_run_that_is_repeated_has_the_same_bits(stored: Path, tmp_path: Path) -> None:
    before = {path: path.read_bytes() for path in stored.iterdir()}
    ended = verified(stored)
    assert ended.exit_code == 0
    checkpoint = AtomicCheckpointIO().load_checkpoint(stored / LAST)
    # Adadelta keeps two numbers for each weight, all weights as one vector, and its count of steps.
    tensors = len(checkpoint["state_dict"]) + 3
    assert ended.output == (
        f"{stored.parent.name}/seed=0: the same bits when repeated "
        f"({len(record(stored)['metrics'])} metrics, 2 epochs, {tensors} tensors)\n"
        "environment: the same\n"
    )
    assert {path: path.read_bytes() for path in stored.iterdir()} == before
    assert list((tmp_path / "outputs" / "runs").iterdir()) == [stored.parent]


def test_a_bit_of_a_weight_is_named(stored: Path) -> None:
    was, now = change_weight(stored, "net.linear2.weight", 5)
    ended = verified(stored)
    assert ended.exit_code == 1
    tensors = len(read_result(stored).tensors)
    assert lines_of(ended) == [
        f"error: {stored} is not the same when it is repeated:",
        f"  last.ckpt: state_dict.net.linear2.weight was {was} at 5, is {now} "
        f"(1 of 16 numbers differ); 1 of {tensors} tensors differ",
        "  environment: the same",
    ]


def test_the_first_epoch_and_value_of_the_history_that_differ_are_named(stored: Path) -> None:
    path = stored / "history.csv"
    rows = list(csv.reader(io.StringIO(path.read_text())))
    column = rows[0].index("train/loss")
    before, rows[2][column] = rows[2][column], "0.5"
    path.write_text("".join(",".join(row) + "\n" for row in rows))
    ended = verified(stored)
    assert ended.exit_code == 1
    assert lines_of(ended)[1:] == [
        f"  history.csv: epoch 2, train/loss was 0.5, is {before}",
        "  environment: the same",
    ]


@pytest.mark.parametrize(
    ("change", "difference"),
    [
        (lambda text: text[: text.index("\n2,") + 1], "epoch 2 was not there"),
        (lambda text: text + "3,1,1,1\n", "epoch 3 is missing"),
        (lambda text: text.replace("\n", "\r\n"), "its bytes differ, its values do not"),
        (lambda text: "", "epoch 1 was not there"),
    ],
)
def test_a_history_of_another_length_or_form_is_named(
    stored: Path, change: Callable[[str], str], difference: str
) -> None:
    path = stored / "history.csv"
    path.write_bytes(change(path.read_text()).encode())
    ended = verified(stored)
    assert ended.exit_code == 1
    assert lines_of(ended)[1] == f"  history.csv: {difference}"


def test_a_metric_is_named_with_both_values(stored: Path) -> None:
    before = record(stored)["metrics"]["test/error"]
    change_record(stored, lambda changed: changed["metrics"].update({"test/error": 0.125}))
    ended = verified(stored)
    assert ended.exit_code == 1
    assert lines_of(ended)[1] == f"  run.json: test/error was 0.125, is {before}"


def test_an_environment_that_differs_is_named_also_if_the_bits_do_not(stored: Path) -> None:
    now = record(stored)["provenance"]["versions"]["torch"]

    def age(changed: dict[str, Any]) -> None:
        changed["provenance"]["versions"]["torch"] = "1.0.0"
        changed["provenance"]["data"]["fetched_from"] = "elsewhere"

    change_record(stored, age)
    ended = verified(stored)
    assert ended.exit_code == 0
    difference = f"environment: versions.torch was 1.0.0, is {now}"
    assert ended.output.splitlines()[1:] == [difference]
    change_weight(stored, "net.linear2.bias", 0)
    assert lines_of(verified(stored))[2:] == [f"  {difference}"]


def test_a_run_on_other_digits_differs_in_everything(
    stored: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    digits = pairs.load_mnist(Path(), "auto")
    other = type(digits)(synthetic_digits(200, 3), digits.test, "mnist", digits.sha256)
    serve(monkeypatch, other)
    ended = verified(stored)
    assert ended.exit_code == 1
    kinds = [line.split(":")[0].strip() for line in lines_of(ended)[1:]]
    assert list(dict.fromkeys(kinds)) == ["run.json", "history.csv", "last.ckpt", "environment"]
    assert any(line.startswith("  run.json: train/loss was ") for line in lines_of(ended))


def test_a_configuration_of_before_there_were_such_keys_is_understood(stored: Path) -> None:
    path = stored / "config.yaml"
    values = yaml.safe_load(path.read_text())
    for key in ("seeds", "verify"):
        del values[key]
    del values["trainer"]["devices"]
    path.write_text(yaml.safe_dump(values))
    assert verified(stored).exit_code == 0


@pytest.mark.parametrize("place", ["nowhere", "outputs", "file"])
def test_what_is_no_run_directory_is_bad_input(stored: Path, tmp_path: Path, place: str) -> None:
    (tmp_path / "file").write_text("")
    ended = verified(tmp_path / place)
    assert ended.exit_code == 2
    assert ended.errors == (
        f"error: {tmp_path / place} is no run directory: there is no run.json in it\n"
    )


def test_a_run_of_the_disk_is_bad_input(stored: Path) -> None:
    path = stored / "config.yaml"
    values = yaml.safe_load(path.read_text())
    del values["model"]
    path.write_text(yaml.safe_dump(values))
    ended = verified(stored)
    assert (ended.exit_code, ended.errors) == (2, f"error: {stored} is no run of project.train\n")


def test_a_run_that_is_not_completed_is_bad_input(stored: Path) -> None:
    change_record(stored, lambda changed: changed.update(status="interrupted"))
    ended = verified(stored)
    assert ended.exit_code == 2
    assert ended.errors == (
        f"error: {stored} holds a run that is not completed but interrupted; the command that "
        "began it completes it\n"
    )


@pytest.mark.parametrize("name", ["run.json", "config.yaml", "history.csv", LAST])
@pytest.mark.parametrize("content", [b"\xff", b"{", None])
def test_a_damaged_or_missing_file_is_named_before_anything_is_repeated(
    stored: Path, monkeypatch: pytest.MonkeyPatch, name: str, content: bytes | None
) -> None:
    if (name, content) in [("run.json", None), ("history.csv", b"{")]:
        return  # no run directory; a history that differs
    (stored / name).unlink()
    if content is not None:
        (stored / name).write_bytes(content)
    monkeypatch.setattr("project.train.Plan.carry_out", None)
    ended = verified(stored)
    assert ended.exit_code == 3
    assert ended.errors.startswith(f"error: {stored / name} ")


def test_a_configuration_that_does_not_fit_its_record_is_damaged(stored: Path) -> None:
    path = stored / "config.yaml"
    path.write_text(path.read_text().replace("lr: 1.0", "lr: 0.5"))
    ended = verified(stored)
    assert ended.exit_code == 3
    assert f"error: {path} describes tiny-" in ended.errors
    assert f"but run.json is of arm {record(stored)['arm']}, seed 0" in ended.errors


def test_a_configuration_that_this_version_cannot_read_is_named(stored: Path) -> None:
    path = stored / "config.yaml"
    values = yaml.safe_load(path.read_text())
    path.write_text(yaml.safe_dump(values | {"invented": 1}))
    ended = verified(stored)
    assert ended.exit_code == 3
    assert f"error: {path} is not for this version of the code: unknown key" in ended.errors


def test_every_bit_counts() -> None:
    def result(*values: float) -> Result:
        return Result({}, "", {"weights": torch.tensor(values)}, {})

    from project.verifying import _differences

    assert list(_differences(result(0.0, torch.nan), result(0.0, torch.nan))) == []
    assert list(_differences(result(0.0), result(-0.0))) == [
        "last.ckpt: weights differs in the sign of a zero or the bits of a NaN; "
        "1 of 1 tensors differ"
    ]
    assert list(_differences(result(0.0), result(0.0, 1.0))) == [
        "last.ckpt: weights was torch.float32 (1,), is torch.float32 (2,); 1 of 1 tensors differ"
    ]


def command(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "project.train", *words],
        capture_output=True,
        text=True,
        timeout=240,
    )


def test_the_command_verifies_a_real_run(tmp_path: Path) -> None:
    execute(OmegaConf.create(composed(tmp_path)))
    done = command(f"verify={only_run(tmp_path)}")
    assert done.returncode == 0, done.stderr
    assert ": the same bits when repeated (" in done.stdout.splitlines()[0]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("verify=nowhere",), "nowhere is no run directory: there is no run.json in it"),
        (
            ("verify=nowhere", "model=resnet", "seed=1"),
            "verify repeats a run in the configuration that it had: leave out model=resnet seed=1",
        ),
        (("-m", "verify=nowhere"), "verify=nowhere: is for one run; leave out -m"),
    ],
)
def test_what_verify_cannot_do_is_said(words: tuple[str, ...], message: str) -> None:
    refused = command(*words)
    assert refused.returncode == 2
    assert refused.stderr == f"error: {message}\n"
