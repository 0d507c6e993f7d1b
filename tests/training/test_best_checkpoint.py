"""The best epoch by validation is tested, and the record speaks of that epoch."""

from pathlib import Path
from typing import Any

import pytest
import torch

from project.config.errors import ConfigurationError
from project.training.checkpoint import BEST, LAST
from project.training.dry_run import dry_run
from project.training.load_run import load_run
from tests.small_runs import record
from tests.training.runs import checkpoint, classify_config, train
from tests.training.test_recorder import history

SECTION: dict[str, Any] = {
    "_target_": "project.training.best_checkpoint.BestCheckpoint",
    "monitor": "val/loss",
    "mode": "min",
}
RISING, FALLING = 4.0, 0.5  # rates at which the last loss is not the smallest, or the largest


def settings(rate: float) -> dict[str, Any]:
    optimizer = {"_target_": "torch.optim.SGD", "lr": rate}
    return {"optimizer": optimizer, "trainer": {"max_epochs": 5}}


@pytest.mark.parametrize(("mode", "rate"), [("min", RISING), ("max", FALLING)])
def test_the_best_epochs_weights_are_tested_and_opened(
    tmp_path: Path, mode: str, rate: float
) -> None:
    best = {"kept": SECTION | {"mode": mode}}
    directory = train(classify_config(tmp_path, callbacks=best, **settings(rate)))
    losses = [float(row["val/loss"]) for row in history(directory)]
    epoch = losses.index(min(losses) if mode == "min" else max(losses))
    assert epoch < 4, "the last epoch is the best: this shows nothing"
    assert checkpoint(directory, BEST)["epoch"] == epoch
    facts = record(directory)
    assert (facts["tested"], facts["tested_epoch"], facts["epochs"]) == (BEST, epoch + 1, 5)
    for name, value in history(directory)[epoch].items():
        if "/" in name:
            assert facts["metrics"][name] == float(value)
    net: Any = load_run(directory).net()
    weights = {name: checkpoint(directory, name)["state_dict"] for name in (BEST, LAST)}
    assert torch.equal(net.layers[0].weight, weights[BEST]["net.layers.0.weight"])
    assert not torch.equal(net.layers[0].weight, weights[LAST]["net.layers.0.weight"])


def test_without_it_the_last_epochs_weights_are_tested(tmp_path: Path) -> None:
    directory = train(classify_config(tmp_path, **settings(RISING)))
    facts = record(directory)
    assert (facts["tested"], facts["tested_epoch"]) == (LAST, 5)
    assert not (directory / BEST).exists()
    assert facts["metrics"]["val/loss"] == float(history(directory)[4]["val/loss"])


def test_a_metric_that_nobody_logs_is_named(tmp_path: Path) -> None:
    kept = {"kept": SECTION | {"monitor": "val/los"}}
    with pytest.raises(ConfigurationError, match="monitors val/los, but task=classify logs train"):
        dry_run(classify_config(tmp_path, callbacks=kept))
