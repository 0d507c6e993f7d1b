"""Claims: equal examples of two stages are counted with an example; classes are counted."""

from dataclasses import replace

from project.checks.leakage import check_contents
from project.checks.result import CheckResult, ok
from tests.checks.checking import broken, by_name, session_of


def checked(*words: str) -> dict[str, CheckResult]:
    with session_of(*words) as session:
        return by_name(check_contents(session))


def test_examples_of_their_own_are_ok() -> None:
    assert checked() == {
        "leakage": ok("leakage", "no example is in two of 90 train, 60 val, 60 test"),
        "class balance": ok(
            "class balance", "3 classes, each 33.3 % of train, 33.3 % of val, 33.3 % of test"
        ),
    }


def test_leaked_examples_are_counted_exactly_and_after_normalisation() -> None:
    result = checked(*broken(data="Leaking"))["leakage"]
    assert (result.status, result.seen) == (
        "failed",
        "1 of 62 test examples are in train too: test[0] is train[4]; 1 of 62 test examples are "
        "in train too but for brightness or contrast: test[1] is train[7]",
    )


def test_a_class_that_a_stage_lacks_is_named() -> None:
    result = checked(*broken(data="NoThirdClass"))["class balance"]
    assert result.status == "warning"
    assert result.seen.endswith("there is no class 2 in test")


def test_what_is_not_read_for_want_of_time_is_said() -> None:
    with session_of() as session:
        limits = replace(session.candidate.limits, leakage=0.0)
        session.candidate = replace(session.candidate, limits=limits)
        result = check_contents(session)[0]
    assert result == ok(
        "leakage", "no example is in two of 20 train, 20 val, 20 test, not all read"
    )
