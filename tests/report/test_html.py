"""Text of runs stays text; findings stand with verdict and evidence."""

import re

import pytest

from project.report.html import table, to_runs


@pytest.mark.parametrize("text", ["<b>", '"', "a & b"])
def test_what_runs_say_cannot_become_markup(text: str) -> None:
    made = table(text, [text], [[text, to_runs(text, text)]])
    assert text not in re.sub(r"<(/?(div|table|thead|tbody|tr|th|td|a)\b[^<>]*)>", "", made)
