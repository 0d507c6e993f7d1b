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
from hydra.core.singleton import Singleton
from hydra.errors import ConfigCompositionException
from hydra.types import HydraContext, RunMode
from omegaconf import DictConfig, OmegaConf

from project.command import CONFIGURATION_FOLDER
from project.launchers.grid import GridError, compose_grid


class Everything:
    """An experiment that accepts every configuration; a run is what it is, as text."""

    task: tuple[str, str] = ("nowhere", "nothing")

    def resolve(self, values: dict[str, Any]) -> tuple[dict[str, Any], Path]:
        return values, Path(repr(values))

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


def test_a_run_that_is_named_twice_is_refused(context: tuple[HydraContext, DictConfig]) -> None:
    with pytest.raises(GridError, match=r"jobs 0 \(seed=1\) and 1 \(seed=1\) are the same run"):
        compose_grid(*context, [("seed=1",), ("seed=1",)], Everything())
