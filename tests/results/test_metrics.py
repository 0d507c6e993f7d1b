"""Which metric judges runs, and what it chooses: by validation, never by test values."""

from pathlib import Path

import pytest

from project.config.errors import ConfigurationError
from project.results.metrics import Metric, best_by_validation, named_metric, own_metric
from tests.results.stored_runs import read, variants, write_run, write_variant

ERROR = Metric("error", "min")


def test_the_runs_own_metric_is_the_one_that_all_of_them_name(tmp_path: Path) -> None:
    write_run(tmp_path)
    assert own_metric(read(tmp_path)) == ERROR
    write_run(tmp_path, "b", record={"metric": {"name": "auc", "direction": "max"}})
    with pytest.raises(ConfigurationError, match=r"auc \(max\) and error \(min\); choose one"):
        own_metric(read(tmp_path))


@pytest.mark.parametrize(
    ("typed", "metric"),
    [
        ("error", ERROR),
        ("test/error", ERROR),
        ("auc", Metric("auc", "max")),
        ("digit_error", Metric("digit_error", "min")),
        ("fuss:max", Metric("fuss", "max")),
        ("error:max", Metric("error", "max")),
    ],
)
def test_a_metric_is_any_that_was_logged_and_its_direction_is_known_or_typed(
    tmp_path: Path, typed: str, metric: Metric
) -> None:
    names = ("error", "auc", "digit_error", "fuss")
    write_run(tmp_path, metrics={f"test/{name}": 0.5 for name in names})
    assert named_metric(typed, read(tmp_path)) == metric


def test_a_metric_that_no_run_has_or_of_no_known_direction_is_refused(tmp_path: Path) -> None:
    write_run(tmp_path, metrics={"test/error": 0.5, "val/fuss": 0.5, "test/auc": 1.0})
    runs = read(tmp_path)
    with pytest.raises(
        ConfigurationError, match="no completed run has it; known: auc, error, fuss"
    ):
        named_metric("xyz", runs)
    with pytest.raises(ConfigurationError, match="did you mean 'error'"):
        named_metric("errors", runs)
    for typed in ("fuss", "fuss:up"):
        with pytest.raises(ConfigurationError, match="metric=fuss:min or metric=fuss:max"):
            named_metric(typed, runs)


def test_the_best_variant_has_the_best_mean_validation_value(tmp_path: Path) -> None:
    for seed in (0, 1):
        write_run(tmp_path, "lucky_on_test", seed, error=0.01, val_error=0.3)
        write_run(tmp_path, "best", seed, error=0.2, val_error=0.1 + seed / 10)
        write_run(tmp_path, "worse", seed, error=0.2, val_error=0.2)
    found = variants(tmp_path)
    best, highest = (
        best_by_validation(found, Metric("error", direction)) for direction in ("min", "max")
    )
    assert best is not None
    assert highest is not None
    assert (best.prefix, highest.prefix) == ("best", "lucky_on_test")


def test_a_variant_with_fewer_seeds_or_diverged_runs_is_not_chosen(tmp_path: Path) -> None:
    write_variant(tmp_path, [0.5, 0.5], "whole")
    write_variant(tmp_path, [0.1, 0.1], "diverging")
    write_run(tmp_path, "diverging", 2, status="failed", diverged=True)
    write_variant(tmp_path, [0.1], "short")
    write_variant(tmp_path, [0.1, 0.1], "blind", metrics={"test/error": 0.1})
    best = best_by_validation(variants(tmp_path), ERROR)
    assert best is not None
    assert best.prefix == "whole"
    assert best_by_validation([], ERROR) is None
