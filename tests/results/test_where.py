"""The language of `where=` on runs: what it means, and what it says about what it is not."""

from pathlib import Path

import pytest

from project.results.where import WhereError, known_columns, parse, where
from tests.results.stored_runs import read, write_disk_run, write_run


@pytest.fixture(scope="module")
def outputs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Runs 0 to 3, named by their seeds."""
    folder = tmp_path_factory.mktemp("outputs")
    write_run(folder, seed=0, error=0.1, optimizer__lr=0.5, record={"tags": ["final, v2", "ü"]})
    write_run(folder, "basic", seed=1, error=0.2, optimizer__lr=1, record={"notes": "to (re)do"})
    write_run(folder, "ws_al_bn", seed=2, status="failed", model__channels=[32, 64])
    write_disk_run(folder, seed=3, lr=0.5)
    return folder


@pytest.mark.parametrize(
    ("text", "seeds"),
    [
        ("seed=1", [1]),
        ("seed=1.0", [1]),
        ("seed!=1", [0, 2, 3]),
        ("optimizer.lr>0.5", [1, 2]),
        ("optimizer.lr >= 5e-1 and status = completed", [0, 1]),
        ("model=ws_al*", [0, 2]),
        ("model=ws_al", [0]),
        ("model!=ws_al*", [1, 3]),
        ("test/error<0.15", [0, 3]),
        ("test/error<=0.1 or model=basic", [0, 1, 3]),
        ("status=failed or model=basic and seed=0", [2]),
        ("(status=failed or model=basic) AND seed<2", [1]),
        ("model.channels=[32,64]", [2]),
        ("model.channels=32", [2]),
        ("scheduler=null and optimizer.lr<1", [0]),
        ("activation=null", [0, 1, 2]),
        ("data.shuffle=false", [0, 1, 2]),
        ("lr=0.5", [3]),
        ("tags='final, v2'", [0]),
        ("tags=ü", [0]),
        ('notes="* (re)*"', [1]),
        ("started>2026-11-29", [0, 1, 2, 3]),
        ("started<2026-11-29T14", []),
        ("command=disk", [3]),
        ("model>z", []),
        ("diverged=true", []),
    ],
)
def test_a_condition_chooses_runs(outputs: Path, text: str, seeds: list[int]) -> None:
    assert sorted(run.seed for run in where(text, read(outputs))) == seeds


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "a column is expected here\n  \n  ^"),
        ("seed", "one of = != < <= > >= is expected here\n  seed\n      ^"),
        ("seed=", "a value is expected here\n  seed=\n       ^"),
        ("seed=1 seed=2", "'and', 'or' or the end is expected here\n  seed=1 seed=2\n         ^"),
        ("(seed=1", "')' is expected here\n  (seed=1\n         ^"),
        ("seed=1)", "'and', 'or' or the end is expected here\n  seed=1)\n        ^"),
        ("seed=1 and", "a column is expected here\n  seed=1 and\n            ^"),
        ("seed=1 and and", "one of = != < <= > >= is expected here"),
        ("seed==1", "a value is expected here\n  seed==1\n       ^"),
        ("a='b", "does not parse\n  a='b\n    ^"),
    ],
)
def test_what_does_not_parse_is_refused_with_the_place(text: str, message: str) -> None:
    with pytest.raises(WhereError) as refused:
        parse(text)
    assert message in str(refused.value)
    assert refused.value.exit_code == 2


def test_an_unknown_column_is_refused_with_the_nearest_name(outputs: Path) -> None:
    runs = read(outputs)
    with pytest.raises(WhereError, match=r"no run has a column 'optimiser\.lr'; did you mean 'opt"):
        where("optimiser.lr>1", runs)
    with pytest.raises(WhereError, match="did you mean 'test/error'"):
        where("seed=1 or test/eror<1", runs)
    assert where("whatever=1", []) == []


def test_every_setting_and_metric_is_a_column(outputs: Path) -> None:
    wanted = {"model.channels", "test/error", "activation", "status", "trainer.max_epochs"}
    assert wanted < set(known_columns(read(outputs)))
