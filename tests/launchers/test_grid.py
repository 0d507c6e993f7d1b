"""The grid is composed as Hydra would, and faster."""

import json
from collections.abc import Iterator, Sequence
from itertools import product
from pathlib import Path
from typing import Any

import hydra
import pytest
from hydra.core.config_loader import ConfigLoader
from hydra.core.global_hydra import GlobalHydra
from hydra.core.hydra_config import HydraConfig
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.errors import ConfigCompositionException
from hydra.types import RunMode
from omegaconf import DictConfig

from project.config.compose import CONF, combinations, compose
from project.config.errors import ConfigurationError, ConflictError
from project.config.identity import Run
from project.launchers.experiment import Job
from project.launchers.grid import compose_grid, with_params
from project.runs.spec import RunSpec


class Everything:
    """An experiment that accepts every configuration; a variant is what it is, as JSON."""

    task: tuple[str, str] = ("nowhere", "nothing")
    preload: tuple[str, ...] = ()

    def __init__(self, outputs: Path) -> None:
        self.outputs = outputs
        self.prepared: list[Sequence[str]] = []

    def prepare(self, config: dict[str, Any], words: Sequence[str]) -> RunSpec:
        self.prepared.append(words)
        settings = {"variant": json.dumps(config | {"seed": None}, sort_keys=True)}
        return RunSpec(
            command="any",
            config=config,
            run=Run("any", None, settings, config["seed"]),
            outputs=self.outputs,
            threads=1,
            data={},
            code={},
            overrides=tuple(words),
        )

    def check(self, waiting: Sequence[RunSpec], here: bool) -> None:
        pass

    def files_to_send(self, spec: RunSpec) -> dict[str, bytes]:
        return {}


Context = tuple[ConfigLoader, DictConfig]
Grid = Sequence[Sequence[str]]


@pytest.fixture
def context() -> Iterator[Context]:
    before = HydraConfig.instance().cfg
    with hydra.initialize_config_dir(str(CONF)):
        loader = GlobalHydra.instance().config_loader()
        yield loader, loader.load_configuration("train", [], RunMode.MULTIRUN)
    HydraConfig.instance().cfg = before


@pytest.fixture
def everything(tmp_path: Path) -> Everything:
    return Everything(tmp_path)


GRIDS: list[Grid] = [
    [(f"seed={seed}",) for seed in range(2)],
    list(product(("seed=4", "seed=0"), ("model=basic", "model=ws_al_do"))),
    list(product(("model=ws_al", "model=ws_al_do"), ("++optimizer.lr=0.1", "++optimizer.lr=2"))),
    list(product(("seeds=together", "seeds=data_only", "seeds.init=7"), ("seed=1", "seed=2"))),
    list(
        product(
            ("optimizer=adam",),
            ("++optimizer.betas=[0.9,0.99]", "++optimizer.betas=[0.8,0.9]"),
            ("++model.extra=1",),
            ("paths.outputs=a/${seed}", "paths.outputs='b c'", "paths.outputs=a${seeds.init}"),
            ("seed=1", "seed=2"),
        )
    ),
    [("checkpoints={max_overhead: 0.5}",), ("~checkpoints.max_overhead",)],
    list(product(("++task.auxiliary_weight=${seed}",), ("seed=1", "seed=2"))),
]


@pytest.mark.parametrize("grid", GRIDS)
def test_every_job_has_the_configuration_that_hydra_would_compose(
    context: Context, everything: Everything, grid: Grid
) -> None:
    jobs = compose_grid(*context, grid, everything)
    typed = [tuple(word.removeprefix("++") for word in words) for words in grid]
    assert [(job.number, job.overrides) for job in jobs] == list(enumerate(typed))
    for job, words in zip(jobs, grid, strict=True):
        assert job.spec.config == compose("train", words)
        assert job.spec.overrides == job.overrides
        assert job.spec.run.seed == job.spec.config["seed"]


def test_jobs_that_choose_the_same_files_are_composed_once_and_variants_prepared_once(
    context: Context, everything: Everything, monkeypatch: pytest.MonkeyPatch
) -> None:
    composed = []
    load = context[0].load_sweep_config

    def count(config: DictConfig, overrides: list[str]) -> DictConfig:
        composed.append(overrides)
        return load(config, overrides)

    monkeypatch.setattr(context[0], "load_sweep_config", count)
    models = ("model=basic", "model=ws_al")
    rates = [f"++optimizer.lr={lr}" for lr in (0.1, 0.2, 0.3)]
    seeds = [f"seed={seed}" for seed in range(5)]
    jobs = compose_grid(*context, list(product(models, rates, seeds)), everything)
    assert len(jobs) == 2 * 3 * 5
    assert composed == [["model=basic"], ["model=ws_al"]]
    assert len(everything.prepared) == 2 * 3


def labels(jobs: Sequence[Job]) -> list[str]:
    return [job.label for job in jobs]


def test_a_variant_is_labelled_by_what_tells_it_from_the_others(
    context: Context, everything: Everything
) -> None:
    rates = ("++optimizer.lr=1", "++optimizer.lr=2")
    grid = list(product(("model=ws_al",), rates, ("seed=0",)))
    assert labels(compose_grid(*context, grid, everything)) == ["optimizer.lr=1", "optimizer.lr=2"]
    seeds = [("model=ws_al", f"seed={seed}") for seed in range(2)]
    assert labels(compose_grid(*context, seeds, everything)) == ["", ""]


def test_a_key_that_is_not_there_is_refused_as_hydra_refuses_it(
    context: Context, everything: Everything
) -> None:
    with pytest.raises(ConfigCompositionException, match="Could not override"):
        compose_grid(*context, [("optimizer.lrr=1",), ("optimizer.lrr=2",)], everything)


def test_a_run_that_is_named_twice_is_refused(context: Context, everything: Everything) -> None:
    with pytest.raises(
        ConfigurationError, match=r"jobs 0 \(seed=1\) and 1 \(seed=1\) are the same run"
    ):
        compose_grid(*context, [("seed=1",), ("seed=1",)], everything)


@pytest.mark.parametrize("place", ["runs", "variant", "run"])
def test_a_sweep_is_refused_before_it_writes_through_a_link(
    context: Context, everything: Everything, tmp_path: Path, place: str
) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    everything.outputs = tmp_path / "outputs"
    grid = [("seed=0",), ("seed=1",)]
    directory = compose_grid(*context, grid, everything)[1].directory
    link = {"runs": directory.parents[1], "variant": directory.parent, "run": directory}[place]
    link.parent.mkdir(parents=True)
    link.symlink_to(outside)
    with pytest.raises(ConflictError, match="through a symbolic link"):
        compose_grid(*context, grid, everything)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (
            ["seed=range(0)"],
            r"^seed=range\(0\) lists no values, so the sweep has no jobs; give at least one value$",
        ),
        (["model=basic,ws_al", "seed=range(3,1)"], r"^seed=range\(3,1\) lists no values"),
        (["seed=glob(*)", "model=glob(x*)"], r"^seed=glob\(\*\) lists no values"),
        (["model=basic", "seed=range(0,3,0)"], r"^seed=range\(0,3,0\): .*zero"),
    ],
)
def test_a_sweep_without_a_job_is_refused_by_the_word_that_holds_no_value(
    context: Context, words: list[str], said: str
) -> None:
    parser = OverridesParser.create(config_loader=context[0])
    with pytest.raises(ConfigurationError, match=said):
        combinations(parser.parse_overrides(words))


def test_a_sweep_without_a_job_of_another_sweeper_is_refused(
    context: Context, everything: Everything
) -> None:
    with pytest.raises(ConfigurationError, match="lists no values, so the sweep has no jobs"):
        compose_grid(*context, [], everything)


def test_the_last_override_of_a_key_wins_also_over_a_sweep() -> None:
    assert with_params({}, ["seed=range(10)", "rerun=true", "seed=0"]) == ["rerun=true", "seed=0"]
    assert with_params({}, ["seed=0", "seed=range(10)", "~a", "~b"]) == [
        "seed=range(10)",
        "~a",
        "~b",
    ]


def test_the_command_line_wins_over_what_a_study_sweeps() -> None:
    params = {"model": "basic,ws_al", "seed": "range(10)", "+model.extra": "1,2"}
    assert with_params(params, ["seed=3", "++model.extra=4", "rerun=true"]) == [
        "model=basic,ws_al",
        "seed=3",
        "++model.extra=4",
        "rerun=true",
    ]
