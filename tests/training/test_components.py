"""Nets, tasks and data are built as the configuration says, and keep what their code has drawn."""

from pathlib import Path
from typing import Any

import pytest
import torch

from project.config.errors import ConfigurationError
from project.training.components import build_components, build_net, build_task
from tests.small_runs import record
from tests.training import strangers
from tests.training.runs import STRANGERS, checkpoint, classify_config, own_config, train

SIAMESE: dict[str, Any] = {
    "name": "ws_al",
    "_target_": "project.models.Siamese",
    "init": "by_module",
    "channels": [4, 6],
    "hidden_digit": 8,
    "hidden_comparison": 7,
    "batch_norm": False,
    "dropout_conv": 0.0,
    "dropout_linear": 0.0,
    "auxiliary": "late",
    "auxiliary_input": "logits",
}


def weights(config: dict[str, Any]) -> dict[str, torch.Tensor]:
    net = build_net(config)
    assert net is not None
    return {name: each.clone() for name, each in net.state_dict().items()}


def test_what_a_constructor_has_drawn_is_kept(tmp_path: Path) -> None:
    """Not drawn again: a layer that starts at zero does so."""
    config = classify_config(tmp_path, model={"zero": True})
    torch.manual_seed(5)
    components = build_components(config)
    net: Any = components.net
    assert not net.layers[3].weight.any()
    assert net.layers[0].weight.any()
    other: Any = build_components(config | {"seed": 1}).net
    assert not torch.equal(net.layers[0].weight, other.layers[0].weight)
    again: Any = build_components(config).net
    assert torch.equal(net.layers[0].weight, again.layers[0].weight)


def test_by_module_draws_every_module_from_its_own_stream(tmp_path: Path) -> None:
    by_module = {"init": "by_module", "zero": True}
    net = weights(classify_config(tmp_path, model=by_module))
    assert net["layers.3.weight"].any()
    wider = weights(classify_config(tmp_path, model=by_module | {"dropout": 0.5}))
    assert all(torch.equal(net[name], wider[name]) for name in net)


def test_the_reports_nets_that_share_modules_start_alike(tmp_path: Path) -> None:
    plain = weights(classify_config(tmp_path, model=SIAMESE))
    rich = weights(classify_config(tmp_path, model=SIAMESE | {
        "batch_norm": True, "dropout_conv": 0.1, "auxiliary": "both"
    }))  # fmt: skip
    assert plain.keys() < rich.keys()
    assert all(torch.equal(each, rich[name]) for name, each in plain.items())


@pytest.mark.parametrize("target", ["torch.nn.MultiheadAttention", f"{STRANGERS}.Attention"])
def test_nets_with_parameters_of_their_own_are_built_by_their_constructor(
    tmp_path: Path, target: str
) -> None:
    keys = {"embed_dim": 4, "num_heads": 2} if target.startswith("torch") else {}
    section = {"name": "attention", "_target_": target, **keys}
    config = classify_config(tmp_path) | {"model": section}
    assert weights(config)
    with pytest.raises(ConfigurationError) as error:
        build_net(config | {"model": section | {"init": "by_module"}})
    assert "\n" not in str(error.value)
    assert str(error.value).startswith("model.init=by_module: ")
    assert "owns parameters but has no reset_parameters() to draw them" in str(error.value)
    assert str(error.value).endswith(
        "model.init=constructor keeps what the net's own constructor draws"
    )


def test_a_net_with_attention_trains(tmp_path: Path) -> None:
    directory = train(classify_config(tmp_path, model={"_target_": f"{STRANGERS}.Attention"}))
    start: Any = build_components(record(directory)["config"]).net
    moved = checkpoint(directory)["state_dict"]["net.token"]
    assert not torch.equal(moved, start.token)


def test_a_task_gets_what_its_constructor_names(tmp_path: Path) -> None:
    components = build_components(classify_config(tmp_path))
    task: Any = components.task
    assert isinstance(task, strangers.Classify)
    assert task.net is components.net
    assert task.scheduler is None
    optimizer = task.optimizer(task.net)
    assert (type(optimizer), optimizer.defaults["lr"]) == (torch.optim.Adam, 0.05)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"task": {"name": "own", "_target_": f"{STRANGERS}.Own"}},
            "model is given, but task=own takes none: its file can say `override /model: none`",
        ),
        (
            {"task": {"name": "own", "_target_": f"{STRANGERS}.Own"}, "model": None},
            "optimizer is given, but task=own takes none: its file can say",
        ),
        (
            {
                "task": {"name": "own", "_target_": f"{STRANGERS}.Own"},
                "model": None,
                "optimizer": None,
                "scheduler": {"_target_": "torch.optim.lr_scheduler.StepLR", "step_size": 1},
            },
            "scheduler is given, but task=own takes none: its file can say `override /scheduler: "
            "constant`",
        ),
        ({"model": None}, "task=classify needs model=NAME, a file of conf/model"),
        ({"optimizer": None}, "task=classify needs optimizer=NAME, a file of conf/optimizer"),
        (
            {"augmentation": {"_target_": "torch.nn.Identity"}},
            "augmentation is given, but task=classify takes none",
        ),
    ],
)
def test_what_a_task_would_ignore_and_what_it_lacks_is_said(
    tmp_path: Path, changes: dict[str, Any], message: str
) -> None:
    config = classify_config(tmp_path) | changes
    with pytest.raises(ConfigurationError) as error:
        build_task(config, build_net(config))
    assert str(error.value).startswith(message)


def test_a_complete_module_brings_everything_and_may_save_its_hyperparameters(
    tmp_path: Path,
) -> None:
    directory = train(own_config(tmp_path, task={"lr": 0.1}))
    facts = record(directory)
    assert (facts["status"], facts["model"], facts["task"]) == ("completed", "own", "own")
    assert directory.parent.name.startswith("own-points-")
    assert facts["parameters"] == 4 * 6 + 6 + 6 * 2 + 2
    assert not {"hyper_parameters", "datamodule_hyper_parameters"} & checkpoint(directory).keys()
