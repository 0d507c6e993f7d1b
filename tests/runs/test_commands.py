"""The words that lead back to a configuration: the shortest, and to the same variant."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from project.config.compose import compose
from project.disk.experiment import identify as identify_disk
from project.runs.commands import overrides_for
from project.runs.prepare import prepare_run


@pytest.mark.parametrize(
    ("words", "shortest"),
    [
        (["model=basic"], ["model=basic"]),
        (["model=ws_al", "optimizer.lr=0.3"], ["model=ws_al", "optimizer.lr=0.3"]),
        (["model=ws_al", "optimizer.lr=0.1"], ["model=ws_al"]),
        (["model=ws_al", "optimizer=adam"], ["model=ws_al", "optimizer=adam"]),
        (["model=ws_al", "data=mnist_pairs"], ["model=ws_al", "data=mnist_pairs"]),
        (
            ["model=ws_al", "seeds=init_only"],
            ["model=ws_al", "seeds.data=1000", "seeds.order=1000"],
        ),
        (
            ["model=ws_al_do", "model.dropout_conv=[0.1,0.3]"],
            ["model=ws_al_do", "model.dropout_conv=[0.1,0.3]"],
        ),
        (["model=frontier"], ["model=frontier"]),
        (["model=ws_al", "scheduler=one_cycle"], ["model=ws_al", "scheduler=one_cycle"]),
        (
            ["model=ws_al", "callbacks=ema", "callbacks.ema.decay=0.5"],
            ["model=ws_al", "callbacks=[ema]", "callbacks.ema.decay=0.5"],
        ),
        (
            ["model=frontier", "+ablation=scheduler", "optimizer=sgd"],
            ["model=frontier", "optimizer=sgd", "scheduler=constant"],
        ),
        (["model=frontier", "+ablation=augmentation"], ["model=frontier", "augmentation=none"]),
        (["model=frontier", "+ablation=ema"], ["model=frontier", "callbacks=none"]),
        (
            ["model=frontier", "+ablation=resampling"],
            ["model=frontier", "data.resample_pairs=false"],
        ),
        (["model=ws_al", "trainer=ddp"], ["model=ws_al", "trainer.devices=2"]),
        (["model=ws_al", "++trainer.precision='16'"], ["model=ws_al", "trainer.precision='16'"]),
        (["model=ws_al", "data.source=npm", "paths.outputs=elsewhere", "rerun=true", "notes=x",
          "tags=[a]", "checkpoints.max_overhead=1", "logger=none"], ["model=ws_al"]),
    ],
)  # fmt: skip
def test_the_shortest_words_that_lead_to_a_configuration_lead_to_its_variant(
    small_mnist: Path, words: list[str], shortest: list[str]
) -> None:
    wanted = prepare_run(compose("train", [*words, "seed=3"]))
    found = overrides_for("train", wanted.config)
    assert found == shortest
    typed = [
        f"++{word}" if word.startswith("trainer.precision") else word for word in [*found, "seed=3"]
    ]
    assert prepare_run(compose("train", typed)).run == wanted.run


def test_part_twos_configurations_have_words_too() -> None:
    wanted = compose("disk", ["activation=relu", "lr=0.5", "hidden=[10,10]", "seed=3"])
    words = overrides_for("disk", wanted)
    assert words == ["activation=relu", "hidden=[10,10]", "lr=0.5"]
    assert identify_disk(compose("disk", [*words, "seed=3"])) == identify_disk(wanted)


def test_ones_own_files_have_words_too(
    small_mnist: Path, tmp_path: Path, own_modules: Callable[[str, str], Path]
) -> None:
    own_modules("mine", "class Net:\n    def __init__(self, width=1): ...\n")
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "net.yaml").write_text(
        "# @package _global_\nmodel: {_target_: mine.Net, width: 2}\n"
    )
    wanted = prepare_run(compose("train", ["model=net", "model.width=5"], [tmp_path]))
    assert overrides_for("train", wanted.config, [tmp_path]) == ["model=net", "model.width=5"]


def with_key(config: dict[str, Any], section: str, **keys: Any) -> dict[str, Any]:
    return config | {section: config[section] | keys}


def test_a_configuration_with_other_keys_or_a_net_that_is_gone_has_no_words(
    small_mnist: Path,
) -> None:
    wanted = prepare_run(compose("train", ["model=ws_al"])).config
    less = with_key(wanted, "task")
    del less["task"]["auxiliary_weight"]
    gone = with_key(wanted, "model", name="no_such_net")
    hostile = with_key(wanted, "data", name="../../outputs/evil")
    for config in (less, gone, hostile, {}, {"model": 3}):
        assert overrides_for("train", config) is None


def test_a_key_that_the_files_do_not_have_is_typed(small_mnist: Path) -> None:
    wanted = prepare_run(compose("train", ["model=ws_al"])).config
    assert overrides_for("train", with_key(wanted, "optimizer", maximize=True)) == [
        "model=ws_al", "optimizer.maximize=true",
    ]  # fmt: skip
