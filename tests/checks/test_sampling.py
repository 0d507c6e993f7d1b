"""Claims: data come from the seed alone, and what a seed changes is named."""

from project.checks.result import CheckResult, ok
from project.checks.sampling import check_data
from tests.checks.checking import broken, by_name, session_of


def checked(*words: str) -> dict[str, CheckResult]:
    with session_of(*words) as session:
        return by_name(check_data(session))


def test_data_of_their_own_seed_do_not_know_the_net() -> None:
    assert checked() == {
        "data and net": ok(
            "data and net", "examples and order are the same whatever the net draws"
        ),
        "what a seed changes": ok(
            "what a seed changes", "train data, val data, test data, initial weights"
        ),
    }


def test_a_generator_that_data_share_with_the_net_is_found() -> None:
    results = checked(*broken(model="SharingNet", data="SharingData"))
    assert results["data and net"].status == "failed"
    assert results["data and net"].seen == (
        "the train examples, the val examples, the test examples change when something else has "
        "drawn numbers before"
    )


def test_weights_that_no_seed_changes_are_named() -> None:
    result = checked(*broken(model="FixedNet"))["what a seed changes"]
    assert (result.status, result.seen) == (
        "warning",
        "train data, val data, test data; not the initial weights",
    )


def test_data_that_no_seed_changes_are_named() -> None:
    result = checked(*broken(data="Constant"))["what a seed changes"]
    assert (result.status, result.seen) == (
        "warning",
        "initial weights; neither training data nor their order",
    )


def test_a_seed_that_changes_nothing_is_found() -> None:
    result = checked(*broken(model="FixedNet", data="Constant"))["what a seed changes"]
    assert (result.status, result.seen) == (
        "failed",
        "neither data nor initial weights nor order",
    )


def test_what_is_held_by_configuration_is_no_warning() -> None:
    result = checked("seeds.init=7")["what a seed changes"]
    assert (result.status, result.seen) == (
        "ok",
        "train data, val data, test data; not initial weights",
    )
