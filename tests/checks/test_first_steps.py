"""Claims: what a first step and a short training show of losses, gradients, weights, schedules."""

import math

import pytest

from project.checks import first_steps, leakage
from project.checks.result import CheckResult, failed, ok, warning
from project.checks.run import run_checks
from tests.checks.checking import broken, by_name, candidate_of, session_of


def test_a_step_of_a_sound_experiment_is_ok() -> None:
    with session_of() as session:
        (result,) = first_steps.check_step(session)
        assert result.status == "ok"
        assert "1,091 parameters" in result.seen
        assert first_steps.check_gradients(session) == [ok("gradients", "reach all 4 tensors")]


def test_a_training_step_that_returns_nothing_is_found() -> None:
    with session_of(*broken(task="NoLoss")) as session:
        (result,) = first_steps.check_step(session)
        assert (result.status, result.seen.partition(":")[0]) == (
            "failed",
            "no loss reached backward",
        )


def test_an_infinite_loss_is_found() -> None:
    with session_of(*broken(task="InfiniteLoss")) as session:
        (result,) = first_steps.check_step(session)
        assert result.status == "failed"
        assert result.seen.startswith("loss inf")


def test_a_step_that_raises_fails_and_nothing_else_is_checked() -> None:
    with candidate_of(*broken(task="RaisingStep")) as candidate:
        results = by_name(run_checks(candidate, lambda name: None))
    step = results.pop("one step")
    assert step.status == "failed"
    assert step.seen.startswith("RuntimeError: shapes do not fit (")
    assert "broken.py, line " in step.seen
    assert {each.status for each in results.values()} == {"not checked"}
    assert len(results) > 20


def test_weights_that_the_loss_does_not_depend_on_are_named() -> None:
    with session_of(*broken(task="Detached")) as session:
        (result,) = first_steps.check_gradients(session)
        assert result.status == "warning"
        assert result.seen == (
            "4 of 5 tensors get none: net.hidden.weight, net.hidden.bias, net.scores.weight and 1 "
            "more"
        )


def test_a_layer_that_is_never_called_is_named() -> None:
    with session_of(*broken(model="UnusedLayer")) as session:
        (result,) = first_steps.check_gradients(session)
        assert (result.status, result.seen) == (
            "warning",
            "2 of 6 tensors get none: net.spare.weight, net.spare.bias",
        )


@pytest.mark.parametrize(
    ("task", "status", "seen"),
    [
        ("HalfTrained", "warning", "2 tensors with a gradient keep their values"),
        ("NothingTrained", "failed", "none does in"),
    ],
)
def test_weights_that_never_change_are_found(task: str, status: str, seen: str) -> None:
    with session_of(*broken(task=task), trains=True) as session:
        (result,) = first_steps.check_changes(session)
        assert result.status == status
        assert result.seen.startswith(seen)


def schedule_of(*words: str) -> CheckResult:
    with session_of(*words, trains=True) as session:
        (result,) = first_steps.check_schedule(session)
        return result


def test_a_scheduler_that_is_stepped_twice_is_found() -> None:
    result = schedule_of(*broken(task="SteppedTwice"))
    assert result.status == "failed"
    assert result.seen == "LambdaLR was stepped 20 times in 10 steps"


@pytest.mark.parametrize(
    ("words", "seen"),
    [
        ([], "none; the learning rate is constant"),
        (["scheduler=one_cycle"], "OneCycleLR was stepped 10 times in 10 steps"),
        (
            ["scheduler._target_=torch.optim.lr_scheduler.StepLR", "scheduler.step_size=1"],
            "StepLR was stepped 2 times in 2 epochs",
        ),
    ],
)
def test_schedules_that_lightning_steps_are_ok(words: list[str], seen: str) -> None:
    assert schedule_of(*words) == ok("schedule", seen)


def test_the_first_loss_is_held_against_a_uniform_answers() -> None:
    name = "loss at the start"
    with session_of() as session:
        leakage.check_contents(session)
        (result,) = first_steps.check_first_loss(session)
        assert result.status == "ok"
        assert result.seen.endswith(f"ln 3 is {math.log(3):.4g}")
    with session_of(*broken(model="Sure")) as session:
        leakage.check_contents(session)
        (result,) = first_steps.check_first_loss(session)
        assert result == warning(name, result.seen, result.to_do)
        assert "times as much" in result.seen


def test_nothing_is_said_of_a_uniform_answer_where_there_are_no_classes() -> None:
    with session_of() as session:
        (result,) = first_steps.check_first_loss(session)
        assert (result.name, result.status) == ("loss at the start", "not checked")


def test_what_all_parameters_lack_is_a_failure() -> None:
    with session_of() as session:
        session.first.norms.clear()
        assert first_steps.check_gradients(session) == [
            failed(
                "gradients",
                "4 of 4 tensors get none: net.hidden.weight, net.hidden.bias, net.scores.weight "
                "and 1 more",
                "the loss does not depend on the net: look for .detach()",
            )
        ]
