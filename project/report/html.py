"""Text, tables and verdicts of a section, marked up and escaped."""

from collections.abc import Sequence

from markupsafe import Markup

from project.report import numbers
from project.report.findings import Judgement
from project.report.statistics import SIGNIFICANCE, smallest_possible_p_value

RULE = (
    "A claim says that a quantity is smaller for one arm than for another at the same seeds. p: "
    "exact sign-flip test, two-sided, Holm-corrected over all claims of this list. The claim holds "
    "where the difference points its way and p < 0.05, fails where it points the other way and "
    "p < 0.05, and is undecided otherwise, which is no proof of equality. In brackets: the 95 % "
    "interval of the difference."
)


def to_runs(arm_name: str, text: str) -> Markup:
    """`text` as a link to the list of the arm's runs on the page."""
    return Markup('<a href="#{}">{}</a>').format(arm_name, text)


def paragraph(text: str) -> Markup:
    """One paragraph."""
    return Markup("<p>{}</p>").format(text)


def table(caption: str, header: Sequence[str], rows: Sequence[Sequence[str]]) -> Markup:
    """A table that scrolls where the screen is narrow; the first cell of a row is its name.

    caption: what it holds, for those who do not see it. Cells are escaped unless marked up.
    """
    head = Markup("").join(Markup('<th scope="col">{}</th>').format(name) for name in header)
    body = Markup("").join(
        Markup('<tr><th scope="row">{}</th>{}</tr>\n').format(
            row[0], Markup("").join(Markup("<td>{}</td>").format(cell) for cell in row[1:])
        )
        for row in rows
    )
    return Markup(
        '<div class="scroll" tabindex="0" role="region" aria-label="{}">\n<table class="results">'
        "\n<thead><tr>{}</tr></thead>\n<tbody>\n{}</tbody>\n</table>\n</div>\n"
    ).format(caption, head, body)


def judgements(all_judgements: Sequence[Judgement], more_rules: str = "") -> Markup:
    """The rule, and a line for each finding: verdict, what is said, and what the verdict rests on.

    more_rules: what else decides verdicts.
    """
    tested = [
        part.comparison.n
        for judgement in all_judgements
        for part in judgement.parts
        if part.comparison is not None and not part.comparison.exploratory
    ]
    lowest = smallest_possible_p_value(max(tested, default=0), len(tested))
    if tested and lowest >= SIGNIFICANCE:
        more_rules += (
            f" With {max(tested)} seeds and {len(tested)} claims no p can be below "
            f"{numbers.p_value(lowest)}: more seeds are needed for any verdict."
        )
    items = Markup("").join(
        Markup("<li><strong>{}</strong>: {}{}</li>\n").format(
            judgement.verdict,
            judgement.says,
            Markup("").join(
                Markup("<small>{}: {}</small>").format(part.claim, part.evidence)
                if len(judgement.parts) == 1
                else Markup("<small>{}: {} ({})</small>").format(
                    part.claim, part.evidence, part.verdict
                )
                for part in judgement.parts
            ),
        )
        for judgement in all_judgements
    )
    return paragraph(f"{RULE} {more_rules}".strip()) + Markup("<ul>\n{}</ul>\n").format(items)
