"""A claim holds, fails or is undecided by its paired difference; what is missing is named."""

from collections.abc import Sequence
from typing import Any

import pytest

from project.composition import compose_values
from project.report.arms import Arm, flat_settings, group
from project.report.findings import Judgement, compare_claim, judge, not_run, rows_of
from project.report.numbers import MINUS
from project.report.reference import Claim, Finding
from project.report.statistics import compare, holm
from tests.report.stored_runs import arm_of, pair_runs

LOW = [0.020, 0.022, 0.019, 0.025, 0.018, 0.021, 0.020]
HIGH = [0.10, 0.13, 0.11, 0.09, 0.12, 0.105, 0.115]


def rows(**errors: Sequence[float]) -> dict[str, Arm]:
    return {model: arm_of(pair_runs(own, model=model)) for model, own in errors.items()}


def judge_one(claims: list[Claim], own: dict[str, Arm]) -> Judgement:
    (judgement,) = judge([Finding("It is so", tuple(claims))], own)
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
    smaller: list[float], larger: list[float], verdict: str
) -> None:
    judged = judge_one([Claim("error", "ws_al", "basic")], rows(ws_al=smaller, basic=larger))
    (part,) = judged.parts
    assert (judged.verdict, part.verdict) == (verdict, verdict)
    assert part.comparison == compare(smaller, larger)
    assert part.claim == "ws_al below basic: test error"


def test_p_values_are_corrected_over_all_claims_of_all_findings() -> None:
    own = rows(ws_al=LOW, basic=HIGH, resnet=[*LOW[1:], LOW[0]])
    pairs = [("ws_al", "basic"), ("ws_al", "resnet"), ("resnet", "basic")]
    judged = judge([Finding(each[0], (Claim("error", *each),)) for each in pairs], own)
    raw = [compare_claim(Claim("error", *each), own).comparison for each in pairs]
    adjusted = holm([each.sign_flip_p_value for each in raw if each and each.sign_flip_p_value])
    assert [each.parts[0].adjusted_p_value for each in judged] == adjusted
    assert adjusted[0] == pytest.approx(3 * 2 / 2**7)


def test_the_evidence_gives_difference_interval_p_and_n() -> None:
    judged = judge_one([Claim("error", "ws_al", "basic")], rows(ws_al=LOW, basic=HIGH))
    assert (
        judged.parts[0].evidence
        == f"{MINUS}8.93 points ({MINUS}10.26 to {MINUS}7.59), p = 0.016, n = 7"
    )


def test_lying_between_needs_both_parts() -> None:
    claims = [Claim("error", "ws_al_bn_do", "resnet"), Claim("error", "resnet", "basic")]
    middle = [0.05, 0.052, 0.049, 0.055, 0.048, 0.051, 0.05]
    assert judge_one(claims, rows(ws_al_bn_do=LOW, resnet=middle, basic=HIGH)).verdict == "holds"
    above = [2 * error for error in HIGH]
    judged = judge_one(claims, rows(ws_al_bn_do=LOW, resnet=above, basic=HIGH))
    assert [part.verdict for part in judged.parts] == ["holds", "fails"]
    assert judged.verdict == "fails"


def test_overfitting_is_test_minus_training_error() -> None:
    own = {
        "ws_al_bn_do": arm_of(pair_runs(HIGH, model="ws_al_bn_do", train_error=0.08)),
        "basic": arm_of(pair_runs(HIGH, model="basic", train_error=0.0)),
    }
    judged = judge_one([Claim("gap", "ws_al_bn_do", "basic")], own)
    comparison = judged.parts[0].comparison
    assert comparison is not None
    assert comparison.mean_difference == pytest.approx(-0.08)
    assert judged.verdict == "holds"


def test_a_gain_is_how_much_less_the_first_errs_than_the_second() -> None:
    own = rows(basic=[error + 0.01 for error in HIGH], ws_al=HIGH, ws_al_bn_do=LOW)
    claim = Claim("gain", ("ws_al", "basic"), ("ws_al_bn_do", "ws_al"))
    part = compare_claim(claim, own)
    gains = [high - low for high, low in zip(HIGH, LOW, strict=True)]
    assert part.comparison is not None
    assert part.comparison.mean_difference == pytest.approx(0.01 - sum(gains) / len(gains))
    assert part.claim == "ws_al over basic below ws_al_bn_do over ws_al: gain in test error"


def test_training_times_are_compared_in_seconds() -> None:
    own = {
        "basic": arm_of(pair_runs(LOW, model="basic", seconds=10)),
        "resnet": arm_of(pair_runs(LOW, model="resnet", seconds=310.5)),
    }
    judged = judge_one([Claim("seconds", "basic", "resnet")], own)
    assert judged.verdict == "holds"
    assert (
        judged.parts[0].evidence
        == f"{MINUS}300.5 s ({MINUS}300.5 to {MINUS}300.5), p = 0.016, n = 7"
    )


def test_only_seeds_that_all_arms_have_count() -> None:
    own = {
        "ws_al": arm_of(pair_runs({0: 0.1, 1: 0.2, 5: 0.9}, model="ws_al")),
        "basic": arm_of(pair_runs({1: 0.3, 0: 0.2, 7: 0.9}, model="basic")),
    }
    part = compare_claim(Claim("error", "ws_al", "basic"), own)
    assert part.comparison == compare([0.1, 0.2], [0.2, 0.3])


def test_a_missing_arm_is_named_with_the_command_that_runs_it() -> None:
    claims = [Claim("error", "ws_al", "ws_al_early"), Claim("error", "ws_al", "basic")]
    judged = judge_one(claims, rows(ws_al=LOW, basic=HIGH))
    assert judged.verdict == "not run"
    assert [part.verdict for part in judged.parts] == ["not run", "holds"]
    assert judged.parts[0].evidence == (
        "not run: python -m project.train -m model=ws_al_early 'seed=range(0,7)'"
    )


def test_the_command_for_a_missing_arm_makes_seeds_that_the_others_have() -> None:
    late = dict.fromkeys(range(20, 40), 0.1)
    own = {"ws_al": arm_of(pair_runs(late)), "basic": arm_of(pair_runs({20: 0.2}, model="basic"))}
    assert not_run(["resnet"], own).endswith("-m model=resnet 'seed=range(20,40)'")


def test_a_small_difference_in_time_is_shown_with_its_size() -> None:
    own = {
        "basic": arm_of(pair_runs(LOW, model="basic", seconds=4.0)),
        "resnet": arm_of(pair_runs(LOW, model="resnet", seconds=4.02)),
    }
    part = judge_one([Claim("seconds", "basic", "resnet")], own).parts[0]
    assert part.evidence.startswith(f"{MINUS}0.02 s ({MINUS}0.02 to {MINUS}0.02), p")


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"data__test_pairs": 500}, "not the same pairs"),
        ({"diverged": 1}, "diverged"),
    ],
)
def test_arms_that_do_not_pair_are_not_compared(change: dict[str, Any], reason: str) -> None:
    own = rows(ws_al=LOW)
    own["basic"] = arm_of(pair_runs(HIGH, model="basic", **change))
    judged = judge_one([Claim("error", "ws_al", "basic")], own)
    assert judged.verdict == "not comparable"
    assert judged.parts[0].comparison is None
    assert reason in judged.parts[0].evidence


def test_arms_without_a_common_seed_are_not_compared() -> None:
    own = {
        "ws_al": arm_of(pair_runs({0: 0.1}, model="ws_al")),
        "basic": arm_of(pair_runs({1: 0.1}, model="basic")),
    }
    judged = judge_one([Claim("error", "ws_al", "basic")], own)
    assert (judged.verdict, judged.parts[0].evidence) == ("not comparable", "no seed in common")


def test_the_row_is_the_arm_of_the_models_own_settings() -> None:
    arms = group(pair_runs([0.2]) + pair_runs([0.1], model__auxiliary_on="logits"))
    wanted = {key: value for key, value in arms[1].settings.items() if key != "data.dataset"}
    assert wanted["model.auxiliary_on"] == "probabilities"
    found = rows_of(arms, {"ws_al": wanted, "basic": wanted | {"model.hidden": 3}})
    assert found == {"ws_al": arms[1]}


def test_an_arm_of_another_name_with_the_same_settings_is_the_row_too() -> None:
    early = pair_runs([0.2], model__auxiliary="early")
    named = pair_runs([0.3], model="ws_al_early", model__auxiliary="early")
    wanted = {key: value for key, value in arm_of(early).settings.items() if key != "data.dataset"}
    assert rows_of(group(early), {"ws_al_early": wanted})["ws_al_early"].model == "ws_al"
    both = rows_of(group(early + named), {"ws_al_early": wanted})
    assert both["ws_al_early"].model == "ws_al_early"


def test_settings_of_a_composed_model_are_those_of_its_runs() -> None:
    values = compose_values("train", ["model=ws_al", "seed=3"])
    (run,) = pair_runs({3: 0.2})
    run.config.clear()
    run.config.update(values)
    settings = flat_settings(compose_values("train", ["model=ws_al", "seed=4294967295"]))
    assert list(rows_of(group([run]), {"ws_al": settings})) == ["ws_al"]
