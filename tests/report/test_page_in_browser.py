"""The page as a browser shows it: on a desktop, on a phone and in print."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page

from project.config.compose import compose
from project.report.build import ReportConfig, make_report
from tests.browser import NEEDS_BROWSER, chromium
from tests.results.stored_runs import write_disk_run, write_run

DESKTOP, PHONE = 1280, 390

pytestmark = NEEDS_BROWSER


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A report of two tasks with figures, long labels, failures and notices."""
    outputs = tmp_path_factory.mktemp("outputs")
    for seed in range(6):
        for lr in (0.1, 0.2):
            error = 0.02 + lr / 10 + 0.001 * (seed % 3)
            write_run(outputs, "ws_al_bn_do", seed, error, optimizer__lr=lr)
        write_run(
            outputs, "a_net_with_a_very_long_name_indeed", seed, 0.1 + 0.002 * seed,
            origin={"git": {"commit": "ab" * 20, "dirty": True}},
        )  # fmt: skip
        write_disk_run(outputs, seed, 0.02 + 0.001 * seed)
    failure = f"OSError: {'x' * 300}"
    write_run(outputs, "ws_al_bn_do", 7, status="failed", failure=failure, optimizer__lr=0.1)
    words = [f"paths.outputs={outputs}", "sections=[failed,seeds,costs]", "~reference"]
    return make_report(ReportConfig.model_validate(compose("report", words)))


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as browser:
        yield browser


@pytest.fixture(params=[DESKTOP, PHONE])
def opened(browser: Browser, report: Path, request: pytest.FixtureRequest) -> Iterator[Page]:
    """The page; it is an error if it asks for anything but itself, or complains."""
    page = browser.new_page(viewport={"width": request.param, "height": 844})
    asked: list[str] = []
    said: list[str] = []
    page.on("request", lambda each: asked.append(each.url))
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    page.goto(report.as_uri())
    yield page
    page.close()
    assert [url for url in asked if not url.startswith(("file://", "data:"))] == []
    assert said == []


def test_tables_and_figures_are_shown(opened: Page) -> None:
    assert opened.locator("h1").inner_text() == "Report: all runs"
    assert opened.locator("table.results tbody tr").count() >= 4
    images = opened.locator("figure img")
    assert images.count() >= 2
    widths = images.evaluate_all("all => all.map(image => image.naturalWidth)")
    assert min(widths) > 100


def test_nothing_has_to_be_moved_sideways(opened: Page) -> None:
    """Also with every list of runs open; on a phone no table either."""
    opened.evaluate("document.querySelectorAll('details').forEach(each => each.open = true)")
    assert opened.evaluate("document.documentElement.scrollWidth - window.innerWidth") <= 0
    if opened.viewport_size == {"width": PHONE, "height": 844}:
        tables = opened.locator(".table")
        wide = tables.evaluate_all("all => all.map(each => each.scrollWidth - each.clientWidth)")
        assert max(wide) <= 1


def test_a_number_leads_to_its_runs(opened: Page) -> None:
    row = opened.locator("table.results tbody tr", has_text="a_net_with").first
    number = row.locator("td a").nth(1)
    target = str(number.get_attribute("href")).removeprefix("#")
    runs = opened.locator(f'[id="{target}"]')
    assert not runs.is_visible()
    number.click()
    runs.wait_for(state="visible", timeout=10_000)
    assert runs.locator("tbody tr").count() == 6
    assert "abababab with changes" in runs.inner_text()
    box = runs.bounding_box()
    assert box is not None
    assert 0 <= box["y"] < 844


def names(page: Page) -> list[str]:
    rows = page.locator("#table-1 tbody tr:visible th")
    return [text.split("\n")[0] for text in rows.all_inner_texts()]


def test_rows_are_filtered_and_columns_chosen(opened: Page) -> None:
    long = "a_net_with_a_very_long_name_indeed"
    assert names(opened) == ["ws_al_bn_do", "ws_al_bn_do", long]
    opened.locator("#table-1 input[type=search]").fill("lr=0.2 ws")
    assert names(opened) == ["ws_al_bn_do"]
    opened.locator("#table-1 input[type=search]").fill("")
    cell = opened.locator("#table-1 td[data-label=d_z]").first
    assert not cell.is_visible()
    opened.locator("#table-1 .controls summary").click()
    opened.locator("#table-1 label", has_text="d_z").locator("input").check()
    assert cell.is_visible()


def test_rows_are_sorted_by_click_and_key(browser: Browser, report: Path) -> None:
    page = browser.new_page(viewport={"width": DESKTOP, "height": 844})
    page.goto(report.as_uri())
    before = names(page)
    head = page.locator("#table-1 thead th", has_text="test")
    head.click()
    assert head.get_attribute("aria-sort") == "ascending"
    assert names(page) == before
    head.press("Enter")
    assert names(page) == before[::-1]
    # What is no number stands last both ways: the baseline has no p-value.
    page.locator("#table-1 thead th", has_text="p (Holm)").click()
    assert page.locator("#table-1 tbody tr").last.get_attribute("class") == "baseline"
    page.close()


def test_the_keyboard_reaches_what_can_be_sorted(opened: Page) -> None:
    assert opened.locator("thead th:not([tabindex])").count() == 0


def test_in_print_there_are_tables_and_no_controls(browser: Browser, report: Path) -> None:
    page = browser.new_page(viewport={"width": 794, "height": 1123})
    page.goto(report.as_uri())
    page.emulate_media(media="print")
    assert page.locator("#table-1 thead th").first.is_visible()
    for hidden in ("nav", "#table-1 .controls", "#runs"):
        assert not page.locator(hidden).is_visible()
    assert page.evaluate("document.documentElement.scrollWidth - window.innerWidth") <= 0
    page.close()


def test_dark_screens_get_a_dark_page(browser: Browser, report: Path) -> None:
    grounds = {}
    for scheme in ("light", "dark"):
        page = browser.new_page(color_scheme=scheme)
        page.goto(report.as_uri())
        grounds[scheme] = page.evaluate("getComputedStyle(document.body).backgroundColor")
        page.close()
    assert grounds == {"light": "rgb(255, 255, 255)", "dark": "rgb(20, 24, 29)"}
