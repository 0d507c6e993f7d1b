"""Studies are taken apart as the sweep does it, and overrides lead back to a configuration."""

from pathlib import Path
from typing import Any

import hydra
import pytest
from hydra.errors import HydraException

from project.composition import (
    CONFIGURATION_FOLDER,
    NO_RUNS_SEED,
    compose_values,
    overrides_for,
    spare_hydras_copies,
    study_arms,
)
from project.configuration import check_train
from project.runs.identity import OPTIONAL_SECTIONS, identify


def test_a_folder_of_ones_own_is_searched_in_one_composition_only(tmp_path: Path) -> None:
    """Compositions share what Hydra knows, but not where it looks."""
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "mine.yaml").write_text("name: mine\n")
    words = [f"hydra.searchpath=[file://{tmp_path}]", "model=mine"]
    spare_hydras_copies()
    with hydra.initialize_config_dir(str(CONFIGURATION_FOLDER), version_base="1.3"):
        assert hydra.compose("train", words).model == {"name": "mine"}
        with pytest.raises(HydraException, match="Could not find 'model/mine'"):
            hydra.compose("train", words[1:])


def test_a_study_consists_of_every_combination_of_its_values_with_its_seeds() -> None:
    arms = study_arms("train", "auxiliary_position")
    assert [(arm.values["model"]["name"], arm.values["model"]["auxiliary"]) for arm in arms] == [
        (model, position)
        for model in ("ws_al", "ws_al_bn_do")
        for position in ("early", "late", "both", "none")
    ]
    assert {arm.seeds for arm in arms} == {tuple(range(10))}
    assert {arm.values["seed"] for arm in arms} == {NO_RUNS_SEED}


def test_what_a_study_holds_fixed_does_not_follow_the_seed() -> None:
    arms = study_arms("train", "variance")
    assert [arm.values["seeds"]["data"] for arm in arms] == [NO_RUNS_SEED, NO_RUNS_SEED, 1000, 1000]


def test_part_twos_study_is_none_of_part_one() -> None:
    assert len(study_arms("disk", "disk_learning_rate")) == 14
    with pytest.raises(HydraException, match="activation"):
        study_arms("train", "disk_learning_rate")


@pytest.mark.parametrize(
    ("words", "shortest"),
    [
        (["model=basic"], ["model=basic"]),
        (["model=ws_al", "optimizer.lr=0.3"], ["model=ws_al", "optimizer.lr=0.3"]),
        (["model=ws_al", "optimizer.lr=0.1"], ["model=ws_al"]),
        (["model=ws_al", "optimizer=adam"], ["model=ws_al", "optimizer=adam"]),
        (
            ["model=ws_al", "data=pairs"],
            ["model=ws_al", "data.shuffle=true", "data.normalise=true"],
        ),
        (
            ["model=ws_al", "seeds=init_only"],
            ["model=ws_al", "seeds.data=1000", "seeds.order=1000"],
        ),
        (
            ["model=ws_al_do", "model.dropout_conv=[0.1,0.3]"],
            ["model=ws_al_do", "model.dropout_conv=[0.1,0.3]"],
        ),
        (["model=frontier"], ["model=frontier"]),
        (["model=ws_al", "schedule=one_cycle"], ["model=ws_al", "schedule=one_cycle"]),
        (
            ["model=ws_al", "averaging=exponential", "averaging.decay=0.5"],
            ["model=ws_al", "averaging=exponential", "averaging.decay=0.5"],
        ),
        (
            ["model=frontier", "+ablation=schedule", "optimizer=sgd"],
            ["model=frontier", "optimizer=sgd", "schedule=constant"],
        ),
        (["model=frontier", "+ablation=augmentation"], ["model=frontier", "augmentation=none"]),
        (["model=frontier", "+ablation=re_pairing"], ["model=frontier", "data.re_pair=false"]),
        (["model=ws_al", "trainer=ddp"], ["model=ws_al", "trainer.devices=2"]),
        (["model=ws_al", "paths.data='/a b'"], ["model=ws_al", "paths.data='/a b'"]),
        (["model=ws_al", "paths.outputs=elsewhere", "rerun=true"], ["model=ws_al"]),
    ],
)
def test_the_shortest_words_that_lead_to_a_configuration_lead_to_its_arm(
    words: list[str], shortest: list[str]
) -> None:
    wanted = compose_values("train", [*words, "seed=3"])
    assert overrides_for("train", wanted) == shortest
    found = compose_values("train", [*shortest, "seed=3"])
    assert identify(found, "mnist") == identify(wanted, "mnist")


def test_part_twos_configurations_have_words_too() -> None:
    wanted = compose_values("disk", ["activation=relu", "lr=0.5", "hidden=[10,10]", "seed=3"])
    assert overrides_for("disk", wanted) == ["activation=relu", "hidden=[10,10]", "lr=0.5"]


def test_runs_of_before_there_were_such_keys_have_words() -> None:
    old: dict[str, Any] = compose_values("train", ["model=ws_al", "seed=3"])
    del old["seeds"], old["trainer"]["devices"], old["data"]["re_pair"]
    del old["loss"]["label_smoothing"]
    for section in (*OPTIONAL_SECTIONS, "checkpoints", "dashboard", "verify"):
        del old[section]
    assert overrides_for("train", old) == ["model=ws_al"]


def test_a_run_of_before_there_was_gamma_has_the_word_that_leaves_it_out() -> None:
    old: dict[str, Any] = compose_values("train", ["augmentation=deformation", "seed=3"])
    del old["augmentation"]["gamma"]
    words = ["model=ws_al_bn_do", "augmentation=deformation", "augmentation.gamma=1"]
    assert overrides_for("train", old) == words
    again = compose_values("train", [*words, "seed=3"])
    assert identify(again, "mnist") == identify(old, "mnist")


def test_a_configuration_with_other_keys_or_a_net_that_is_gone_has_no_words() -> None:
    wanted = compose_values("train", ["model=ws_al"])
    with_more = wanted | {"model": wanted["model"] | {"width": 3}}
    with_less = wanted | {"loss": {}}
    gone = wanted | {"model": wanted["model"] | {"name": "no_such_net"}}
    assert [overrides_for("train", each) for each in (with_more, with_less, gone)] == [None] * 3


def test_the_frontiers_ablation_takes_one_ingredient_away_at_a_time() -> None:
    whole, *others = (arm.values for arm in study_arms("train", "frontier_ablation"))
    words = ["model=frontier", "trainer.max_epochs=20", f"seed={NO_RUNS_SEED}"]
    assert whole == compose_values("train", words)

    def differing(values: dict[str, Any]) -> list[str]:
        return [
            f"{section}.{key}" if isinstance(part, dict) else section
            for section, part in values.items()
            if part != whole[section]
            for key in (part if isinstance(part, dict) else [""])
            if not isinstance(part, dict) or part[key] != whole[section][key]
        ]

    assert [differing(values) for values in others] == [
        ["model.head"],
        ["data.re_pair"],
        ["augmentation"],
        ["loss.label_smoothing"],
        ["averaging"],
        ["schedule"],
        ["model.channels"],
    ]


def test_sample_efficiency_needs_no_digit_twice() -> None:
    arms = study_arms("train", "sample_efficiency")
    assert len(arms) == 18
    for arm in arms:
        check_train(arm.values)
