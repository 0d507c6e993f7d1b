"""The page holds every run behind every number, is closed in itself, and escapes what it shows."""

import re
from html.parser import HTMLParser
from pathlib import Path

import pytest
from markupsafe import Markup

from project.report import page
from project.report.arms import group
from project.report.comparisons import Table, make_table
from project.report.runs import read_runs
from tests.report.runs_on_disk import DIVERGED, write_run

ERRORS = [0.020, 0.022, 0.019, 0.025, 0.021, 0.023]
# A net's name cannot hold such a thing, a setting can.
EVIL = "<script>alert(1)</script>"


class Links(HTMLParser):
    """Collects addresses, where links lead, and what would be loaded from elsewhere."""

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


def write_arms(outputs: Path) -> None:
    for seed, error in enumerate(ERRORS):
        write_run(outputs, model="good", seed=seed, error=error)
        write_run(outputs, model="bad", seed=seed, error=error + 0.03, optimizer__lr=0.5)


def table_of(outputs: Path) -> Table:
    return make_table(group(read_runs(outputs, None)[0]), None)


def render(outputs: Path, notices: list[str] | None = None) -> str:
    table = table_of(outputs)
    return page.render([table], {table.experiment: notices or []}, {table.experiment: []})


def test_every_number_leads_to_the_runs_of_its_arm(tmp_path: Path) -> None:
    write_arms(tmp_path)
    text = render(tmp_path)
    found = Links(text)
    assert len(found.anchors) == len(set(found.anchors))
    inner = [link[1:] for link in found.links if link.startswith("#")]
    assert set(inner) <= set(found.anchors)
    for row in table_of(tmp_path).rows:
        # Label, n, mean, median, parameters, seconds; difference, p, d_z, P(better), detectable.
        assert inner.count(row.arm.name) == (11 if row.comparison else 6)
    cells = re.findall(r"<td>(.*?)</td>", text.split("</table>")[0])
    assert all(cell.startswith('<a href="#') for cell in cells)


def test_every_run_is_listed_with_its_numbers_and_origin(tmp_path: Path) -> None:
    write_arms(tmp_path)
    write_run(
        tmp_path, model="good", seed=6, error=0.5, val_error=0.25,
        origin={"git": {"commit": "ab" * 20, "dirty": True}},
    )  # fmt: skip
    write_run(tmp_path, model="good", seed=7, status="interrupted")
    bad, good = sorted(page.run_lists(table_of(tmp_path)), key=lambda each: each.label)
    assert good.columns == [
        "seed", "train error, %", "val error, %", "test error, %", "training, s", "code", "data",
        "directory",
    ]  # fmt: skip
    assert good.lines[6] == [
        "6", "0.00", "25.00", "50.00", "14.0", "abababab with changes", "5a5a5a5a5a5a",
        f"runs/{good.name}/seed=6",
    ]  # fmt: skip
    assert good.lines[7][4] == "interrupted"
    assert bad.columns[4] == "minus baseline"
    assert [line[4] for line in bad.lines] == ["+3.00"] * 6
    assert bad.settings == [("optimizer.lr", "0.5")]
    text = render(tmp_path)
    for run in read_runs(tmp_path, None)[0]:
        assert f'<a href="../runs/{run.name}/">' in text


def test_the_page_needs_nothing_from_elsewhere(tmp_path: Path) -> None:
    write_arms(tmp_path)
    (tmp_path / "figure.svg").write_text("<svg/>")
    (tmp_path / "figure.png").write_bytes(b"\x89PNG" * 10)
    files = [tmp_path / "figure.png", tmp_path / "figure.svg"]
    image = page.image(files, 300, 200, "a caption")
    section = page.PageSection("extra", "Extra", Markup("<p>text</p>"), (image,))
    table = table_of(tmp_path)
    text = page.render([table], {table.experiment: []}, {table.experiment: [section]})
    found = Links(text)
    assert found.loaded == ["data:image/svg+xml;base64,PHN2Zy8+"]
    assert found.scripts == 0
    assert not re.search(r"https?:|@import|url\(", text)
    assert "default-src 'none'" in text


def test_what_runs_say_is_escaped(tmp_path: Path) -> None:
    for seed, error in enumerate(ERRORS):
        write_run(tmp_path, seed=seed, error=error, optimizer__lr=EVIL)
        write_run(tmp_path, seed=seed, error=error, optimizer__lr=0.1)
    text = render(tmp_path, notices=[EVIL])
    assert Links(text).scripts == 0
    assert text.count("&lt;script&gt;") >= 3


def test_notices_stand_under_their_table(tmp_path: Path) -> None:
    write_arms(tmp_path)
    assert "Before you believe it" not in render(tmp_path)
    text = render(tmp_path, notices=["Mixed things."])
    assert text.index("Before you believe it") < text.index("<li>Mixed things.</li>")


def test_one_sentence_says_what_so_many_seeds_can_show(tmp_path: Path) -> None:
    write_arms(tmp_path)
    (row,) = [row for row in table_of(tmp_path).rows if row.comparison]
    assert row.comparison is not None
    assert row.comparison.smallest_detectable_difference is None  # the differences are all equal
    assert page.power_sentence(table_of(tmp_path)) == (
        "With these runs nothing can be said about how small a difference they would show."
    )
    write_run(tmp_path, model="bad", seed=6, error=0.09, optimizer__lr=0.5)
    write_run(tmp_path, model="good", seed=6, error=0.02)
    sentence = page.power_sentence(table_of(tmp_path))
    assert sentence.startswith("What 7 paired seeds can show: a single comparison detects, with 80")
    assert "no proof of equality" in sentence


@pytest.mark.parametrize("status", ["failed", "interrupted"])
def test_an_arm_without_numbers_has_its_place(tmp_path: Path, status: str) -> None:
    write_arms(tmp_path)
    write_run(tmp_path, model="never", status=status, failure=DIVERGED)
    text = render(tmp_path)
    assert "no completed run" in text
    assert "None" not in text
    assert "nan" not in text
