"""Numbers are written with the digits that count, shares in percent."""

from typing import Any

import pytest

from project.report import formatting
from project.report.formatting import MINUS, NONE, quantity_of
from project.results.metrics import Metric
from project.results.statistics import summarise

ERROR = quantity_of(Metric("digit_error", "min"), [0.1, 0.5])
AUC = quantity_of(Metric("auc", "max"), [0.91234, 0.98])
LOSS = quantity_of(Metric("loss", "min"), [12.5, 130.0])


@pytest.mark.parametrize(
    ("form", "value", "text"),
    [
        (ERROR.value, 0.0238, "2.38"),
        (ERROR.value, None, NONE),
        (ERROR.value, -0.00004, "0.00"),
        (ERROR.ci, (-0.00004, 0.001), "0.00 to 0.10"),
        (ERROR.ci, (-0.001, 0.02), f"{MINUS}0.10 to 2.00"),
        (ERROR.difference, -0.0022, f"{MINUS}0.22"),
        (ERROR.difference, 0.0022, "+0.22"),
        (ERROR.difference, -0.000001, "0.00"),
        (ERROR.difference, None, NONE),
        (ERROR.difference_ci, (-0.0031, 0.0075), f"{MINUS}0.31 to +0.75"),
        (ERROR.mean_std, summarise([0.02, 0.03]), "2.50 ± 0.71"),
        (ERROR.mean_std, summarise([0.02]), "2.00"),
        (ERROR.mean_std, None, NONE),
        (ERROR.header, "validation", "validation digit error, %"),
        (AUC.value, 0.98765, "0.9877"),
        (AUC.difference, 0.00123, "+0.0012"),
        (AUC.header, "test", "test auc"),
        (LOSS.value, 130.04, "130.0"),
        (formatting.p_value, 0.0498, "0.0498"),
        (formatting.p_value, 0.04999, "0.0499"),
        (formatting.p_value, 0.05, "0.050"),
        (formatting.p_value, 0.5, "0.50"),
        (formatting.p_value, 0.0312, "0.031"),
        (formatting.p_value, 0.00195, "0.0019"),
        (formatting.p_value, 1e-9, "< 0.0001"),
        (formatting.p_value, None, NONE),
        (formatting.p_words, 1e-9, "p < 0.0001"),
        (formatting.p_words, 0.5, "p = 0.50"),
        (formatting.plain, -0.351, f"{MINUS}0.35"),
        (formatting.seconds, 14.04, "14.0"),
        (formatting.seconds, 1234.5, "1,234"),
    ],
)  # fmt: skip
def test_numbers_are_written_so(form: Any, value: Any, text: str) -> None:
    assert form(value) == text


def test_only_shares_are_percentages() -> None:
    for name, values, percent in (
        ("accuracy", [0.9], True), ("top5_acc", [1.0], True), ("error", [3.0], False),
        ("auc", [0.9], False), ("loss", [], False),
    ):  # fmt: skip
        assert quantity_of(Metric(name, "max"), values).percent is percent


def test_long_lists_are_cut_and_say_so() -> None:
    assert formatting.listed(["a", "b"]) == "a, b"
    assert formatting.listed("abcd", "; ", most=2) == "a; b; and 2 more"
    assert [formatting.counted(n, "seed") for n in (1, 2000)] == ["1 seed", "2,000 seeds"]
