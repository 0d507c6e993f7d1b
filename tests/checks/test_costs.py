"""Claims: what a run and a sweep take, and which of a sweep's variants do not work."""

import pytest

from project.checks.candidate import Variant, read_candidate
from project.checks.costs import Cost, check_costs, check_memory, cost_of, duration
from project.checks.result import ok
from tests.checks.checking import WORDS, broken, by_name, session_of


def test_a_run_is_estimated_from_its_steps() -> None:
    with session_of(trains=True) as session:
        session.short.step_seconds = [0.2]
        session.short.wait_seconds = [0.1]
        session.short.evaluation_seconds = [0.05]
        # 3 epochs of 5 steps and 3 batches of validation, then 3 of test.
        assert cost_of(session) == Cost(pytest.approx(0.3), 5, pytest.approx(3 * 1.65 + 0.15))  # type: ignore[arg-type]


def test_a_sweep_is_estimated_and_its_other_variants_are_tried() -> None:
    with session_of(
        "-m", "model.hidden=4,8", "seed=range(5)", "hydra.launcher.n_jobs=2"
    ) as session:
        assert [variant.runs for variant in session.candidate.variants] == [5, 5]
        results = by_name(check_costs(session))
    assert results["other variants"] == ok("other variants", "1 of 1 make a step")
    assert "; the sweep of 10 runs about " in results["time"].seen
    assert results["time"].seen.endswith(", 2 at a time")


def test_a_variant_that_does_not_work_is_named() -> None:
    names = "tests.checks.experiment.Net,tests.checks.broken.Net2"
    with session_of("-m", f"model._target_={names}") as session:
        result = by_name(check_costs(session))["other variants"]
    assert result.status == "failed"
    assert result.seen.startswith("0 of 1 make a step; model._target_=tests.checks.broken.Net2: ")


def test_waiting_for_slow_examples_is_warned_of() -> None:
    with session_of(*broken(data="Slow"), trains=True) as session:
        result = by_name(check_costs(session))["waiting for data"]
    assert result.status == "warning"


def test_memory_is_that_of_the_largest_process() -> None:
    with session_of() as session:
        (result,) = check_memory(session)
    assert result.status == "ok"
    assert result.seen.endswith("for a run's process, libraries included")


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.12, "0.12 s"), (75, "75 s"), (600, "10 min"), (3 * 3600, "3.0 h")],
)
def test_times_are_shown_as_they_are_read(seconds: float, text: str) -> None:
    assert duration(seconds) == text


def test_the_variants_of_a_sweep_are_counted(tmp_path) -> None:
    words = [*WORDS, "-m", "model.hidden=4,8", "seed=range(3)"]
    candidate = read_candidate(words, tmp_path)
    fixed = [word for word in words if "=" in word and "," not in word and "range" not in word]
    assert [(set(each.words), each.runs) for each in candidate.variants] == [
        ({*fixed, f"++model.hidden={hidden}", "seed=0"}, 3) for hidden in (4, 8)
    ]
    assert isinstance(candidate.variants[0], Variant)


def test_a_search_counts_its_trials(tmp_path) -> None:
    words = [*WORDS, "hydra/sweeper=optuna", "-m", "hydra.sweeper.trials=4"]
    candidate = read_candidate([*words, "optimizer.lr=tag(log,interval(0.01,1))"], tmp_path)
    (variant,) = candidate.variants
    assert variant.runs == 16
    assert candidate.config["optimizer"]["lr"] == pytest.approx(0.1)
