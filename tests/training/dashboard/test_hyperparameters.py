"""Columns of the HParams tab: keys of the command line, values as they are."""

import pytest
from tensorboard.plugins.hparams import metadata

from project.runs.identity import identify
from project.runs.tags import tag
from project.training.dashboard.card import card
from project.training.dashboard.hyperparameters import hyperparameters, session_start
from tests.test_configuration import VALUES


def test_every_key_that_distinguishes_a_run_is_a_column() -> None:
    model = VALUES["model"] | {"batch_norm": True, "dropout_conv": [0.1, 0.2]}
    config = VALUES | {"model": model, "seed": 3, "seeds": {"data": 3, "init": 9, "order": 3}}
    assert hyperparameters(identify(config, "mnist"), parameters=70_906) == {
        "model": "basic",
        "seed": 3,
        "parameters": 70_906,
        "data.batch_size": 100,
        "data.dataset": "mnist",
        "data.normalise": False,
        "data.shuffle": True,
        "data.test_pairs": 1000,
        "data.train_pairs": 1000,
        "data.val_pairs": 1000,
        "loss.auxiliary_weight": 1,
        "model.batch_norm": True,
        "model.channels": "[32, 64]",
        "model.dropout_conv": "[0.1, 0.2]",
        "optimizer": "Adadelta",
        "optimizer.eps": 1e-6,
        "optimizer.lr": 1,
        "optimizer.rho": 0.9,
        "optimizer.weight_decay": 0,
        "seeds.init": 9,
        "trainer.accelerator": "cpu",
        "trainer.max_epochs": 25,
        "trainer.threads": 1,
    }


def test_values_keep_their_kind() -> None:
    """A truth value is no number, so that it can be filtered by."""
    (value,) = session_start({"a": True, "b": 0.5, "c": "late", "d": 3}, seconds=12.0).value
    info = metadata.parse_session_start_info_plugin_data(value.metadata.plugin_data.content)
    assert info.start_time_secs == 12.0
    kinds = {name: each.WhichOneof("kind") for name, each in info.hparams.items()}
    assert kinds == {
        "a": "bool_value",
        "b": "number_value",
        "c": "string_value",
        "d": "number_value",
    }
    assert (info.hparams["a"].bool_value, info.hparams["b"].number_value) == (True, 0.5)


@pytest.mark.parametrize(
    ("metric", "name"),
    [
        ("train/error", "error/train"),
        ("val/loss", "loss/val"),
        ("test/digit_error", "error_of_digits/test"),
        ("train/auxiliary_loss", "loss_auxiliary/train"),
        ("val/comparison_loss", "loss_comparison/val"),
        ("val/something_new", "something_new/val"),
    ],
)
def test_a_metric_is_named_by_its_quantity_first(metric: str, name: str) -> None:
    assert tag(metric) == name


def test_the_card_leaves_empty_what_was_not_measured() -> None:
    text = card(
        "basic-01234567/seed=0",
        {"model": "basic", "model.batch_norm": False},
        {"train/error": 0.125, "test/error": 1 / 3, "test/digit_error": 0.5},
        seconds=4.56,
    )
    assert text == (
        "### basic-01234567/seed=0\n"
        "\n"
        "trained in 4.6 s\n"
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
