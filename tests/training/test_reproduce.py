"""A run that is repeated is the same to the bit, or what differs is named."""

import contextlib
import csv
import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from project.config.identity import identify
from project.data import mnist_pairs
from project.training import reproduce as module
from project.training.checkpoint import LAST, AtomicCheckpointIO
from project.training.reproduce import read_result
from tests.conftest import serve, synthetic_digits
from tests.small_runs import CommandEnd, record, type_command
from tests.training.runs import STRANGERS, classify_config, train
from tests.training.test_load_run import change_code, change_record


def verify(directory: Path) -> CommandEnd:
    """What a user sees of `verify=directory`, without the command line around it."""
    output = io.StringIO()
    try:
        with contextlib.redirect_stdout(output):
            module.reproduce(directory, [])
    except Exception as error:
        return CommandEnd(error.exit_code, output.getvalue(), f"error: {error}\n")  # type: ignore[attr-defined]
    return CommandEnd(0, output.getvalue(), "")


def error_lines(end: CommandEnd) -> list[str]:
    return end.errors.splitlines()


def change_weight(directory: Path, name: str, index: int) -> tuple[float, float]:
    """Flip the last bit of one number of a stored tensor; returns its value now and before."""
    checkpoint = AtomicCheckpointIO().load_checkpoint(directory / LAST)
    numbers = checkpoint["state_dict"][name].view(-1)
    before = numbers[index].item()
    numbers.view(torch.int32)[index] ^= 1
    torch.save(checkpoint, directory / LAST)
    return numbers[index].item(), before


def test_a_run_that_is_repeated_has_the_same_bits(finished_run: Path, tmp_path: Path) -> None:
    before = {path: path.read_bytes() for path in finished_run.iterdir()}
    end = type_command("project.train", f"verify={finished_run}")
    assert end.exit_code == 0
    tensors = len(read_result(finished_run).tensors)
    assert tensors > 3 * 8  # weights, and what Adadelta keeps of each
    assert end.output == (
        f"{record(finished_run)['name']}: the same bits when repeated "
        f"({len(record(finished_run)['metrics'])} metrics, 2 epochs, {tensors} tensors)\n"
        "environment: the same\n"
    )
    assert {path: path.read_bytes() for path in finished_run.iterdir()} == before
    assert list((tmp_path / "outputs" / "runs").iterdir()) == [finished_run.parent]


def test_a_strangers_run_is_repeated_with_the_callbacks_that_decide_it(tmp_path: Path) -> None:
    callbacks = {
        "ema": {"_target_": "project.training.ema.EMA", "decay": 0.7},
        "counting": {"_target_": f"{STRANGERS}.Counting"},
        "pictures": {"_target_": "project.tasks.pictures.PairPictures"},
    }
    assert verify(train(classify_config(tmp_path, callbacks=callbacks))).exit_code == 0


def test_a_bit_of_a_weight_is_named(finished_run: Path) -> None:
    was, now = change_weight(finished_run, "net.linear2.weight", 5)
    end = verify(finished_run)
    assert end.exit_code == 1
    tensors = len(read_result(finished_run).tensors)
    assert error_lines(end) == [
        f"error: repeating {finished_run} gave different results:",
        f"  last.ckpt: state_dict.net.linear2.weight was {was} at 5, is {now} "
        f"(1 of 16 numbers differ); 1 of {tensors} tensors differ",
        "  environment: the same",
    ]


@pytest.fixture
def repeated(finished_run: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The finished run, whose repetition is what is stored now: nothing is trained."""
    result = read_result(finished_run)
    monkeypatch.setattr(module, "_repeat", lambda *arguments: result)
    return finished_run


def test_the_first_epoch_and_value_of_the_history_that_differ_are_named(repeated: Path) -> None:
    path = repeated / "history.csv"
    rows = list(csv.reader(io.StringIO(path.read_text())))
    column = rows[0].index("train/loss")
    before, rows[2][column] = rows[2][column], "0.5"
    path.write_text("".join(",".join(row) + "\n" for row in rows))
    end = verify(repeated)
    assert end.exit_code == 1
    assert error_lines(end)[1:] == [
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
    repeated: Path, change: Callable[[str], str], difference: str
) -> None:
    path = repeated / "history.csv"
    path.write_bytes(change(path.read_text()).encode())
    end = verify(repeated)
    assert end.exit_code == 1
    assert error_lines(end)[1] == f"  history.csv: {difference}"


def test_a_metric_is_named_with_both_values(repeated: Path) -> None:
    metrics = record(repeated)["metrics"]
    change_record(repeated, metrics=metrics | {"test/error": 0.125})
    end = verify(repeated)
    assert end.exit_code == 1
    assert error_lines(end)[1] == f"  run.json: test/error was 0.125, is {metrics['test/error']}"


def change_tensor(directory: Path, change: Callable[[torch.Tensor], torch.Tensor]) -> None:
    checkpoint = AtomicCheckpointIO().load_checkpoint(directory / LAST)
    state = checkpoint["state_dict"]
    state["net.linear2.bias"] = change(state["net.linear2.bias"])
    torch.save(checkpoint, directory / LAST)


@pytest.mark.parametrize(
    ("stored", "now", "difference"),
    [
        ([0.0, 1.0], [-0.0, 1.0], "differs in the sign of a zero or the bits of a NaN"),
        ([0.0], [0.0, 1.0], "was torch.float32 (1,), is torch.float32 (2,)"),
        ([1.0, 2.0], [1.0, 3.0], "was 2.0 at 1, is 3.0 (1 of 2 numbers differ)"),
        ([float("nan")], [float("nan")], None),
    ],
)
def test_every_bit_of_a_tensor_counts(
    finished_run: Path,
    monkeypatch: pytest.MonkeyPatch,
    stored: list[float],
    now: list[float],
    difference: str | None,
) -> None:
    change_tensor(finished_run, lambda bias: torch.tensor(now))
    result = read_result(finished_run)
    monkeypatch.setattr(module, "_repeat", lambda *arguments: result)
    change_tensor(finished_run, lambda bias: torch.tensor(stored))
    end = verify(finished_run)
    assert end.exit_code == (0 if difference is None else 1)
    if difference is not None:
        assert error_lines(end)[1] == (
            f"  last.ckpt: state_dict.net.linear2.bias {difference}; 1 of {len(result.tensors)} "
            "tensors differ"
        )


def test_an_environment_that_differs_is_named_also_if_the_bits_do_not(repeated: Path) -> None:
    sources = record(repeated)["provenance"]
    now = sources["versions"]["torch"]
    sources["versions"]["torch"] = "1.0.0"
    sources["data"]["fetched_from"] = "elsewhere"
    change_record(repeated, provenance=sources)
    end = verify(repeated)
    assert end.exit_code == 0
    difference = f"environment: versions.torch was 1.0.0, is {now}"
    assert end.output.splitlines()[1:] == [difference]
    change_weight(repeated, "net.linear2.bias", 0)
    assert error_lines(verify(repeated))[2:] == [f"  {difference}"]


def test_other_code_is_said_and_the_bits_decide(repeated: Path) -> None:
    change_code(repeated)
    end = verify(repeated)
    assert end.exit_code == 0
    assert end.output.splitlines()[1].startswith("environment: code.digest was 000000")


def test_a_run_on_other_digits_differs_in_everything(
    finished_run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    digits = mnist_pairs.load_mnist(Path(), "auto")
    other = type(digits)(synthetic_digits(200, 3), digits.test, "mnist", digits.sha256)
    serve(monkeypatch, other)
    end = verify(finished_run)
    assert end.exit_code == 1
    kinds = [line.split(":")[0].strip() for line in error_lines(end)[1:]]
    assert list(dict.fromkeys(kinds)) == ["run.json", "history.csv", "last.ckpt", "environment"]
    assert any(line.startswith("  run.json: train/loss was ") for line in error_lines(end))


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("verify=nowhere",), "nowhere holds no completed run, for there is no run.json in it; "
                              "name one as outputs/runs/<variant>/seed_<k>"),
        (("verify=nowhere", "model=resnet", "seed=1"),
         "verify repeats a run in the configuration that it had: leave out model=resnet seed=1"),
        (("-m", "verify=nowhere"), "verify=nowhere: is for one run; leave out -m"),
    ],
)  # fmt: skip
def test_what_verify_cannot_do_is_said(words: tuple[str, ...], message: str) -> None:
    end = type_command("project.train", *words)
    assert (end.exit_code, end.errors) == (2, f"error: {message}\n")


@pytest.mark.parametrize("name", ["run.json", "history.csv", LAST])
@pytest.mark.parametrize("content", [b"\xff", b"{", None])
def test_a_damaged_or_missing_file_is_named_before_anything_is_repeated(
    finished_run: Path, monkeypatch: pytest.MonkeyPatch, name: str, content: bytes | None
) -> None:
    if (name, content) in [("run.json", None), ("history.csv", b"{")]:
        return  # no run directory; a history that differs
    (finished_run / name).unlink()
    if content is not None:
        (finished_run / name).write_bytes(content)
    monkeypatch.setattr(module, "_repeat", None)
    end = verify(finished_run)
    assert end.exit_code == 3
    assert end.errors.startswith(f"error: {finished_run / name} ")


def test_a_configuration_that_this_version_cannot_read_is_named(finished_run: Path) -> None:
    config = record(finished_run)["config"]
    change_record(finished_run, config=config | {"checkpoints": {"invented": 1}})
    end = verify(finished_run)
    assert end.exit_code == 3
    assert (
        f"error: {finished_run}: its configuration is not valid in this version of the code:"
        in end.errors
    )
    assert "unknown key 'checkpoints.invented'" in end.errors


@pytest.mark.parametrize(
    "callback",
    [
        {"_target_": "subprocess.Popen", "args": ["touch", "{proof}"]},
        {"_target_": "pytorch_lightning.callbacks.EarlyStopping",
         "monitor": {"_target_": "os.mkdir", "path": "{proof}"}},
    ],
)  # fmt: skip
def test_a_strangers_callbacks_are_not_built(
    finished_run: Path, tmp_path: Path, callback: dict[str, Any]
) -> None:
    """The record's name is made to fit."""
    proof = tmp_path / "proof"
    callbacks = json.loads(json.dumps({"own": callback}).replace("{proof}", str(proof)))
    config = record(finished_run)["config"] | {"callbacks": callbacks}
    run = identify(config)
    change_record(finished_run, config=config, name=run.name, variant=run.hash)
    end = verify(finished_run)
    assert end.exit_code == 4
    assert "if you trust it, pass trust_code=true" in end.errors
    assert not proof.exists()
