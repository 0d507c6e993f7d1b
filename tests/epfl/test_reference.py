"""The publication's file is what shared facts say, and speaks of nets that there are."""

from typing import Any

import yaml

from project.config.compose import CONF, compose
from project.epfl.reference import Reference, models

CONTENT: dict[str, Any] = yaml.safe_load((CONF / "reference/epfl_2020.yaml").read_text())
REFERENCE = Reference.model_validate(CONTENT)


def test_the_rows_are_the_published_table() -> None:
    rows = REFERENCE.rows
    assert {name: (row.mean, row.std) for name, row in rows.items()} == {
        "basic": (22.41, 1.3972),
        "ws_al": (19.23, 2.7203),
        "ws_al_do": (16.00, 2.5316),
        "ws_al_bn": (2.48, 0.5541),
        "ws_al_bn_do": (2.26, 0.5542),
        "resnet": (17.76, 2.2634),
    }
    assert {name: row.parameters for name, row in rows.items() if row.parameters} == {
        "ws_al_bn_do": 76846
    }
    assert {name: row.seconds for name, row in rows.items() if row.seconds} == {"ws_al_bn_do": 11.1}


def test_each_row_is_trained_with_the_published_learning_rate() -> None:
    for model, row in REFERENCE.rows.items():
        assert compose("train", [f"model={model}"])["optimizer"]["lr"] == row.lr


def test_part_2_is_what_is_published() -> None:
    disk = REFERENCE.disk
    assert (disk.best_lr, disk.error, disk.suitable_lrs) == (0.1, 2.09, [0.5, 0.05])


def test_every_published_finding_is_a_claim_about_models_that_have_a_file() -> None:
    claims = {finding.says: finding.smaller for finding in REFERENCE.findings}
    assert claims["The late auxiliary loss beats the early one"] == [
        ("error", "ws_al", "ws_al_early"),
    ]
    assert claims["The residual network lies between the basic and the best network in error"] == [
        ("error", "ws_al_bn_do", "resnet"),
        ("error", "resnet", "basic"),
    ]
    assert len(claims) == 8
    assert set(REFERENCE.models) <= {path.stem for path in (CONF / "model").glob("*.yaml")}


def test_a_claim_names_each_of_its_models_once() -> None:
    assert models(("gain", ("ws_al", "basic"), ("ws_al_bn_do", "ws_al"))) == [
        "ws_al",
        "basic",
        "ws_al_bn_do",
    ]
