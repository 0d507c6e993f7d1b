"""Variants are compared seed by seed where the test examples agree, and example by example."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy import stats

from project.results.comparisons import (
    ExampleComparison,
    compare_examples,
    compare_variants,
    paired_runs,
    unpaired_seeds,
    why_not_paired,
)
from project.results.metrics import Metric
from project.runs.record import CorruptRunError
from tests.results.stored_runs import variant, write_predictions, write_run, write_variant

ERROR, ACCURACY = Metric("error", "min"), Metric("accuracy", "max")
GOOD = [0.020, 0.022, 0.019, 0.025, 0.021, 0.023, 0.020]
BAD = [0.050, 0.049, 0.054, 0.051, 0.055, 0.048, 0.052]


def test_the_difference_is_that_at_the_same_seeds(tmp_path: Path) -> None:
    write_variant(tmp_path, GOOD, "good")
    write_variant(tmp_path, dict(enumerate(BAD, start=2)), "bad")
    good, bad = (variant(tmp_path, name) for name in ("good", "bad"))
    assert why_not_paired(bad, good, "test/error") == ""
    assert [(a.seed, b.seed) for a, b in paired_runs(bad, good)] == [(k, k) for k in range(2, 7)]
    compared = compare_variants(bad, good, ERROR)
    assert compared.mean == pytest.approx(np.mean(np.subtract(BAD[:5], GOOD[2:])))
    assert (compared.n, compared.p_better) == (5, 0.0)


def test_where_higher_is_better_the_higher_one_is(tmp_path: Path) -> None:
    for model, values in (("a", BAD), ("b", GOOD)):
        for seed, value in enumerate(values):
            write_run(tmp_path, model, seed, metrics={"test/accuracy": value})
    compared = compare_variants(variant(tmp_path, "a"), variant(tmp_path, "b"), ACCURACY)
    assert compared.mean > 0
    assert compared.p_better == 1.0
    assert compared.t_p_value == pytest.approx(stats.ttest_rel(BAD, GOOD).pvalue)


@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        ({"origin": {"data": {"test": "7"}}}, "not the same test examples"),
        ({"origin": {"data": {"test": None}}}, "not the same test examples"),
        ({"data__test_pairs": 5}, "not the same test examples: data.test_pairs 5 against 1000"),
        (
            {"seeds": {"data": 9, "init": None, "order": None}},
            "not the same test examples: seeds.data 9 against default",
        ),
        ({"metrics": {"test/auc": 0.5}}, "not all runs have test/error"),
    ],
)
def test_runs_on_other_test_examples_do_not_pair_and_it_is_said_why(
    tmp_path: Path, settings: dict[str, Any], reason: str
) -> None:
    write_variant(tmp_path, GOOD, "good")
    write_variant(tmp_path, BAD, "other", **settings)
    good, other = (variant(tmp_path, name) for name in ("good", "other"))
    assert why_not_paired(other, good, "test/error") == reason


def test_what_does_not_change_the_test_examples_may_differ(tmp_path: Path) -> None:
    write_variant(tmp_path, GOOD, "good")
    write_variant(tmp_path, BAD, "other", data__train_pairs=5, data__batch_size=50)
    good, other = (variant(tmp_path, name) for name in ("good", "other"))
    assert len(paired_runs(other, good)) == 7


def test_only_seeds_with_the_same_examples_pair(tmp_path: Path) -> None:
    write_variant(tmp_path, GOOD, "good")
    write_variant(tmp_path, BAD[:3], "other")
    write_run(tmp_path, "other", 3, origin={"data": {"test": "others"}})
    good, other = (variant(tmp_path, name) for name in ("good", "other"))
    assert [run.seed for run, _ in paired_runs(other, good)] == [0, 1, 2]
    assert unpaired_seeds(other, good) == [3]


def test_survivors_of_divergence_and_variants_without_a_common_seed_do_not_pair(
    tmp_path: Path,
) -> None:
    write_variant(tmp_path, GOOD, "good")
    write_variant(tmp_path, BAD[:6], "wild")
    write_run(tmp_path, "wild", 6, status="failed", diverged=True)
    write_run(tmp_path, "alone", 99)
    good, wild, alone = (variant(tmp_path, name) for name in ("good", "wild", "alone"))
    reason = "1 of 7 runs diverged, and the others are not a fair sample"
    assert why_not_paired(wild, good, "test/error") == reason
    assert why_not_paired(good, wild, "test/error") == reason.replace("d,", "d,").replace(
        "runs", "runs of the baseline"
    )
    assert why_not_paired(alone, good, "test/error") == "no seed in common"


def test_two_nets_are_compared_example_by_example(tmp_path: Path) -> None:
    target = [0] * 20
    for seed, (a, b) in enumerate([([0] * 20, [1] * 12 + [0] * 8), ([0, 1], [1, 0]), ([0], [0])]):
        for model, predicted in (("a", a), ("b", b)):
            directory = write_run(tmp_path, model, seed)
            write_predictions(directory, predicted, target[: len(predicted)])
    pairs = paired_runs(variant(tmp_path, "a"), variant(tmp_path, "b"))
    expected = stats.binomtest(12, 12).pvalue
    found = compare_examples(pairs)
    assert found == [
        ExampleComparison(0, 20, 12, 0, 0, expected),
        ExampleComparison(1, 2, 1, 1, 0, 1.0),
        ExampleComparison(2, 1, 0, 0, 0, 1.0),
    ]
    assert [each.better for each in found] == ["a", "", ""]
    assert compare_examples([pair[::-1] for pair in pairs])[0].better == "b"


def test_predictions_of_other_targets_or_no_classes_are_not_compared(tmp_path: Path) -> None:
    for seed, (predicted, target) in enumerate(
        [([0, 1], [1, 0]), ([0.5, 0.1], [0, 1]), ([0, 1, 1], [0, 1])]
    ):
        write_predictions(write_run(tmp_path, "a", seed), [0, 1], [0, 1])
        write_predictions(write_run(tmp_path, "b", seed), predicted, target)
    write_predictions(write_run(tmp_path, "a", 9), [0], [0])
    write_run(tmp_path, "b", 9)
    pairs = paired_runs(variant(tmp_path, "a"), variant(tmp_path, "b"))
    assert len(pairs) == 4
    assert compare_examples(pairs) == []


def test_damaged_predictions_are_named(tmp_path: Path) -> None:
    for model in ("a", "b"):
        (write_run(tmp_path, model) / "predictions.npz").write_bytes(b"PK\x03\x04 torn")
    pairs = paired_runs(variant(tmp_path, "a"), variant(tmp_path, "b"))
    with pytest.raises(CorruptRunError, match=r"seed_0/predictions\.npz cannot be read"):
        compare_examples(pairs)
