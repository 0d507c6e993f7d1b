"""What a run's event file holds, read by TensorBoard's own reader."""

import csv
import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from tensorboard.plugins.hparams import metadata
from torch import nn
from torch.nn.functional import cross_entropy

from project.data.pairs import PairsDataModule
from project.models import Basic
from project.runs.tags import tag
from project.seeding import initialise
from project.training.checkpoint import LAST
from project.training.dashboard.writer import gradient_norm
from tests.dashboards.server import Curve, curves, events_of, pictures
from tests.training.small_runs import EPOCHS, Train

PICTURES = ["test/digit_confusion", "test/mistakes", "test/reliability", "weights/first_layer"]


def basic() -> Basic:
    return Basic([4, 6], 8)


def test_every_number_of_the_history_and_of_the_test_is_a_point(
    train: Train, tmp_path: Path
) -> None:
    outcome = train("run")
    rows = list(csv.DictReader((tmp_path / "run" / "history.csv").read_text().splitlines()))
    expected: dict[str, Curve] = {
        tag(name): [(int(row["epoch"]), float(np.float32(row[name]))) for row in rows]
        for name in rows[0]
        if "/" in name
    }
    tests = {name: value for name, value in outcome.metrics.items() if name.startswith("test/")}
    assert len(tests) == 5
    expected |= {tag(name): [(EPOCHS, float(np.float32(value)))] for name, value in tests.items()}
    expected["training/learning_rate"] = [(epoch, 1.0) for epoch in range(1, EPOCHS + 1)]
    found = curves(tmp_path / "run")
    for name in ("training/seconds_per_epoch", "training/gradient_norm"):
        curve = found.pop(name)
        assert [step for step, _ in curve] == list(range(1, EPOCHS + 1))
        assert all(0 < value < 1000 for _, value in curve), curve
    assert found == expected


def test_the_stages_of_a_quantity_stand_side_by_side_and_the_error_comes_first(
    train: Train, tmp_path: Path
) -> None:
    train("run")
    assert sorted(curves(tmp_path / "run")) == [
        "error/test",
        "error/train",
        "error/val",
        "error_of_digits/test",
        "error_of_digits/train",
        "error_of_digits/val",
        "loss/test",
        "loss/train",
        "loss/val",
        "loss_auxiliary/test",
        "loss_auxiliary/train",
        "loss_auxiliary/val",
        "loss_comparison/test",
        "loss_comparison/train",
        "loss_comparison/val",
        "training/gradient_norm",
        "training/learning_rate",
        "training/seconds_per_epoch",
    ]


def test_the_gradient_norm_is_over_all_parameters_that_have_a_gradient() -> None:
    net = nn.Linear(2, 1)
    net.weight.grad, net.bias.grad = torch.tensor([[3.0, 4.0]]), torch.tensor([12.0])
    unused = nn.Linear(2, 2)
    assert gradient_norm(nn.ModuleList([net, unused])) == 13.0


def test_the_gradient_norm_is_that_of_the_epochs_last_step(
    train: Train, make_pairs: Callable[..., PairsDataModule], tmp_path: Path
) -> None:
    """One epoch of one batch, beside the gradient at the initial weights."""
    train("run", max_epochs=1, batch_size=40, make_net=basic)
    data, net = make_pairs(batch_size=40), basic()
    data.setup()
    initialise(net, seed=0)
    cross_entropy(net(data.train.images).comparison, data.train.target).backward()
    ((_, found),) = curves(tmp_path / "run")["training/gradient_norm"]
    assert found == pytest.approx(gradient_norm(net), rel=1e-4)


def test_pictures_are_written_once_at_the_end_and_only_if_asked_for(
    train: Train, tmp_path: Path
) -> None:
    train("with", images=True)
    train("without", images=False)
    drawn = pictures(tmp_path / "with")
    assert list(drawn) == PICTURES
    assert pictures(tmp_path / "without") == {}
    for (picture,) in drawn.values():
        assert min(Image.open(io.BytesIO(picture)).size) > 20


def test_a_net_that_names_no_digits_has_no_confusion_matrix(train: Train, tmp_path: Path) -> None:
    train("run", make_net=basic)
    assert list(pictures(tmp_path / "run")) == [
        name for name in PICTURES if name != "test/digit_confusion"
    ]


def test_pictures_change_no_number_and_no_weight(train: Train, tmp_path: Path) -> None:
    assert train("with", images=True).metrics == train("without", images=False).metrics
    histories = [(tmp_path / name / "history.csv").read_bytes() for name in ("with", "without")]
    assert histories[0] == histories[1]
    states = [
        torch.load(tmp_path / name / LAST, weights_only=True)["state_dict"]
        for name in ("with", "without")
    ]
    assert states[0].keys() == states[1].keys()
    assert all(torch.equal(states[0][name], states[1][name]) for name in states[0])


def test_the_card_says_result_and_configuration(train: Train, tmp_path: Path) -> None:
    outcome = train("run", seed=4)
    (event,) = events_of(tmp_path / "run").Tensors("card/text_summary")
    lines = event.tensor_proto.string_val[0].decode().splitlines()
    assert lines[0].startswith("### siamese-")
    assert lines[0].endswith("/seed=4")
    error = [f"{outcome.metrics[f'{stage}/error']:.6g}" for stage in ("train", "val", "test")]
    assert f"| error | {' | '.join(error)} |" in lines
    assert "| `optimizer.lr` | 1.0 |" in lines
    assert f"| `parameters` | {outcome.parameters} |" in lines
    assert event.step == EPOCHS


def test_a_run_says_its_hyperparameters_and_its_end_but_fixes_no_columns(
    train: Train, tmp_path: Path
) -> None:
    """An experiment summary of one run would hide the columns of all others."""
    train("run", seed=7, make_net=basic)
    described = events_of(tmp_path / "run").summary_metadata
    told = sorted(name for name in described if name.startswith("_hparams_/"))
    assert told == [metadata.SESSION_END_INFO_TAG, metadata.SESSION_START_INFO_TAG]
    start = metadata.parse_session_start_info_plugin_data(
        described[metadata.SESSION_START_INFO_TAG].plugin_data.content
    )
    values = {name: getattr(value, str(value.WhichOneof("kind")))
              for name, value in start.hparams.items()}  # fmt: skip
    parameters = sum(each.numel() for each in basic().parameters())
    assert values == {
        "model": "siamese",
        "seed": 7.0,
        "parameters": float(parameters),
        "optimizer.lr": 1.0,
    }
    assert start.group_name == ""


@pytest.mark.parametrize("pairs", [0, 20])
def test_a_run_without_validation_pairs_has_no_validation_curve(
    train: Train, tmp_path: Path, pairs: int
) -> None:
    train("run", val_pairs=pairs)
    stages = {name.partition("/")[2] for name in curves(tmp_path / "run")}
    assert ("val" in stages) == (pairs > 0)
