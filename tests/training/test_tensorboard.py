"""What a run's event files hold, read by TensorBoard's own reader, also after it was resumed."""

import io
import itertools
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from tensorboard.backend.event_processing.plugin_event_accumulator import EventAccumulator
from tensorboard.plugins.hparams import metadata
from tensorboard.summary.writer import event_file_writer

from project.runs.tags import tag
from project.training import tensorboard
from project.training.tensorboard import RunTensorBoardLogger
from tests.dashboards.server import Curve, curves, dashboard, events_of, pictures
from tests.small_runs import only_run, record, run_small
from tests.training.runs import (
    EPOCHS,
    STRANGERS,
    Killed,
    classify_config,
    kill_at_each_checkpoint,
    own_config,
    train,
)
from tests.training.test_recorder import history

BATCHES = 3
TENSORBOARD = {"tensorboard": {"_target_": "project.training.tensorboard.RunTensorBoardLogger"}}
MONITOR = {
    "rates": {
        "_target_": "pytorch_lightning.callbacks.LearningRateMonitor",
        "logging_interval": "step",
    }
}
ON = (
    "logger.tensorboard._target_=project.training.tensorboard.RunTensorBoardLogger",
    "callbacks.pictures._target_=project.tasks.pictures.PairPictures",
)


@pytest.fixture(autouse=True)
def sessions_of_different_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    """TensorBoard reads a run's files in the order of their names, which begin with the second.

    A session that is a process of its own takes longer than that to start; these do not.
    """
    seconds = itertools.count(int(time.time()))
    monkeypatch.setattr(event_file_writer, "time", SimpleNamespace(time=seconds.__next__))


def without_clock(found: dict[str, Curve]) -> dict[str, Curve]:
    return {name: curve for name, curve in found.items() if not name.endswith("seconds_per_epoch")}


def test_every_number_of_the_history_and_of_the_test_is_a_point_at_its_step(
    tmp_path: Path,
) -> None:
    directory = train(classify_config(tmp_path, logger=TENSORBOARD))
    rows = history(directory)
    steps = [BATCHES * epoch - 1 for epoch in range(1, EPOCHS + 1)]
    expected: dict[str, Curve] = {
        tag(name): [
            (step, float(np.float32(row[name]))) for step, row in zip(steps, rows, strict=True)
        ]
        for name in rows[0]
        if "/" in name
    }
    metrics = record(directory)["metrics"]
    for name in ("test/error", "test/loss"):
        expected[tag(name)] = [(BATCHES * EPOCHS, float(np.float32(metrics[name])))]
    expected["training/learning_rate"] = [(step, float(np.float32(0.05))) for step in steps]
    expected["epoch"] = [*((step, k) for k, step in enumerate(steps)), (BATCHES * EPOCHS, 2)]
    found = curves(directory)
    for name in ("training/seconds_per_epoch", "training/gradient_norm"):
        curve = found.pop(name)
        assert [step for step, _ in curve] == steps
        assert all(0 < value < 1000 for _, value in curve), curve
    assert found == expected
    assert {"error/train", "error/val", "error/test"} < found.keys()


# Strangers' tasks whose loggers get other things at other times.
TASKS: dict[str, tuple[Callable[..., dict[str, Any]], dict[str, Any]]] = {
    "steps and epochs": (own_config, {"callbacks": MONITOR, "trainer": {"log_every_n_steps": 2}}),
    "two optimizers": (
        own_config,
        {
            "task": {"_target_": f"{STRANGERS}.TwoOptimizers"},
            "trainer": {"log_every_n_steps": 1},
        },
    ),
    "validation every other epoch": (own_config, {"trainer": {"check_val_every_n_epoch": 2}}),
    "accumulated gradients": (classify_config, {"trainer": {"accumulate_grad_batches": 2}}),
}


@pytest.mark.parametrize(
    "task",
    [
        pytest.param(name, marks=() if name == "steps and epochs" else pytest.mark.faults)
        for name in TASKS
    ],
)
@pytest.mark.parametrize("after", [True, False], ids=["after", "before"])
def test_a_run_that_dies_at_each_checkpoint_shows_every_epoch_once(
    task: str, after: bool, tmp_path: Path
) -> None:
    """Before a checkpoint the loggers have the validation; after it they lack the epoch."""
    make, changes = TASKS[task]
    whole = train(make(tmp_path / "whole", logger=TENSORBOARD, **changes))
    kill_at_each_checkpoint(make(tmp_path / "disturbed", logger=TENSORBOARD, **changes), after)
    disturbed = tmp_path / "disturbed" / whole.relative_to(tmp_path / "whole")
    assert len(list(disturbed.glob("events.out.tfevents.*"))) > EPOCHS
    assert without_clock(curves(disturbed)) == without_clock(curves(whole))
    times = curves(disturbed)["training/seconds_per_epoch"]
    assert [step for step, _ in times] == [BATCHES * epoch - 1 for epoch in (1, 2, 3)] or (
        task == "accumulated gradients" and [step for step, _ in times] == [1, 3, 5]
    )


def test_a_run_that_dies_when_all_is_written_but_the_record_shows_its_results_once(
    small_mnist: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Test results, card and pictures are written a second time."""
    assert run_small(tmp_path / "whole", *ON).exit_code == 0
    finish = RunTensorBoardLogger.finish

    def die(logger: RunTensorBoardLogger, *arguments: Any) -> None:
        finish(logger, *arguments)
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(RunTensorBoardLogger, "finish", die)
        with pytest.raises(Killed):
            run_small(tmp_path / "killed", *ON)
    assert run_small(tmp_path / "killed", *ON).exit_code == 0
    whole, killed = only_run(tmp_path / "whole"), only_run(tmp_path / "killed")
    assert without_clock(curves(killed)) == without_clock(curves(whole))
    assert pictures(killed) == pictures(whole)
    # As the page reads it; the reader for scripts purges no texts.
    (card,) = EventAccumulator(str(killed)).Reload().Tensors("card/text_summary")
    assert card.step == 4


@pytest.mark.faults
def test_the_page_gets_every_epoch_once(tmp_path: Path) -> None:
    """From both of TensorBoard's servers: the fast one purges by other rules than the library."""
    make, changes = TASKS["steps and epochs"]
    whole = without_clock(curves(train(make(tmp_path / "w", logger=TENSORBOARD, **changes))))
    for name, after in (("a", True), ("b", False)):
        kill_at_each_checkpoint(make(tmp_path / name, logger=TENSORBOARD, **changes), after)
    for fast in ("true", "false"):
        with dashboard(tmp_path, f"--load_fast={fast}") as page:
            for run in page.wait_for_runs(3):
                found = {
                    name: page.get("data/plugin/scalars/scalars", run=run, tag=name)
                    for name in whole
                }
                assert whole == {
                    name: [(step, value) for _, step, value in points]
                    for name, points in found.items()
                }, (run, fast)


def test_the_gradient_norm_is_that_of_the_epochs_last_step(tmp_path: Path) -> None:
    """With plain gradient descent a step is the gradient times the rate."""
    optimizer = {"_target_": "torch.optim.SGD", "lr": 0.5}
    changes = {"data": {"batch_size": 20}, "trainer": {"max_epochs": 2}, "optimizer": optimizer}
    directory = train(classify_config(tmp_path, logger=TENSORBOARD, **changes))
    states = [
        torch.load(directory / name, weights_only=True)["state_dict"]
        for name in ("previous.ckpt", "last.ckpt")
    ]
    moved = torch.cat([(states[1][name] - states[0][name]).flatten() for name in states[0]])
    _, (_, norm) = curves(directory)["training/gradient_norm"]
    assert norm == pytest.approx(float(moved.norm()) / 0.5, rel=1e-4)


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The directory of a small run with events and pictures."""
    from tests.conftest import serve, small_digits

    outputs = tmp_path_factory.mktemp("shown")
    with pytest.MonkeyPatch.context() as patch:
        serve(patch, small_digits())
        assert run_small(outputs, *ON, "seed=7").exit_code == 0
    return only_run(outputs)


def test_pictures_are_written_once_at_the_end(shown: Path) -> None:
    drawn = pictures(shown)
    assert list(drawn) == ["test/mistakes", "test/reliability", "weights/first_layer"]
    for (picture,) in drawn.values():
        assert min(Image.open(io.BytesIO(picture)).size) > 20


def test_pictures_and_events_change_no_bit(small_mnist: Path, shown: Path, tmp_path: Path) -> None:
    assert run_small(tmp_path, "seed=7").exit_code == 0
    plain = only_run(tmp_path)
    assert (plain.parent.name, plain.name) == (shown.parent.name, shown.name)
    for key in ("metrics", "weights_sha256"):
        assert record(plain)[key] == record(shown)[key]
    assert (plain / "history.csv").read_bytes() == (shown / "history.csv").read_bytes()


def test_a_run_says_its_settings_and_its_end_but_fixes_no_columns(shown: Path) -> None:
    """An experiment summary of one run would hide the columns of all others."""
    described = events_of(shown).summary_metadata
    told = sorted(name for name in described if name.startswith("_hparams_/"))
    assert told == [metadata.SESSION_END_INFO_TAG, metadata.SESSION_START_INFO_TAG]
    start = metadata.parse_session_start_info_plugin_data(
        described[metadata.SESSION_START_INFO_TAG].plugin_data.content
    )
    kinds = {name: value.WhichOneof("kind") for name, value in start.hparams.items()}
    values = {name: getattr(value, kinds[name]) for name, value in start.hparams.items()}
    assert start.group_name == ""
    expected = {
        "model": "basic",
        "seed": 7.0,
        "parameters": float(record(shown)["parameters"]),
        "data.train_pairs": 40.0,
        "data.normalise": True,
        "model.channels": "[4, 6]",
        "optimizer": "Adadelta",
        "optimizer.lr": 1.0,
        "task": "DigitPairs",
    }
    assert {name: values[name] for name in expected} == expected
    assert kinds["data.normalise"] == "bool_value"


def test_what_a_stranger_has_saved_as_hyperparameters_does_not_replace_them(
    tmp_path: Path,
) -> None:
    directory = train(own_config(tmp_path, logger=TENSORBOARD))
    described = events_of(directory).summary_metadata[metadata.SESSION_START_INFO_TAG]
    start = metadata.parse_session_start_info_plugin_data(described.plugin_data.content)
    assert start.hparams["model"].string_value == "own"
    assert "hidden" not in start.hparams


def test_the_card_says_result_and_settings(shown: Path) -> None:
    (event,) = events_of(shown).Tensors("card/text_summary")
    lines = event.tensor_proto.string_val[0].decode().splitlines()
    facts = record(shown)
    assert lines[0] == f"### {facts['name']}"
    error = [f"{facts['metrics'][f'{stage}/error']:.6g}" for stage in ("train", "val", "test")]
    assert f"| error | {' | '.join(error)} |" in lines
    assert "| `optimizer.lr` | 1 |" in lines
    assert f"| `parameters` | {facts['parameters']} |" in lines


def test_the_card_leaves_empty_what_was_not_measured() -> None:
    text = tensorboard.card(
        "basic-01234567/seed_0",
        {"model": "basic", "model.batch_norm": False},
        {"train/error": 0.125, "test/error": 1 / 3, "test/digit_error": 0.5},
    )
    assert text == (
        "### basic-01234567/seed_0\n"
        "\n"
        "| result | train | validation | test |\n"
        "|---|---|---|---|\n"
        "| digit error |  |  | 0.5 |\n"
        "| error | 0.125 |  | 0.333333 |\n"
        "\n"
        "#### configuration\n"
        "\n"
        "| key | value |\n"
        "|---|---|\n"
        "| `model` | basic |\n"
        "| `model.batch_norm` | False |"
    )
