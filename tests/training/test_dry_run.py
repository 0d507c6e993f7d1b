"""What does not work is said in one line before anything is written, and trying leaves no trace."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from pytorch_lightning import LightningDataModule, LightningModule
from torch import Tensor, nn
from torch.utils.data import DataLoader, Subset

from project.config.errors import ConfigurationError
from project.runs import interruption
from project.runs.interruption import Interrupted, StopFlag
from project.runs.lifecycle import RunSpec
from project.runs.prepare import prepare_run
from project.training import dry_run as module
from project.training.dry_run import dry_run, dry_run_variants
from tests.small_runs import only_run, record, run_small, type_command
from tests.training import strangers
from tests.training.runs import classify_config, own_config, result, train

HERE = "tests.training.test_dry_run"
SCHEDULERS = "torch.optim.lr_scheduler"


class Normed(nn.Module):
    """A net with batch norm."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(4, 6), nn.BatchNorm1d(6), nn.Linear(6, 2))

    def forward(self, points: Tensor) -> Tensor:
        return self.layers(points)


def loader(data: Any, count: int | None = None, **options: Any) -> DataLoader[Any]:
    part = data.parts["train"]
    return DataLoader(part if count is None else Subset(part, range(count)), **options)


# What is put in the place of a method of Points, Classify or Net, and what is then said.
MISTAKES: dict[str, tuple[str, Any, str]] = {
    "another output": (
        "Net.forward",
        lambda self, points: (points, points),
        "task=classify with model=net does not work on a batch of data=points: TypeError: ",
    ),
    "another shape": (
        "Net.forward",
        lambda self, points: points.sum(1),
        "task=classify with model=net does not work on a batch of data=points: RuntimeError: ",
    ),
    "no validation metric": (
        "Classify.validation_step",
        lambda self, batch, index: None,
        "metric.name=error: there is no val/error; task=classify logs train/error, train/loss",
    ),
    "no test metric": (
        "Classify.test_step",
        lambda self, batch, index: None,
        "metric.name=error: there is no test/error; task=classify logs nothing",
    ),
    "no optimizer": (
        "Classify.configure_optimizers",
        LightningModule.configure_optimizers,
        "task=classify with model=net does not work on a batch of data=points: "
        "MisconfigurationException: No `configure_optimizers()`",
    ),
    "persistent workers": (
        "Points.train_dataloader",
        lambda self: loader(self, num_workers=1, persistent_workers=True),
        "Points: a loader keeps its workers between epochs, and a resumed run could not give them "
        "their random state back; set persistent_workers=False",
    ),
    "no training example": (
        "Points.train_dataloader",
        lambda self: loader(self, 0, batch_size=4),
        "data=points: the training loader yields no batch",
    ),
    "no whole training batch": (
        "Points.train_dataloader",
        lambda self: loader(self, batch_size=64, drop_last=True),
        "data=points: the training loader yields no batch",
    ),
    "no test example": (
        "Points.test_dataloader",
        lambda self: loader(self, 0, batch_size=4),
        "data=points: the test loader yields no batch",
    ),
    "no test loader": (
        "Points.test_dataloader",
        LightningDataModule.test_dataloader,
        "data=points: Points has no test_dataloader()",
    ),
    "no file": (
        "Points.setup",
        lambda self, stage: Path("no/such/file").read_text(),
        "task=classify with model=net does not work on a batch of data=points: FileNotFoundError: "
        f"[Errno 2] No such file or directory: 'no/such/file' ({__file__}, line ",
    ),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_said_in_one_line(
    mistake: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place, wrong, message = MISTAKES[mistake]
    owner, name = place.split(".")
    monkeypatch.setattr(getattr(strangers, owner), name, wrong)
    with pytest.raises(ConfigurationError) as error:
        dry_run(classify_config(tmp_path))
    assert str(error.value).startswith(message)
    assert "\n" not in str(error.value)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"callbacks": {"stop": {"_target_": "pytorch_lightning.callbacks.EarlyStopping",
                                    "monitor": "val/los"}}},
            "callbacks: EarlyStopping monitors val/los, but task=classify logs train/error, "
            "train/loss, val/error, val/loss",
        ),
        (
            {"scheduler": {"_target_": f"{SCHEDULERS}.ReduceLROnPlateau", "monitor": "val/los"}},
            "task=classify with model=net does not work on a batch of data=points: "
            "MisconfigurationException: ReduceLROnPlateau conditioned on metric val/los",
        ),
        ({"trainer": {"limit_val_batches": "many"}}, "trainer: "),
        ({"trainer": {"precision": "float8"}}, "trainer: Precision 'float8' is invalid."),
        (
            {"trainer": {"val_check_interval": "00:00:30"}},
            "trainer.val_check_interval=00:00:30: the moment of validation would depend on the "
            "machine",
        ),
    ],
)  # fmt: skip
def test_a_value_that_only_lightning_understands_is_tried(
    tmp_path: Path, changes: dict[str, Any], message: str
) -> None:
    with pytest.raises(ConfigurationError) as error:
        dry_run(classify_config(tmp_path, **changes))
    assert str(error.value).startswith(message)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("batch_size", "message"),
    [
        (20, None),
        (18, None),
        (19, "the last training batch of an epoch has 1 example (data.batch_size=19), on which "
             "task=classify with model=net fails: Expected more than 1 value per channel"),
        (1, "task=classify with model=net does not work on a batch of data=points: ValueError: "
            "Expected more than 1 value per channel"),
    ],
)  # fmt: skip
def test_batch_statistics_of_a_single_example_are_refused(
    tmp_path: Path, batch_size: int, message: str | None
) -> None:
    config = classify_config(
        tmp_path, model={"_target_": f"{HERE}.Normed"}, data={"batch_size": batch_size}
    )
    if message is None:
        dry_run(config)
        return
    with pytest.raises(ConfigurationError) as error:
        dry_run(config)
    assert str(error.value).startswith(message)


def test_the_last_batch_of_mnist_pairs_is_tried_too(small_mnist: Path, tmp_path: Path) -> None:
    words = (f"paths.outputs={tmp_path}", "model=ws_al_bn", "data.train_pairs=40",
             "data.val_pairs=20", "data.test_pairs=20", "data.batch_size=13")  # fmt: skip
    end = type_command("project.train", *words)
    assert end.exit_code == 2
    assert "the last training batch of an epoch has 1 example (data.batch_size=13)" in end.errors
    assert not (tmp_path / "runs").exists()


FIT: dict[str, dict[str, Any]] = {
    "plain": {},
    "a stream": {"data": {"endless": True}},
    "a part of the batches": {"trainer": {"limit_train_batches": 0.5}},
    "validation every other epoch": {"trainer": {"check_val_every_n_epoch": 2}},
    "bfloat16": {"trainer": {"precision": "bf16-mixed"}},
    "float16, which a CPU has not": {"trainer": {"precision": "16-mixed"}},
}


@pytest.mark.parametrize("case", FIT)
def test_what_works_passes_and_writes_nothing(
    case: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    dry_run(own_config(tmp_path, **FIT[case]))
    assert list(tmp_path.iterdir()) == []


def test_a_precision_that_the_cpu_has_is_that_of_the_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[torch.dtype] = []
    forward = strangers.Net.forward

    def spy(net: strangers.Net, points: Tensor) -> Tensor:
        seen.append(forward(net, points).dtype)
        return forward(net, points)

    monkeypatch.setattr(strangers.Net, "forward", spy)
    for precision in ("bf16-mixed", "64-true", "16-mixed"):
        dry_run(classify_config(tmp_path, trainer={"precision": precision}))
    assert list(dict.fromkeys(seen)) == [torch.bfloat16, torch.float64, torch.float32]


def test_what_is_tried_is_the_runs_first_batch(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[Tensor] = []
    step = strangers.Own.training_step

    def keep(self: Any, batch: Any, batch_idx: int) -> Tensor:
        seen.append(batch[0])
        return step(self, batch, batch_idx)

    monkeypatch.setattr(strangers.Own, "training_step", keep)
    dry_run(own_config(tmp_path))
    tried = len(seen)
    train(own_config(tmp_path, trainer={"max_epochs": 1}))
    assert torch.equal(seen[0], seen[tried])


def test_trying_changes_no_bit_of_the_run(tmp_path: Path) -> None:
    alone = train(own_config(tmp_path / "alone"))
    dry_run(own_config(tmp_path / "tried"))
    torch.rand(3), np.random.rand(3)
    tried = train(own_config(tmp_path / "tried"))
    assert result(tried) == result(alone)


@pytest.fixture
def tried(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The seeds at which a configuration is tried."""
    seeds: list[int] = []
    original: Callable[..., Any] = module.dry_run

    def spy(config: dict[str, Any]) -> Any:
        seeds.append(config["seed"])
        return original(config)

    monkeypatch.setattr(module, "dry_run", spy)
    return seeds


def test_a_variant_is_tried_once(tmp_path: Path, tried: list[int]) -> None:
    def spec(seed: int, hidden: int) -> RunSpec:
        return prepare_run(own_config(tmp_path, seed, task={"hidden": hidden}))

    dry_run_variants([spec(seed, hidden) for hidden in (5, 6) for seed in (3, 4)], here=True)
    assert tried == [3, 3]


def test_a_finished_run_is_not_tried_again(
    small_mnist: Path, tmp_path: Path, tried: list[int]
) -> None:
    for _ in range(2):
        assert run_small(tmp_path, "seed=5").exit_code == 0
    assert tried == [5]
    assert record(only_run(tmp_path))["status"] == "completed"


def test_devices_that_are_not_there_are_refused_where_the_run_will_be(tmp_path: Path) -> None:
    spec = prepare_run(own_config(tmp_path, trainer={"devices": 4096}))
    with pytest.raises(ConfigurationError, match=r"trainer\.devices=4096: on CPUs a device is"):
        dry_run_variants([spec], here=True)
    dry_run_variants([spec], here=False)


def test_a_signal_ends_it_as_it_ends_a_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Interrupting(StopFlag):
        def check(self) -> None:
            self.signal_number = interruption.SIGNALS[0]
            super().check()

    monkeypatch.setattr(module, "StopFlag", Interrupting)
    with pytest.raises(Interrupted) as interrupted:
        dry_run(own_config(tmp_path))
    assert interrupted.value.exit_code == 130
