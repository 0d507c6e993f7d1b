"""Text of runs stays text; findings stand with verdict and evidence."""

import re

import pytest

from project.report.findings import Judgement, Part
from project.report.html import judgements, table, to_runs
from project.report.statistics import compare


@pytest.mark.parametrize("text", ["<b>", '"', "a & b"])
def test_what_runs_say_cannot_become_markup(text: str) -> None:
    made = table(text, [text], [[text, to_runs(text, text)]])
    assert text not in re.sub(r"<(/?(div|table|thead|tbody|tr|th|td|a)\b[^<>]*)>", "", made)


def test_findings_that_so_few_seeds_cannot_decide_are_said_to_be_so() -> None:
    few = compare([0.1] * 6, [0.2, 0.2, 0.2, 0.2, 0.2, 0.3])
    part = Part("a below b", "error", few, 0.0625, "undecided")
    assert "no p can be below" not in judgements([Judgement("it helps", "undecided", (part,))])
    both = judgements([Judgement("it helps", "undecided", (part, part))])
    assert "With 6 seeds and 2 claims no p can be below 0.062: more seeds are needed" in both
