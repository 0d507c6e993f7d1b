"""A claim holds, fails or is undecided by its paired difference; what is missing is named."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from project.config.compose import compose
from project.epfl.claims import (
    Judgement,
    Part,
    Verdict,
    compare_claim,
    in_reported_stds,
    judge,
    judgement_table,
    not_run,
    rows_of,
    verdict_on,
)
from project.epfl.reference import Claim, Finding
from project.report.formatting import MINUS
from project.report.sections import Cell, PageTable
from project.results.statistics import compare_paired, holm
from project.results.variants import Variant, departures, identity_of
from tests.results.stored_runs import (
    change_record,
    variant,
    variants,
    write_run,
    write_variant,
)

LOW = [0.020, 0.022, 0.019, 0.025, 0.018, 0.021, 0.020]
HIGH = [0.10, 0.13, 0.11, 0.09, 0.12, 0.105, 0.115]


def rows(outputs: Path, **errors: Sequence[float] | dict[int, float]) -> dict[str, Variant]:
    for model, own in errors.items():
        write_variant(outputs, own, model)
    return {model: variant(outputs, model) for model in errors}


def judge_one(claims: Sequence[Claim], own: dict[str, Variant]) -> Judgement:
    (judgement,) = judge([Finding(says="It is so", smaller=list(claims))], own)
    return judgement


@pytest.mark.parametrize(
    ("smaller", "larger", "verdict"),
    [
        (LOW, HIGH, "holds"),
        (HIGH, LOW, "fails"),
        (LOW, [*LOW[1:], LOW[0]], "undecided"),
        (LOW[:5], HIGH[:5], "exploratory"),
    ],
)
def test_a_claim_is_judged_by_the_difference_and_its_p_value(
    tmp_path: Path, smaller: list[float], larger: list[float], verdict: str
) -> None:
    own = rows(tmp_path, ws_al=smaller, basic=larger)
    judged = judge_one([("error", "ws_al", "basic")], own)
    (part,) = judged.parts
    assert (judged.verdict, part.verdict) == (verdict, verdict)
    assert part.paired == compare_paired(smaller, larger)
    assert part.claim == "ws_al below basic: test error"


def test_p_values_are_corrected_over_all_claims_of_all_findings(tmp_path: Path) -> None:
    own = rows(tmp_path, ws_al=LOW, basic=HIGH, resnet=[*LOW[1:], LOW[0]])
    pairs = [("ws_al", "basic"), ("ws_al", "resnet"), ("resnet", "basic")]
    judged = judge([Finding(says=each[0], smaller=[("error", *each)]) for each in pairs], own)
    raw = [compare_claim(("error", *each), own).paired for each in pairs]
    adjusted = holm([each.p_value for each in raw if each and each.p_value])
    assert [each.parts[0].p_value for each in judged] == adjusted
    assert adjusted[0] == pytest.approx(3 * 2 / 2**7)
    evidence = judge_one([("error", "ws_al", "basic")], own).parts[0].evidence
    assert evidence == f"{MINUS}8.93 points ({MINUS}10.26 to {MINUS}7.59), p = 0.016, n = 7"


def test_lying_between_needs_both_parts(tmp_path: Path) -> None:
    claims = [("error", "ws_al_bn_do", "resnet"), ("error", "resnet", "basic")]
    middle = [0.05, 0.052, 0.049, 0.055, 0.048, 0.051, 0.05]
    own = rows(tmp_path, ws_al_bn_do=LOW, resnet=middle, basic=HIGH)
    assert judge_one(claims, own).verdict == "holds"
    above = rows(tmp_path / "above", resnet=[2 * error for error in HIGH])
    judged = judge_one(claims, own | above)
    assert [part.verdict for part in judged.parts] == ["holds", "fails"]
    assert judged.verdict == "fails"


def test_a_claim_of_several_parts_is_as_strong_as_its_weakest() -> None:
    def overall(*verdicts: Verdict) -> str:
        return Judgement("", [Part("", verdict=each) for each in verdicts]).verdict

    assert overall("holds", "holds") == "holds"
    assert overall("holds", "undecided") == "undecided"
    assert overall("undecided", "exploratory", "holds") == "exploratory"
    assert overall("exploratory", "fails", "undecided") == "fails"
    assert overall("fails", "not comparable") == "not comparable"
    assert overall("not comparable", "not run") == "not run"


def test_verdicts_on_the_claim_that_the_first_one_errs_less() -> None:
    better = compare_paired([0.1] * 5 + [0.11], [0.2] * 6)
    worse = compare_paired([0.2] * 6, [0.1] * 5 + [0.11])
    assert [verdict_on(better, 0.049), verdict_on(worse, 0.049)] == ["holds", "fails"]
    assert [verdict_on(better, 0.05), verdict_on(worse, 1.0)] == ["undecided", "undecided"]
    assert verdict_on(compare_paired([0.1] * 5, [0.2] * 5), None) == "exploratory"


def test_overfitting_is_test_minus_training_error(tmp_path: Path) -> None:
    own = rows(tmp_path, basic=HIGH)
    for seed, error in enumerate(HIGH):
        metrics = {"train/error": 0.08, "val/error": error, "test/error": error}
        write_run(tmp_path, "best", seed, metrics=metrics)
    own["best"] = variant(tmp_path, "best")
    judged = judge_one([("gap", "best", "basic")], own)
    paired = judged.parts[0].paired
    assert paired is not None
    assert paired.mean == pytest.approx(-0.08)
    assert judged.verdict == "holds"


def test_a_gain_is_how_much_less_the_first_errs_than_the_second(tmp_path: Path) -> None:
    own = rows(tmp_path, basic=[error + 0.01 for error in HIGH], ws_al=HIGH, best=LOW)
    claim = ("gain", ("ws_al", "basic"), ("best", "ws_al"))
    part = compare_claim(claim, own)
    gains = [high - low for high, low in zip(HIGH, LOW, strict=True)]
    assert part.paired is not None
    assert part.paired.mean == pytest.approx(0.01 - sum(gains) / len(gains))
    assert part.claim == "ws_al over basic below best over ws_al: gain in test error"


@pytest.mark.parametrize(
    ("slow", "evidence"),
    [
        (314.5, f"{MINUS}300.5 s ({MINUS}300.5 to {MINUS}300.5), p = 0.016, n = 7"),
        (14.02, f"{MINUS}0.02 s ({MINUS}0.02 to {MINUS}0.02), p = 0.016, n = 7"),
    ],
)
def test_training_times_are_compared_in_seconds(tmp_path: Path, slow: float, evidence: str) -> None:
    own = rows(tmp_path, basic=LOW)
    for directory in write_variant(tmp_path, LOW, "resnet"):
        change_record(directory, seconds={"training": slow})
    own["resnet"] = variant(tmp_path, "resnet")
    judged = judge_one([("seconds", "basic", "resnet")], own)
    assert (judged.verdict, judged.parts[0].evidence) == ("holds", evidence)


def test_only_seeds_that_all_variants_have_on_the_same_examples_count(tmp_path: Path) -> None:
    own = rows(tmp_path, ws_al={0: 0.1, 1: 0.2, 5: 0.9, 8: 0.5}, basic={1: 0.3, 0: 0.2, 7: 0.9})
    write_run(tmp_path, "basic", 8, origin={"data": {"test": "others"}})
    own["basic"] = variant(tmp_path, "basic")
    part = compare_claim(("error", "ws_al", "basic"), own)
    assert part.paired == compare_paired([0.1, 0.2], [0.2, 0.3])


def test_a_missing_variant_is_named_with_the_command_that_runs_it(tmp_path: Path) -> None:
    claims = [("error", "ws_al", "ws_al_early"), ("error", "ws_al", "basic")]
    judged = judge_one(claims, rows(tmp_path, ws_al=LOW, basic=HIGH))
    assert judged.verdict == "not run"
    assert [part.verdict for part in judged.parts] == ["not run", "holds"]
    assert judged.parts[0].evidence == (
        "not run: python -m project.train -m model=ws_al_early 'seed=range(0,7)'"
    )
    # At the seeds that the others have.
    late = dict.fromkeys(range(20, 40), 0.1)
    own = rows(tmp_path / "late", ws_al=late, basic={20: 0.2})
    assert not_run(["resnet"], own).endswith("-m model=resnet 'seed=range(20,40)'")


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"data__test_pairs": 500}, "not the same test examples: data.test_pairs 500 against 1000"),
        ({"status": "failed", "diverged": True}, "7 of 7 runs diverged"),
    ],
)
def test_variants_that_do_not_pair_are_not_compared(
    tmp_path: Path, change: dict[str, Any], reason: str
) -> None:
    own = rows(tmp_path, ws_al=LOW)
    write_variant(tmp_path, HIGH, "basic", **change)
    own["basic"] = variant(tmp_path, "basic")
    judged = judge_one([("error", "ws_al", "basic")], own)
    assert judged.verdict == "not comparable"
    assert judged.parts[0].paired is None
    assert reason in judged.parts[0].evidence


def test_variants_without_a_common_seed_are_not_compared(tmp_path: Path) -> None:
    judged = judge_one([("error", "a", "b")], rows(tmp_path, a={0: 0.1}, b={1: 0.1}))
    assert (judged.verdict, judged.parts[0].evidence) == ("not comparable", "no seed in common")


def test_the_row_is_the_variant_of_the_models_own_settings(tmp_path: Path) -> None:
    write_run(tmp_path, model__auxiliary="early")
    write_run(tmp_path, model__auxiliary="late")
    early, late = variants(tmp_path)
    wanted = {"ws_al": late.identity, "basic": late.identity | {"model.hidden": 3}, "gone": None}
    assert rows_of([early, late], wanted) == {"ws_al": late}
    # A variant of another name with the same settings will do, but not before one of that name.
    assert rows_of([early], {"ws_al_early": early.identity}) == {"ws_al_early": early}
    write_run(tmp_path, "ws_al_early", model__auxiliary="early")
    named = variant(tmp_path, "ws_al_early")
    assert rows_of([early, named], {"ws_al_early": early.identity}) == {"ws_al_early": named}


def test_a_run_of_a_models_file_is_its_row_whatever_its_data_turned_out_to_be() -> None:
    for model in ("basic", "ws_al_early"):
        config = compose("train", [f"model={model}", "seed=3"])
        plan = identity_of(compose("train", [f"model={model}"]))
        settled = {"dataset": "mnist_5k", "train_pairs": 1000, "val_pairs": 250, "test_pairs": 1000}
        config["data"] |= settled
        assert departures(identity_of(config), plan) == []
        config["data"]["normalise"] = True
        config["optimizer"]["lr"] = 0.7
        assert departures(identity_of(config), plan) == ["data.normalise", "optimizer.lr"]


def test_a_mean_beside_a_published_one_is_told_in_published_stds() -> None:
    assert in_reported_stds(0.2112, 0.2241, 0.013972) == f"{MINUS}0.92"
    assert in_reported_stds(0.23, 0.2241, 0.013972) == "+0.42"


def test_findings_that_so_few_seeds_cannot_decide_are_said_to_be_so() -> None:
    few = compare_paired([0.1] * 6, [0.2, 0.2, 0.2, 0.2, 0.2, 0.3])
    part = Part("a below b", "error", few, 0.0625, "undecided")
    rule, table = judgement_table([Judgement("it helps", [part])], "More.")
    assert isinstance(rule, str)
    assert rule.endswith(" More.")
    assert isinstance(table, PageTable)
    evidence = f"a below b: {MINUS}11.67 points ({MINUS}15.95 to {MINUS}7.38), p = 0.062, n = 6"
    assert table.rows == [["it helps", "undecided", Cell(evidence)]]
    both, _ = judgement_table([Judgement("it helps", [part, part])])
    assert isinstance(both, str)
    assert "With 6 seeds and 2 claims no p can be below 0.062: more seeds are needed" in both
