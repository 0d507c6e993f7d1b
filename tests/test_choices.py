"""Every optimizer, schedule and callback of `conf/` works, and any other class by `_target_`."""

import csv
from pathlib import Path
from typing import Any

import pytest

from project.config.compose import compose, options
from project.runs.prepare import prepare_run
from project.training.checkpoint import LAST, AtomicCheckpointIO
from tests.small_runs import IMAGES, only_run, record, run_images
from tests.training.runs import kill_at_each_checkpoint, result

pytest.importorskip("sklearn")

OPTIMIZERS = sorted(options("optimizer").keys() - {"none"})
SCHEDULERS = sorted(options("scheduler").keys() - {"constant"})


def run(outputs: Path, *words: str) -> Path:
    end = run_images(outputs, *words)
    assert end.exit_code == 0, end.errors
    return only_run(outputs)


def rates(directory: Path) -> list[float]:
    with open(directory / "history.csv", newline="") as file:
        return [float(row["lr"]) for row in csv.DictReader(file)]


def test_the_files_are_those_that_were_promised() -> None:
    assert OPTIMIZERS == [
        "adadelta", "adagrad", "adam", "adamw", "muon", "radam", "rmsprop", "sgd",
    ]  # fmt: skip
    assert SCHEDULERS == ["cosine", "cosine_warmup", "one_cycle", "plateau", "step"]


def check_resume(whole: Path, outputs: Path) -> None:
    """Carry the same run out once more, killed after each epoch."""
    config = record(whole)["config"]
    config["paths"]["outputs"] = str(outputs)
    assert kill_at_each_checkpoint(config) == record(whole)["epochs"]
    assert result(only_run(outputs)) == result(whole)


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_an_optimizer_trains(name: str, tmp_path: Path) -> None:
    directory = run(tmp_path, f"optimizer={name}", "trainer.max_epochs=1")
    section = record(directory)["config"]["optimizer"]
    assert section["lr"] == {"adadelta": 1.0, "adagrad": 0.01, "sgd": 0.1}.get(name, 0.001)
    groups = AtomicCheckpointIO().load_checkpoint(directory / LAST)["optimizer_states"][0]
    assert {group["lr"] for group in groups["param_groups"]} == {section["lr"]}


def test_our_own_optimizer_goes_on_to_the_same_bits(tmp_path: Path) -> None:
    whole = run(tmp_path / "whole", "optimizer=muon", "scheduler=cosine_warmup")
    check_resume(whole, tmp_path / "killed")


@pytest.mark.parametrize("name", SCHEDULERS)
def test_a_schedule_sets_the_rate(name: str, tmp_path: Path) -> None:
    words = {
        "step": ["scheduler.step_size=2"],
        "plateau": ["scheduler.patience=0", "optimizer.lr=1e-5"],  # nothing becomes better
    }.get(name, [])
    directory = run(tmp_path, f"scheduler={name}", "trainer.max_epochs=4", *words)
    expected = {
        "step": [1e-3, 1e-3, 1e-4, 1e-4],
        "plateau": [1e-5, 1e-5, 1e-6, 1e-7],
        # Of an epoch's last step, three steps each: 1 + cos(pi * step / 12) over 2, step 2, 5, ...
        "cosine": [0.933e-3, 0.629e-3, 0.25e-3, 0.017e-3],
    }
    if name in expected:
        assert rates(directory) == pytest.approx(expected[name], rel=0.01)
    else:
        assert rates(directory)[-1] < 1e-4 < max(rates(directory)) <= 1e-3


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (
            ["optimizer._target_=torch.optim.NAdam", "optimizer.momentum_decay=0.01"],
            {"_target_": "torch.optim.NAdam", "momentum_decay": 0.01},
        ),
        (
            ["optimizer=sgd", "optimizer._target_=torch.optim.ASGD", "optimizer.lr=0.03"],
            {"_target_": "torch.optim.ASGD", "lr": 0.03},
        ),
    ],
)
def test_another_optimizer_takes_over_nothing_of_the_file(
    words: list[str], expected: dict[str, Any], tmp_path: Path
) -> None:
    directory = run(tmp_path, *words, "trainer.max_epochs=1")
    assert record(directory)["config"]["optimizer"] == expected


def test_another_schedule_is_stepped_each_epoch(tmp_path: Path) -> None:
    directory = run(
        tmp_path,
        "scheduler._target_=torch.optim.lr_scheduler.ExponentialLR",
        "scheduler.gamma=0.1",
        "trainer.max_epochs=3",
    )
    assert rates(directory) == pytest.approx([1e-3, 1e-4, 1e-5])


def test_biases_and_norms_can_be_spared_weight_decay(tmp_path: Path) -> None:
    directory = run(
        tmp_path,
        "model.batch_norm=true",
        "optimizer.weight_decay=0.5",
        "optimizer.no_weight_decay=[bias,norm]",
        "trainer.max_epochs=1",
    )
    state = AtomicCheckpointIO().load_checkpoint(directory / LAST)["optimizer_states"][0]
    groups = [(group["weight_decay"], len(group["params"])) for group in state["param_groups"]]
    assert groups == [(0.5, 2), (0.0, 4)]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["optimizer._target_=torch.optim.NAdam", "optimizer.momentum=3"],
         "unknown key 'optimizer.momentum' for NAdam; did you mean 'optimizer.momentum_decay'?"),
        (["optimizer._target_=torch.optim.Nothing"],
         "optimizer._target_=torch.optim.Nothing: "),
        (["optimizer.no_weight_decay=[bias,norms]"],
         "optimizer.no_weight_decay.1=norms: should be 'bias' or 'norm'"),
        (["scheduler._target_=torch.optim.lr_scheduler.StepLR"],
         "scheduler.step_size: is missing (StepLR needs it)"),
        (["scheduler=cosine", "scheduler.min_share=2"],
         "scheduler.min_share must be in [0, 1], got 2"),
        (["scheduler=plateau", "scheduler.monitor=val/nothing"],
         "task=image_classification with model=mlp does not work on a batch of data=digits8x8: "),
        (["optimizer.lr=fast"], "optimizer.lr=fast"),
    ],
)  # fmt: skip
def test_what_makes_no_optimizer_or_schedule_is_refused_in_one_line(
    words: list[str], message: str, tmp_path: Path
) -> None:
    end = run_images(tmp_path, *words)
    assert (end.exit_code, end.output) == (2, "")
    assert end.errors.startswith(f"error: {message}")
    assert end.errors.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


ALL = "callbacks=[early_stopping,best_checkpoint,ema,lr_monitor]"


def test_several_callbacks_at_once_stop_early_and_go_on_to_the_same_bits(tmp_path: Path) -> None:
    words = (
        ALL, "callbacks.early_stopping.patience=2", "callbacks.ema.decay=0.5", "logger=csv",
        "trainer.max_epochs=30", "trainer.log_every_n_steps=1", "optimizer.lr=0.05",
    )  # fmt: skip
    whole = run(tmp_path / "whole", *words)
    facts = record(whole)
    lines = (whole / "history.csv").read_text().splitlines()
    assert facts["stopped_early"] is True
    assert facts["epochs"] == len(lines) - 1 < 30
    assert facts["tested"] == "best.ckpt"
    with open(whole / "history.csv", newline="") as file:
        accuracies = [float(row["val/accuracy"]) for row in csv.DictReader(file)]
    best = max(accuracies)
    assert facts["metrics"]["val/accuracy"] == best
    assert facts["tested_epoch"] == accuracies.index(best) + 1
    assert facts["epochs"] - facts["tested_epoch"] == 2
    assert "lr-AdamW" in (whole / "metrics.csv").read_text().splitlines()[0]
    check_resume(whole, tmp_path / "killed")


def variant(*words: str) -> str:
    return prepare_run(compose("train", [*IMAGES, *words])).run.variant


def test_callbacks_that_observe_change_no_name_and_others_do() -> None:
    plain, ema = variant(), variant("callbacks=ema")
    assert variant("callbacks=lr_monitor") == plain != ema
    assert variant("callbacks=[lr_monitor,ema]") == ema
    assert variant("callbacks=[ema,early_stopping]") not in (plain, ema)


def test_a_callback_that_is_none_and_one_that_tells_nobody_are_refused(tmp_path: Path) -> None:
    end = run_images(tmp_path, "callbacks.mine._target_=torch.nn.Linear")
    assert end.exit_code == 2
    end = run_images(tmp_path, "callbacks=lr_monitor")
    assert (end.exit_code, end.errors) == (
        2,
        "error: callbacks.lr_monitor: there is no logger that could get the learning rate; leave "
        "it out, or choose logger=tensorboard\n",
    )
    assert list(tmp_path.iterdir()) == []


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The run that others differ from in a word."""
    return run(tmp_path_factory.mktemp("plain"), "trainer.max_epochs=1")


@pytest.mark.parametrize(
    "words",
    [
        ["trainer.precision=bf16-mixed"],
        ["trainer.accumulate_grad_batches=2"],
        ["trainer.gradient_clip_val=0.01"],
        ["trainer.limit_train_batches=0.5"],
        ["trainer.limit_train_batches=1"],
        ["trainer.accelerator=auto"],
    ],
)
def test_arguments_of_lightnings_trainer_change_the_result_and_the_name(
    words: list[str], plain: Path, tmp_path: Path
) -> None:
    """But for `auto`, which is the CPU here and known by what was typed."""
    other = run(tmp_path, "trainer.max_epochs=1", *words)
    assert plain.parent.name != other.parent.name
    key, _, value = words[0].partition("=")
    assert str(record(other)["config"]["trainer"][key.partition(".")[2]]) == value
    same = record(plain)["weights_sha256"] == record(other)["weights_sha256"]
    assert same == (words == ["trainer.accelerator=auto"])
    if "limit" in key:
        assert record(other)["limited"] is True


@pytest.mark.parametrize("key", ["limit_train_batches", "val_check_interval"])
def test_all_batches_are_not_spelt_as_one_batch(key: str) -> None:
    assert variant() == variant(f"++trainer.{key}=1.0") != variant(f"++trainer.{key}=1")


def test_a_profiler_writes_into_the_run_directory_and_changes_no_name(
    plain: Path, tmp_path: Path
) -> None:
    other = run(tmp_path, "trainer.max_epochs=1", "trainer.profiler=simple")
    assert plain.parent.name == other.parent.name
    assert "FIT Profiler Report" in (other / "fit-profile.txt").read_text()


@pytest.mark.parametrize(
    ("word", "message"),
    [
        ("trainer.accelerator=gpu", "trainer.accelerator=gpu: torch sees none on this machine"),
        ("trainer.accelerator=mps", "trainer.accelerator=mps: torch sees none on this machine"),
        ("trainer.precision=banana", "trainer: Precision 'banana' is invalid. Allowed precision"),
        ("trainer.limit_train_batches=0", "trainer.limit_train_batches=0: there is nothing to tra"),
        ("trainer.profiler=banana", "trainer: When passing string value for the `profiler`"),
        ("trainer.bananas=1", "unknown key 'trainer.bananas'"),
        ("trainer.logger=false", "trainer.logger belongs to the platform: use logger=NAME"),
        ("trainer.fast_dev_run=true", "trainer.fast_dev_run belongs to the platform: use debug=fa"),
        ("trainer.overfit_batches=1", "trainer.overfit_batches belongs to the platform: use debug"),
        ("metric.direction=up", "metric.direction=up: should be 'min' or 'max'"),
        ("metric.name=recall", "metric.name=recall: there is no val/recall; task=image_classifica"),
    ],
)  # fmt: skip
def test_arguments_that_make_no_sense_are_refused_in_one_line(
    word: str, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("torch.accelerator.current_accelerator", lambda check_available: None)
    end = run_images(tmp_path, word)
    assert (end.exit_code, end.output) == (2, "")
    assert end.errors.startswith(f"error: {message}")
    assert end.errors.count("\n") == 1
    assert list(tmp_path.iterdir()) == []
