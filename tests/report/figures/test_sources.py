"""Sources of chance are told by which seeds are held; shares are those of the variances."""

from typing import Any

import pytest
from matplotlib.patches import Rectangle

from project.composition import study_arms
from project.report.arms import flat_settings, group
from project.report.figures.sources import TOGETHER, draw_sources, find_studies
from project.report.runs import StoredRun
from tests.report.figures.drawn import bars
from tests.report.stored_runs import pair_runs

ERRORS = {
    "data": [0.01, 0.02, 0.03, 0.04],
    "init": [0.01, 0.01, 0.02, 0.02],
    "order": [0.01, 0.01, 0.01, 0.02],
}


def varying(source: str | None, errors: list[float], held: int = 1000) -> list[StoredRun]:
    """Runs of which only `source` follows the seed; all sources where it is None."""
    runs = []
    for seed, error in enumerate(errors):
        seeds: dict[str, Any] = {
            f"seeds__{name}": seed if source in (name, None) else held
            for name in ("data", "init", "order")
        }
        runs += pair_runs({seed: error}, **seeds)
    return runs


def test_a_study_is_found_by_the_seeds_that_are_held() -> None:
    runs = [run for source, errors in ERRORS.items() for run in varying(source, errors)]
    runs += varying(None, [0.01, 0.02, 0.03, 0.05])
    (study,) = find_studies(group(runs))
    assert study.name == "ws_al"
    assert {name: arm.values("test/error") for name, arm in study.varied.items()} == ERRORS
    assert study.together is not None
    assert study.together.values("test/error") == [0.01, 0.02, 0.03, 0.05]


def test_sources_are_held_at_the_same_seeds_within_a_study() -> None:
    runs = varying("data", ERRORS["data"]) + varying("init", ERRORS["init"])
    runs += varying("data", ERRORS["order"], held=2000)
    (study,) = find_studies(group(runs))
    assert study.varied["data"].values("test/error") == ERRORS["data"]
    assert study.missing == ["order"]
    two = find_studies(group(runs + varying("init", ERRORS["init"], held=2000)))
    assert [each.name for each in two] == [
        "ws_al (the others held at 1000)", "ws_al (the others held at 2000)",
    ]  # fmt: skip
    assert [each.varied["data"].values("test/error") for each in two] == [
        ERRORS["data"], ERRORS["order"],
    ]  # fmt: skip


def test_ordinary_arms_and_a_lone_source_are_no_study() -> None:
    runs = pair_runs([0.1, 0.2]) + pair_runs([0.1, 0.2], optimizer__lr=2)
    assert find_studies(group(runs)) == []
    assert find_studies(group(runs + varying("data", ERRORS["data"]))) == []


def test_left_stand_the_deviations_with_intervals_and_right_the_shares() -> None:
    runs = [run for source, errors in ERRORS.items() for run in varying(source, errors)]
    runs += varying(None, [0.01, 0.02, 0.03, 0.05])
    (study,) = find_studies(group(runs))
    figure = draw_sources(study)
    left, right = figure.axes
    deviations = [points[0][0] for points, _ in bars(left)]
    assert deviations == pytest.approx([1.2909944, 0.5773503, 0.5, 1.7078251])
    for points, (ends,) in bars(left):
        assert ends[0][0] < points[0][0] < ends[1][0]
    shares = [patch.get_width() for patch in right.patches if isinstance(patch, Rectangle)]
    assert shares == pytest.approx([100 * part / 9 for part in (20 / 3, 4 / 3, 1)])
    assert [text.get_text() for text in right.texts] == ["74 %", "15 %", "11 %"]
    assert len({patch.get_hatch() for patch in right.patches}) == 3
    assert [tick.get_text() for tick in left.get_yticklabels()] == [
        "the pairs drawn  (n = 4)",
        "the initial weights  (n = 4)",
        "the order and dropout's noise  (n = 4)",
        f"{TOGETHER}  (n = 4)",
    ]
    assert "percentage points" in left.get_xlabel()
    assert "%" in right.get_xlabel()


def test_without_any_variance_there_are_no_shares_to_draw() -> None:
    runs = [run for source in ("data", "init") for run in varying(source, [0.01, 0.01])]
    (study,) = find_studies(group(runs))
    figure = draw_sources(study)
    assert list(figure.axes[1].patches) == []


def test_the_variance_study_lets_each_source_vary_alone_and_all_together() -> None:
    arms = [flat_settings(arm.values) for arm in study_arms("train", "variance")]
    held = [{key for key in arm if key.startswith("seeds.")} for arm in arms]
    assert sorted(map(sorted, held)) == [
        [],
        ["seeds.data", "seeds.init"],
        ["seeds.data", "seeds.order"],
        ["seeds.init", "seeds.order"],
    ]
    others = [{k: v for k, v in arm.items() if not k.startswith("seeds.")} for arm in arms]
    assert all(each == others[0] for each in others)
    # Without shuffling the order would have nothing to change.
    assert others[0]["data.shuffle"] is True
