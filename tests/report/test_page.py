"""The page holds every run behind every number, is closed in itself, and escapes what it shows."""

import re
from html.parser import HTMLParser
from pathlib import Path

import pytest
from matplotlib.figure import Figure

from project.report import page
from project.report.page import Experiment, render, write_figures
from project.report.results_table import Table
from project.report.sections import Cell, Illustration, PageTable, Section
from tests.report.made import table_of, words
from tests.results.stored_runs import read, write_run, write_variant

ERRORS = [0.020, 0.022, 0.019, 0.025, 0.021, 0.023]
# A net's name cannot hold such a thing; settings, tags and notes can.
EVIL = "<script>alert(1)</script>"


class Links(HTMLParser):
    """Collects addresses, where links lead, what would be loaded from elsewhere, and scripts."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.anchors: list[str] = []
        self.links: list[str] = []
        self.loaded: list[str] = []
        self.scripts = 0
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        if found.get("id"):
            self.anchors.append(str(found["id"]))
        if tag == "a":
            self.links.append(str(found["href"]))
        elif "href" in found or "src" in found:
            self.loaded.append(str(found.get("href") or found.get("src")))
        self.scripts += tag == "script"


def write_two(outputs: Path) -> None:
    write_variant(outputs, ERRORS, "good")
    write_variant(outputs, [error + 0.03 for error in ERRORS], "bad", optimizer__lr=0.5)


def page_of(outputs: Path, *notices: str, sections: tuple[Section, ...] = ()) -> str:
    experiment = Experiment(table_of(outputs), notices, sections)
    images = write_figures([experiment], outputs / "figures")
    return render([experiment], images, "study x", ())


def test_the_title_says_what_it_is_of_which_day_and_commit(tmp_path: Path) -> None:
    write_two(tmp_path)
    text = page_of(tmp_path)
    made = "12 completed runs of 2 variants · 2026-11-29 · commit c0ffee00"
    assert f"<title>study x · {made}</title>" in text
    shown = words(text)
    assert shown.index("By validation good is the best") < shown.index("Baseline: good")
    write_run(tmp_path, "good", 9, origin={"git": {"commit": "ab" * 20}})
    assert "13 completed runs of 2 variants · 2026-11-29 · 2 commits" in page_of(tmp_path)


def test_every_number_leads_to_the_runs_of_its_variant(tmp_path: Path) -> None:
    write_two(tmp_path)
    found = Links(page_of(tmp_path))
    assert len(found.anchors) == len(set(found.anchors))
    inner = [link[1:] for link in found.links if link.startswith("#")]
    assert set(inner) <= set(found.anchors)
    table = table_of(tmp_path)
    columns = page.main_table(table, ()).header
    for row in table.rows:
        assert inner.count(row.variant.anchor) == len(columns)


def test_columns_are_shown_as_they_are_chosen(tmp_path: Path) -> None:
    write_two(tmp_path)
    made = page.main_table(table_of(tmp_path), ())
    assert {"d_z", "detectable", "median"} <= set(made.hidden)
    assert not {"variant", "n", "validation", "test", "difference", "p"} & set(made.hidden)
    chosen = page.main_table(table_of(tmp_path), ["test_ci", "d_z"])
    assert set(chosen.keys) - set(chosen.hidden) == {"variant", "test", "d_z"}
    text = page_of(tmp_path)
    boxes = re.findall(r'<input type="checkbox" value="\d+"( checked)?>', text)
    assert len(boxes) == len(made.keys) - 1
    assert boxes.count(" checked") == len(made.keys) - len(made.hidden) - 1


def test_every_run_is_listed_with_its_numbers_and_origin(tmp_path: Path) -> None:
    write_two(tmp_path)
    write_run(
        tmp_path, "good", 6, 0.5, val_error=0.25, record={"tags": ["a", "b"], "notes": EVIL},
        origin={"git": {"commit": "ab" * 20, "dirty": True}},
    )  # fmt: skip
    write_run(tmp_path, "good", 7, status="interrupted")
    by_name = {each["row"].variant.prefix: each for each in page.run_tables(table_of(tmp_path))}
    good, bad = by_name["good"]["runs"], by_name["bad"]
    assert good.header == [
        "seed", "train error, %", "val error, %", "test error, %", "training, s", "code", "tags",
        "notes", "directory",
    ]  # fmt: skip
    name = by_name["good"]["row"].variant.name
    assert good.rows[6] == [
        "6", "0.00", "25.00", "50.00", "14.0", "abababab with changes", "[a,b]", EVIL,
        f"runs/{name}/seed_6",
    ]  # fmt: skip
    assert good.rows[7][4] == "interrupted"
    assert bad["runs"].header[4] == "minus baseline"
    assert [row[4] for row in bad["runs"].rows] == ["+3.00"] * 6
    assert bad["settings"] == ["optimizer.lr=0.5"]
    text = page_of(tmp_path)
    assert all(f"runs/{run.name}" in words(text) for run in read(tmp_path))


def test_the_page_needs_nothing_from_elsewhere(tmp_path: Path) -> None:
    write_two(tmp_path)
    figure = Illustration("../extra", Figure((2, 2)), "a caption.")
    text = page_of(tmp_path, sections=(Section("extra", "Extra", ["text", figure]),))
    found = Links(text)
    assert [address[:22] for address in found.loaded] in (
        ["data:image/svg+xml;bas"], ["data:image/png;base64,"],
    )  # fmt: skip
    assert found.scripts == 1
    assert "figures/.._extra.svg" in found.links
    assert sorted(path.name for path in (tmp_path / "figures").iterdir()) == [
        ".._extra.png", ".._extra.svg",
    ]  # fmt: skip
    assert not re.search(r"https?:|@import|url\(", text)
    assert re.search(r"default-src 'none'; .* script-src 'sha256-[\w+/=]{44}'", text)


def test_what_runs_say_is_escaped(tmp_path: Path) -> None:
    for lr in (EVIL, 0.1):
        write_variant(tmp_path, ERRORS, optimizer__lr=lr, record={"tags": [EVIL], "notes": EVIL})
    evil = PageTable(EVIL, [EVIL], [[Cell(EVIL, (EVIL,), (EVIL,))]], keys=[EVIL])
    text = page_of(tmp_path, EVIL, sections=(Section(EVIL, EVIL, [EVIL, evil]),))
    assert Links(text).scripts == 1
    assert EVIL not in text
    assert text.count("&lt;script&gt;") > 20


def test_notices_stand_under_their_table(tmp_path: Path) -> None:
    write_two(tmp_path)
    assert "Before you believe it" not in page_of(tmp_path)
    text = page_of(tmp_path, "Mixed things.")
    assert text.index("Before you believe it") < text.index("<li>Mixed things.</li>")


def test_one_sentence_says_what_so_many_seeds_can_show(tmp_path: Path) -> None:
    write_two(tmp_path)
    # The differences are all equal.
    assert page.power_sentence(table_of(tmp_path)).startswith("With these runs nothing can be said")
    write_run(tmp_path, "bad", 6, 0.09, optimizer__lr=0.5)
    write_run(tmp_path, "good", 6, 0.02)
    sentence = page.power_sentence(table_of(tmp_path))
    assert sentence.startswith("What 7 paired seeds can show: a single comparison detects, with 80")
    assert "no proof of equality" in sentence


@pytest.mark.parametrize("status", ["failed", "interrupted"])
def test_a_variant_without_numbers_has_its_place(tmp_path: Path, status: str) -> None:
    write_two(tmp_path)
    write_run(tmp_path, "never", status=status, diverged=True)
    text = words(page_of(tmp_path))
    assert "no completed run" in text
    assert "None" not in text
    assert "nan" not in text


def test_a_table_of_no_completed_run_is_a_page(tmp_path: Path) -> None:
    write_run(tmp_path, status="failed")
    table: Table = table_of(tmp_path)
    assert "Nothing is compared" in render([Experiment(table, (), ())], {}, "x", ())
