"""Claims: whether the metric that decides is logged, finite and possible."""

import pytest

from project.checks.logged_metrics import check_logged, is_share
from tests.checks.checking import broken, session_of


def test_the_metric_and_what_else_is_logged_are_shown() -> None:
    with session_of() as session:
        (result,) = check_logged(session)
        assert result.status == "ok"
        val, test = (session.logged[stage]["accuracy"] for stage in ("val", "test"))
        assert result.seen == f"val/accuracy {val:.4g}, test/accuracy {test:.4g}; also loss"


@pytest.mark.parametrize(
    ("task", "status", "seen"),
    [
        ("NoTestMetric", "failed", "no test/accuracy is logged; of test there is hits"),
        ("Undefined", "failed", "val/accuracy nan, test/accuracy nan"),
    ],
)
def test_a_metric_that_is_missing_or_undefined_is_found(task: str, status: str, seen: str) -> None:
    with session_of(*broken(task=task)) as session:
        (result,) = check_logged(session)
        assert (result.status, result.seen) == (status, seen)


def test_a_share_in_percent_is_found() -> None:
    with session_of(*broken(task="InPercent")) as session:
        (result,) = check_logged(session)
        assert result.status == "warning"
        assert result.seen.endswith("outside of 0 to 1")


@pytest.mark.parametrize(
    ("metric", "expected"),
    [
        ("error", True),
        ("digit_error", True),
        ("auc", True),
        ("mean_squared_error", False),
        ("loss", False),
    ],
)
def test_shares_are_known_by_their_names(metric: str, expected: bool) -> None:
    assert is_share(metric) is expected
