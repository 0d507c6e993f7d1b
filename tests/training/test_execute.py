"""A run trains, is tested once and leaves its files; no accessory fails it."""

import logging
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from pytorch_lightning import LightningModule, Trainer
from pytorch_lightning.callbacks import Callback
from pytorch_lightning.loggers import Logger
from torch import nn

from project.config.errors import ConfigurationError, ConflictError
from project.models import Basic, Prediction
from project.runs.lifecycle import DivergedError
from project.runs.prepare import prepare_run
from project.training.checkpoint import LAST, PREVIOUS
from project.training.components import build_components
from project.training.dry_run import dry_run_variants
from project.training.facts import check_converged
from tests.small_runs import only_run, record, run_small, type_command
from tests.training import strangers
from tests.training.runs import (
    EPOCHS,
    STRANGERS,
    checkpoint,
    classify_config,
    own_config,
    plain,
    train,
)
from tests.training.test_recorder import history

HERE = "tests.training.test_execute"
TENSORBOARD = "logger.tensorboard._target_=project.training.tensorboard.RunTensorBoardLogger"
PICTURES = "callbacks.pictures._target_=project.tasks.pictures.PairPictures"


def test_a_run_leaves_its_files_and_nothing_else(tmp_path: Path) -> None:
    directory = train(classify_config(tmp_path))
    # The repository's own changes are not the run's.
    assert sorted({path.name for path in directory.iterdir()} - {"code.diff"}) == [
        "config.yaml", "history.csv", LAST, PREVIOUS, "run.json", "run.log",
    ]  # fmt: skip
    facts = record(directory)
    assert (facts["status"], facts["epochs"], facts["stopped_early"]) == (
        "completed",
        EPOCHS,
        False,
    )
    quantities = {f"{stage}/{name}" for stage in ("train", "val", "test")
                  for name in ("error", "loss")}  # fmt: skip
    assert facts["metrics"].keys() == quantities
    last = history(directory)[-1]
    for name, value in facts["metrics"].items():
        if not name.startswith("test/"):
            assert value == float(last[name])
    provenance = facts["provenance"]
    assert provenance["device"] == "cpu"
    assert provenance["machine"]["cpu_capability"] == torch.backends.cpu.get_cpu_capability()
    assert len(facts["weights_sha256"]) == 64


def test_a_run_learns(tmp_path: Path) -> None:
    directory = train(classify_config(tmp_path, trainer={"max_epochs": 12}))
    errors = [float(row["train/error"]) for row in history(directory)]
    assert errors[0] > 0.2
    assert errors[-1] < 0.1
    assert record(directory)["metrics"]["test/error"] < 0.2


def test_a_step_is_that_of_a_plain_loop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One epoch of one batch, done once more from the initial weights."""
    batches: list[Any] = []
    step = strangers.Classify.training_step

    def keep(self: Any, batch: Any, batch_idx: int) -> torch.Tensor:
        batches.append(batch)
        return step(self, batch, batch_idx)

    monkeypatch.setattr(strangers.Classify, "training_step", keep)
    config = classify_config(
        tmp_path,
        data={"batch_size": 20},
        trainer={"max_epochs": 1},
        optimizer={"_target_": "torch.optim.SGD", "lr": 0.5},
    )
    trained = checkpoint(train(config))["state_dict"]
    net: Any = build_components(config).net
    ((points, labels),) = batches
    nn.functional.cross_entropy(net(points), labels).backward()
    for name, parameter in net.named_parameters():
        expected = parameter - 0.5 * parameter.grad
        assert torch.allclose(trained[f"net.{name}"], expected, rtol=0, atol=1e-6), name


def test_the_test_set_is_used_once_and_after_training(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[str] = []
    for stage in ("training", "validation", "test"):
        step = getattr(strangers.Classify, f"{stage}_step")

        def spy(self: Any, batch: Any, index: int, step: Any = step, stage: str = stage) -> Any:
            seen.append(stage)
            return step(self, batch, index)

        monkeypatch.setattr(strangers.Classify, f"{stage}_step", spy)
    train(classify_config(tmp_path))
    epoch = 3 * ["training"] + 3 * ["validation"]
    assert seen == EPOCHS * epoch + 3 * ["test"]


def test_training_without_validation_is_the_same_training(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = train(classify_config(tmp_path / "with"))
    monkeypatch.setattr(strangers.Points, "val_dataloader", lambda self: [])
    without = train(classify_config(tmp_path / "without"))
    metrics = {name: value for name, value in record(whole)["metrics"].items()
               if not name.startswith("val/")}  # fmt: skip
    assert record(without)["metrics"] == metrics
    assert plain(checkpoint(without)["state_dict"]) == plain(checkpoint(whole)["state_dict"])


class TurnsNaN(Basic):
    """Answers NaN from its fifth training batch on."""

    def __init__(self, channels: list[int], hidden: int) -> None:
        super().__init__(channels, hidden)
        self.batches = 0

    def forward(self, pairs: torch.Tensor) -> Prediction:
        prediction = super().forward(pairs)
        self.batches += self.training
        return Prediction(prediction.comparison * (float("nan") if self.batches >= 4 else 1))


@pytest.mark.parametrize("accessories", [(), (TENSORBOARD, PICTURES)], ids=["bare", "accessories"])
def test_a_loss_that_is_no_number_stops_the_run_at_its_epoch_and_step(
    small_mnist: Path, tmp_path: Path, accessories: tuple[str, ...]
) -> None:
    """Of the small run's two batches an epoch, the dry run has one."""
    words = (f"model._target_={HERE}.TurnsNaN", "model.channels=[4,6]", "model.hidden=8")
    end = run_small(tmp_path, *words, *accessories)
    assert end.exit_code == 1
    assert end.errors.splitlines()[-1] == (
        "error: the loss became nan in epoch 2, step 4; a smaller optimizer.lr usually helps"
    )
    facts = record(only_run(tmp_path))
    assert (facts["status"], facts["diverged"]) == ("failed", True)
    assert facts["error"].startswith("DivergedError: the loss became nan in epoch 2, step 4;")
    assert len(history(only_run(tmp_path))) == 1


def test_what_the_last_step_has_done_is_seen_too(small_mnist: Path, tmp_path: Path) -> None:
    words = ("optimizer=sgd", "optimizer.lr=1e30", "trainer.max_epochs=1", "data.batch_size=40")
    end = run_small(tmp_path, *words)
    assert end.exit_code == 1
    assert "error: after epoch 1 val/loss is nan; a smaller" in end.errors
    assert record(only_run(tmp_path))["diverged"] is True


class FailingLogger(Logger):
    """Every call of it is an error."""

    def __init__(self, save_dir: str) -> None:
        super().__init__()

    @property
    def name(self) -> str:
        return "failing"

    @property
    def version(self) -> str:
        return "0"

    def _fail(self, *arguments: Any, **named: Any) -> None:
        raise RuntimeError("the logger is broken")

    log_metrics = log_hyperparams = log_graph = save = finalize = _fail  # type: ignore[assignment]


def test_a_failing_logger_is_a_warning_in_the_log_and_changes_no_bit(tmp_path: Path) -> None:
    quiet = train(classify_config(tmp_path / "quiet"))
    failing = {"failing": {"_target_": f"{HERE}.FailingLogger"}}
    loud = train(classify_config(tmp_path / "loud", logger=failing))
    log = (loud / "run.log").read_text()
    for method in ("log_hyperparams", "log_metrics", "finalize"):
        assert f"WARNING logger FailingLogger: {method} failed\n" in log
    assert "RuntimeError: the logger is broken" in log
    assert record(loud)["metrics"] == record(quiet)["metrics"]
    assert record(loud)["weights_sha256"] == record(quiet)["weights_sha256"]


@pytest.mark.parametrize(
    ("place", "warning"),
    [
        ("project.tasks.pictures.draw_mistakes", "the pictures of the test could not be drawn"),
        ("project.training.tensorboard.card", "logger RunTensorBoardLogger: finish failed"),
    ],
)
def test_a_failing_picture_or_card_is_a_warning_in_the_log(
    small_mnist: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: str, warning: str
) -> None:
    def fail(*arguments: Any) -> None:
        raise ValueError("cannot convert float NaN to integer")

    monkeypatch.setattr(place, fail)
    assert run_small(tmp_path, TENSORBOARD, PICTURES).exit_code == 0
    log = (only_run(tmp_path) / "run.log").read_text()
    assert f"WARNING {warning}\n" in log
    assert "ValueError: cannot convert float NaN to integer" in log


def test_pictures_of_answers_that_are_none_are_a_warning(tmp_path: Path) -> None:
    pictures = {"pictures": {"_target_": "project.tasks.pictures.PairPictures"}}
    directory = train(classify_config(tmp_path, callbacks=pictures))
    assert record(directory)["status"] == "completed"
    assert "the pictures of the test could not be drawn" in (directory / "run.log").read_text()


class Answers(strangers.Classify):
    """Says what it has predicted."""

    def test_step(self, batch: Any, batch_idx: int) -> dict[str, torch.Tensor]:  # type: ignore[override]
        super().test_step(batch, batch_idx)
        return {"prediction": self.net(batch[0]).argmax(1), "target": batch[1]}


def test_what_was_predicted_is_kept(tmp_path: Path) -> None:
    config = classify_config(tmp_path)
    config["task"] |= {"_target_": f"{HERE}.Answers"}
    directory = train(config)
    with np.load(directory / "predictions.npz") as kept:
        assert kept["prediction"].shape == kept["target"].shape == (20,)
        wrong = float((kept["prediction"] != kept["target"]).mean())
    assert wrong == pytest.approx(record(directory)["metrics"]["test/error"])


class Unlogged(strangers.Classify):
    """Logs nothing in the test."""

    def test_step(self, batch: Any, batch_idx: int) -> None:
        pass


def test_a_task_that_logs_not_what_it_is_judged_by_fails_in_one_line(tmp_path: Path) -> None:
    config = classify_config(tmp_path)
    config["task"] |= {"_target_": f"{HERE}.Unlogged"}
    with pytest.raises(
        ConfigurationError,
        match=r"^metric\.name=error: there is no test/error; task=classify logs ",
    ):
        train(config)


def test_callbacks_are_in_the_test_as_training_has_left_them(tmp_path: Path) -> None:
    counting = {"counting": {"_target_": f"{STRANGERS}.Counting"}}
    metrics = record(train(classify_config(tmp_path, callbacks=counting)))["metrics"]
    assert (metrics["train/batches"], metrics["test/batches"]) == (9.0, 9.0)


class Fails(Callback):
    """Raises an error of Lightning's."""

    def on_fit_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        from pytorch_lightning.utilities.exceptions import MisconfigurationException

        raise MisconfigurationException("two things do not go together")


def test_what_lightning_calls_a_misconfiguration_is_bad_input(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"^two things do not go together$"):
        train(classify_config(tmp_path, callbacks={"fails": {"_target_": f"{HERE}.Fails"}}))


class FilePoints(strangers.Points):
    """Says which files its data come from."""

    def __init__(self, file: str) -> None:
        super().__init__()
        self.files = [file]


def test_a_variant_is_not_extended_with_other_data_files(tmp_path: Path) -> None:
    file = tmp_path / "data.csv"
    file.write_text("1,2,3\n")
    data = {"_target_": f"{HERE}.FilePoints", "file": str(file)}
    first = record(train(classify_config(tmp_path, data=data)))
    second = record(train(classify_config(tmp_path, seed=1, data=data)))
    sources = [facts["provenance"]["data"]["source"] for facts in (first, second)]
    assert sources[0] == sources[1]
    assert len(sources[0]) == 64
    file.write_text("1,2,4\n")
    with pytest.raises(ConflictError) as error:
        train(classify_config(tmp_path, seed=2, data=data))
    assert error.value.exit_code == 4
    assert "seed_0 was made with other data files (SHA-256 " in str(error.value)
    assert "rerun=true" in str(error.value)
    (third,) = tmp_path.glob("runs/*/seed_2")
    assert record(third)["status"] == "failed"
    assert not (third / LAST).exists()


def test_other_data_files_are_refused_before_anything_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "data.csv"
    file.write_text("1,2,3\n")
    data = {"_target_": f"{HERE}.FilePoints", "file": str(file)}
    train(classify_config(tmp_path, data=data))
    file.write_text("1,2,4\n")
    with pytest.raises(ConflictError, match="was made with other data files"):
        dry_run_variants([prepare_run(classify_config(tmp_path, seed=1, data=data))], here=True)
    assert not list(tmp_path.glob("runs/*/seed_1"))


def test_the_reports_task_trains_to_the_same_bits_when_it_is_typed_twice(
    small_mnist: Path, tmp_path: Path
) -> None:
    """With everything that draws: dropout, batch norm, augmentation, resampled pairs."""
    words = ("model=ws_al_bn_do", "augmentation=shift", "scheduler=one_cycle", "callbacks=ema",
             "data.resample_pairs=true", "callbacks.pictures=null", "data.train_pairs=40",
             "data.val_pairs=20", "data.test_pairs=20", "data.batch_size=20",
             "trainer.max_epochs=2", "logger=none")  # fmt: skip
    weights = set()
    for outputs in ("one", "two"):
        torch.rand(7)
        folder = f"paths.outputs={tmp_path / outputs}"
        assert type_command("project.train", folder, *words).exit_code == 0
        weights.add(record(only_run(tmp_path / outputs))["weights_sha256"])
    assert len(weights) == 1


def test_lightning_says_nothing_of_what_is_as_it_should_be(
    tmp_path: Path, recwarn: pytest.WarningsRecorder
) -> None:
    train(own_config(tmp_path))
    assert [str(each.message) for each in recwarn] == []
    assert logging.getLogger("pytorch_lightning").level == logging.WARNING


def test_a_diverged_run_is_a_diverged_error() -> None:
    net = nn.Linear(2, 2)
    check_converged(net, {"val/loss": 1.0, "val/auc": float("nan")}, 3)
    with pytest.raises(DivergedError, match=r"after epoch 3 val/loss is inf; a smaller"):
        check_converged(net, {"val/loss": float("inf")}, 3)
    with torch.no_grad():
        net.bias[1] = float("nan")
    with pytest.raises(DivergedError, match="after epoch 3 bias holds nan; a smaller"):
        check_converged(net, {}, 3)


def test_a_part_of_an_epoch_is_said_to_be_one(tmp_path: Path) -> None:
    limited = train(own_config(tmp_path, trainer={"limit_train_batches": 2}))
    assert record(limited)["limited"] is True
    assert "limited" not in record(train(own_config(tmp_path)))
    assert STRANGERS in record(limited)["config"]["task"]["_target_"]
