"""A run that is killed after any epoch and typed again ends to the bit as one that was left alone."""

from pathlib import Path
from typing import Any

import pytest

from tests.small_runs import record
from tests.training.runs import (
    EPOCHS,
    checkpoint,
    classify_config,
    kill_at_each_checkpoint,
    own_config,
    result,
    train,
)

SGD = {"_target_": "torch.optim.SGD", "lr": 0.5, "momentum": 0.9}
SCHEDULERS = "torch.optim.lr_scheduler"
STOP = {
    "_target_": "pytorch_lightning.callbacks.EarlyStopping",
    "monitor": "val/error",
    "mode": "min",
    "patience": 1,
}
BEST = {
    "_target_": "project.training.best_checkpoint.BestCheckpoint",
    "monitor": "val/error",
    "mode": "min",
}
EMA = {"_target_": "project.training.ema.EMA", "decay": 0.7}
LR_MONITOR = {
    "_target_": "pytorch_lightning.callbacks.LearningRateMonitor",
    "logging_interval": "step",
}
TENSORBOARD = {"_target_": "project.training.tensorboard.RunTensorBoardLogger"}
STRANGERS = "tests.training.strangers"

OWN: dict[str, dict[str, Any]] = {
    "draws everywhere": {},
    "two workers": {"data": {"num_workers": 2}, "trainer": {"max_epochs": 2}},
    "a stream without length": {"data": {"endless": True}},
    "several loaders": {"data": {"_target_": f"{STRANGERS}.SeveralLoaders"}},
    "several validations an epoch": {"trainer": {"val_check_interval": 0.5}},
    "a validation every other epoch": {
        "trainer": {"check_val_every_n_epoch": 2},
        "callbacks": {"best": BEST},
    },
    "a metric every other epoch": {"task": {"_target_": f"{STRANGERS}.Seldom"}},
    "two optimizers by hand": {"task": {"_target_": f"{STRANGERS}.TwoOptimizers"}},
    "accumulated gradients": {"trainer": {"accumulate_grad_batches": 2}},
    "clipped gradients": {"trainer": {"gradient_clip_val": 0.1}},
    "a limit of steps": {"trainer": {"max_steps": 8, "max_epochs": 10}},
    "half of the batches": {"trainer": {"limit_train_batches": 0.5}},
    "bfloat16": {"trainer": {"precision": "bf16-mixed"}},
}
CLASSIFY: dict[str, dict[str, Any]] = {
    "early stopping": {"callbacks": {"stop": STOP}, "trainer": {"max_epochs": 9}},
    "early stopping and a minimum": {
        "callbacks": {"stop": STOP},
        "trainer": {"max_epochs": 9, "min_epochs": 6},
    },
    "plateau": {
        "scheduler": {"_target_": f"{SCHEDULERS}.ReduceLROnPlateau", "patience": 0, "factor": 0.5},
        "trainer": {"max_epochs": 6},
    },
    "steps": {
        "scheduler": {"_target_": f"{SCHEDULERS}.StepLR", "step_size": 1, "interval": "epoch"}
    },
    "one cycle": {
        "scheduler": {
            "_target_": "project.training.schedulers.one_cycle",
            "interval": "step",
            "pct_start": 0.3,
            "div_factor": 10.0,
            "final_div_factor": 100.0,
        }
    },
    "best": {"callbacks": {"best": BEST}, "trainer": {"max_epochs": 5}},
    "ema": {"callbacks": {"ema": EMA}},
    "ema and best": {"callbacks": {"ema": EMA, "best": BEST}, "trainer": {"max_epochs": 5}},
    "learning rates": {"callbacks": {"rates": LR_MONITOR}, "logger": {"tensorboard": TENSORBOARD}},
    "a callback with a state": {"callbacks": {"counting": {"_target_": f"{STRANGERS}.Counting"}}},
}
STORIES = {name: (own_config, changes) for name, changes in OWN.items()}
STORIES |= {name: (classify_config, changes) for name, changes in CLASSIFY.items()}


@pytest.mark.parametrize("story", STORIES)
def test_a_run_that_dies_after_each_epoch_ends_as_one_that_was_left_alone(
    story: str, tmp_path: Path
) -> None:
    make, changes = STORIES[story]
    whole = train(make(tmp_path / "whole", **changes))
    disturbed = make(tmp_path / "disturbed", **changes)
    deaths = kill_at_each_checkpoint(disturbed)
    found = tmp_path / "disturbed" / whole.relative_to(tmp_path / "whole")
    assert result(found) == result(whole)
    assert deaths == record(whole)["epochs"]
