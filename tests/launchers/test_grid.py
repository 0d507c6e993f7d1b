"""The grid is composed as Hydra would, and faster."""

from collections.abc import Iterator, Sequence
from itertools import product
from pathlib import Path
from typing import Any

import pytest
from hydra import initialize_config_dir
from hydra._internal.callbacks import Callbacks
from hydra.core.global_hydra import GlobalHydra
from hydra.core.hydra_config import HydraConfig
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.singleton import Singleton
from hydra.errors import ConfigCompositionException
from hydra.types import HydraContext, RunMode
from omegaconf import DictConfig, OmegaConf

from project.command import CONFIGURATION_FOLDER
from project.launchers.grid import GridError, combined, compose_grid


class Everything:
    """An experiment that accepts every configuration; an arm is what it is, as text."""

    task: tuple[str, str] = ("nowhere", "nothing")

    def resolve(self, values: dict[str, Any]) -> tuple[dict[str, Any], Path]:
        seed, seeds = values["seed"], values["seeds"]
        held = {source: own for source, own in seeds.items() if own != seed}
        return values, Path(repr(values | {"seed": None, "seeds": held})) / f"seed={seed}"

    def check(self, waiting: Sequence[dict[str, Any]], here: bool) -> None:
        pass

    def files_to_send(self, values: dict[str, Any]) -> dict[str, bytes]:
        return {}


@pytest.fixture
def context() -> Iterator[tuple[HydraContext, DictConfig]]:
    before = Singleton.get_state()
    with initialize_config_dir(str(CONFIGURATION_FOLDER), version_base="1.3"):
        hydra = GlobalHydra.instance().hydra
        assert hydra is not None
        config = hydra.compose_config("train", [], RunMode.MULTIRUN)
        yield HydraContext(hydra.config_loader, Callbacks()), config
    Singleton.set_state(before)


GRIDS = [
    [(f"seed={seed}",) for seed in range(2)],
    list(product(("seed=4", "seed=0"), ("model=basic", "model=ws_al_do"))),
    list(product(("model=ws_al", "model=ws_al_do"), ("optimizer.lr=0.1", "optimizer.lr=2"))),
    list(product(("seeds=together", "seeds=data_only", "seeds.init=7"), ("seed=1",))),
    list(
        product(
            ("optimizer=adam",),
            ("optimizer.betas=[0.9,0.99]", "optimizer.betas=[0.8,0.9]"),
            ("+model.extra=1",),
            ("paths.outputs=a/${seed}", "paths.outputs='b c'"),
        )
    ),
    [("loss={auxiliary_weight: 3}",), ("~loss.auxiliary_weight",)],
]


@pytest.mark.parametrize("grid", GRIDS)
def test_every_job_has_the_configuration_that_hydra_would_compose(
    context: tuple[HydraContext, DictConfig], grid: list[tuple[str, ...]]
) -> None:
    loader = context[0].config_loader
    jobs = compose_grid(*context, grid, Everything())
    assert [(job.number, job.overrides) for job in jobs] == list(enumerate(grid))
    for job in jobs:
        composed = loader.load_sweep_config(context[1], list(job.overrides))
        HydraConfig.instance().set_config(composed)
        task = OmegaConf.masked_copy(composed, [str(key) for key in composed if key != "hydra"])
        assert job.values == OmegaConf.to_container(task, resolve=True)


def test_jobs_that_choose_the_same_files_are_composed_once(
    context: tuple[HydraContext, DictConfig], monkeypatch: pytest.MonkeyPatch
) -> None:
    composed = []
    compose = type(context[0].config_loader).load_sweep_config

    def count(loader: Any, config: DictConfig, overrides: list[str]) -> DictConfig:
        composed.append(overrides)
        return compose(loader, config, overrides)

    monkeypatch.setattr(type(context[0].config_loader), "load_sweep_config", count)
    models = ("model=basic", "model=ws_al")
    rates = [f"optimizer.lr={lr}" for lr in (0.1, 0.2, 0.3)]
    seeds = [f"seed={seed}" for seed in range(5)]
    jobs = compose_grid(*context, list(product(models, rates, seeds)), Everything())
    assert len(jobs) == 2 * 3 * 5
    assert composed == [["model=basic"], ["model=ws_al"]]


def test_an_arm_is_named_by_what_tells_it_from_the_others(
    context: tuple[HydraContext, DictConfig],
) -> None:
    grid = list(product(("model=ws_al",), ("optimizer.lr=1", "optimizer.lr=2"), ("seed=0",)))
    assert [job.arm for job in compose_grid(*context, grid, Everything())] == [
        "optimizer.lr=1",
        "optimizer.lr=2",
    ]
    seeds = [("model=ws_al", f"seed={seed}") for seed in range(2)]
    assert [job.arm for job in compose_grid(*context, seeds, Everything())] == ["", ""]


def test_a_key_that_is_not_there_is_refused_as_hydra_refuses_it(
    context: tuple[HydraContext, DictConfig],
) -> None:
    with pytest.raises(ConfigCompositionException, match="Could not override"):
        compose_grid(*context, [("optimizer.lrr=1",), ("optimizer.lrr=2",)], Everything())


def test_jobs_that_differ_in_their_seed_are_of_one_arm_or_refused(
    context: tuple[HydraContext, DictConfig],
) -> None:
    grid = [("seeds.data=3", f"seed={seed}") for seed in (2, 4)]
    compose_grid(*context, grid, Everything())
    with pytest.raises(GridError, match=r"jobs 0 .* and 2 .* would be runs of two arms: .* 1000"):
        compose_grid(*context, [*grid, ("seeds.data=3", "seed=3")], Everything())


def test_a_run_that_is_named_twice_is_refused(context: tuple[HydraContext, DictConfig]) -> None:
    with pytest.raises(GridError, match=r"jobs 0 \(seed=1\) and 1 \(seed=1\) are the same run"):
        compose_grid(*context, [("seed=1",), ("seed=1",)], Everything())


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["seed=range(0)"], r"^seed=range\(0\) holds no value, so there is no job$"),
        (["model=basic,ws_al", "seed=range(3,1)"], r"^seed=range\(3,1\) holds no value"),
        (["seed=glob(*)", "model=glob(x*)"], r"^seed=glob\(\*\) model=glob\(x\*\) holds no value"),
        (
            ["model=basic", "seed=range(0,3,0)"],
            r"^seed=range\(0,3,0\): range\(\) arg 3 must not be zero$",
        ),
    ],
)
def test_a_sweep_without_a_job_is_refused_by_the_word_that_holds_no_value(
    context: tuple[HydraContext, DictConfig], words: list[str], said: str
) -> None:
    parser = OverridesParser.create(config_loader=context[0].config_loader)
    with pytest.raises(GridError, match=said):
        combined(parser.parse_overrides(words))


def test_a_sweep_without_a_job_of_another_sweeper_is_refused(
    context: tuple[HydraContext, DictConfig],
) -> None:
    with pytest.raises(GridError, match="holds no value, so there is no job"):
        compose_grid(*context, [], Everything())
