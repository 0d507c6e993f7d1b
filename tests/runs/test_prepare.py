"""A composed configuration becomes a run that has a name: checked once, data in place."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from project.config.compose import compose
from project.config.errors import ConfigurationError
from project.runs.prepare import files_to_send, prepare_run
from tests.config.configurations import changed

PREPARE = """
def prepare(section):
    return section | {"dataset": "faces", "size": 7}, {"dataset": "faces", "source": "5a"}

def wrong(section):
    return section

def hostile(section):
    return section | {"dataset": "../x"}, {}

def files_to_send(section):
    return {"a/b": section["dataset"].encode()}

class Data:
    def __init__(self, size: int): ...
"""


def test_a_prepared_run_is_all_that_a_job_has_to_know(small_mnist: Path) -> None:
    config = compose("train", ["model=ws_al", "seed=3", "trainer.threads=2", "paths.outputs=o"])
    spec = prepare_run(config, "typed", ["model=ws_al"])
    assert (spec.command, spec.threads, spec.outputs) == ("train", 2, Path("o"))
    assert (spec.typed, spec.overrides) == ("typed", ("model=ws_al",))
    assert spec.data["dataset"] == spec.config["data"]["dataset"] == "mnist"
    # What null stands for is settled, so that the record says it.
    assert [spec.config["data"][f"{stage}_pairs"] for stage in ("train", "val", "test")] == [
        1000
    ] * 3
    assert spec.run.variant.startswith("ws_al-")
    assert set(spec.code) == {"digest", "platform", "definitions"}
    assert "project.models.Siamese" in spec.targets
    assert spec.directory.path == Path("o/runs") / spec.run.name
    assert not Path("o").exists()


def test_what_a_command_asks_for_once_is_not_stored(small_mnist: Path) -> None:
    words = ["rerun=true", "code=accept", "++trust_code=true"]
    spec = prepare_run(compose("train", words))
    assert (spec.rerun, spec.accepts_code) == (True, True)
    stored = [spec.config[key] for key in ("rerun", "verify", "code", "trust_code")]
    assert stored == [False, None, None, False]


def test_a_stored_configuration_is_the_same_run_and_at_another_seed_another(
    small_mnist: Path,
) -> None:
    """Its sources of chance follow the seed: nothing in it is frozen."""
    first = prepare_run(compose("train", ["model=ws_al", "seed=0"]))
    again = prepare_run(first.config)
    assert again.run == first.run
    other = prepare_run(first.config | {"seed": 3})
    assert (other.run.variant, other.run.seed) == (first.run.variant, 3)
    assert other.config["seeds"] == {"data": None, "init": None, "order": None}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("seed", -1), "seed=-1: should be greater"),
        (("optimizer.lrr", 1), "unknown key 'optimizer.lrr' for Adam"),
        (("augmentation.shift", 1.0), "'augmentation.shift' belongs to a choice"),
        (("data.source", "ftp"), "data.source=ftp: must be one of"),
        (("data.train_pairs", 1.5), "data.train_pairs=1.5: must be a whole number"),
        (("data.prepare", "no.such.thing"), "data.prepare=no.such.thing: nothing of this name can"),
    ],
)
def test_what_is_wrong_is_refused_before_the_run_has_a_name(
    small_mnist: Path, change: tuple[str, Any], message: str
) -> None:
    with pytest.raises(ConfigurationError) as error:
        prepare_run(changed(change))
    assert str(error.value).startswith(message)


def own_data(function: str) -> dict[str, Any]:
    section = {"name": "mine", "_target_": "mine.Data", "prepare": f"mine.{function}"}
    return changed(("data", section))


def test_ones_own_data_are_settled_by_their_own_function(
    own_modules: Callable[[str, str], Path],
) -> None:
    own_modules("mine", PREPARE)
    spec = prepare_run(own_data("prepare"))
    assert spec.config["data"]["size"] == 7
    assert spec.data == {"name": "mine", "dataset": "faces", "source": "5a"}
    assert spec.run.variant.startswith("ws_al-mine-")
    assert "mine:prepare" in spec.code["definitions"]
    assert files_to_send(spec.config) == {"a/b": b"faces"}


@pytest.mark.parametrize(
    ("function", "message"),
    [
        ("wrong", r"^data\.prepare=mine\.wrong: must return the settled section and facts about"),
        ("hostile", r"^data\.dataset=\.\./x: must begin with a letter or digit"),
    ],
)
def test_a_function_that_settles_anything_else_is_refused(
    own_modules: Callable[[str, str], Path], function: str, message: str
) -> None:
    own_modules("mine", PREPARE)
    with pytest.raises(ConfigurationError, match=message):
        prepare_run(own_data(function))


def test_data_without_such_a_function_are_taken_as_they_are(
    own_modules: Callable[[str, str], Path],
) -> None:
    own_modules("mine", PREPARE)
    config = own_data("prepare")
    config["data"] |= {"prepare": None, "size": 3}
    spec = prepare_run(config)
    assert spec.data == {"name": "mine"}
    assert files_to_send(spec.config) == {}
