"""The page as a browser shows it, on a desktop and on a phone."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from project.report import making
from tests.report.runs_on_disk import write_disk_run, write_run

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
DESKTOP, PHONE = 1280, 390

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no chromium on this machine")


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A report of both parts with figures, long labels and notices."""
    outputs = tmp_path_factory.mktemp("outputs")
    for seed in range(6):
        for lr in (0.1, 0.2):
            error = 0.02 + lr / 10 + 0.001 * (seed % 3)
            write_run(outputs, model="ws_al_bn_do", seed=seed, error=error, optimizer__lr=lr)
        write_run(
            outputs, model="a_net_with_a_very_long_name_indeed", seed=seed,
            error=0.1 + 0.002 * seed, origin={"git": {"commit": "ab" * 20, "dirty": True}},
        )  # fmt: skip
        write_disk_run(outputs, seed=seed, error=0.02 + 0.001 * seed)
    request = making.Request(
        outputs, None, None, [], None, False, lambda name, config: [], lambda models: {}
    )
    return making.make_report(request)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield browser
        browser.close()


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
    assert opened.locator("h1").inner_text() == "Report"
    assert opened.locator("table.results tbody tr").count() >= 4
    images = opened.locator("figure img")
    assert images.count() >= 2
    widths = images.evaluate_all("all => all.map(image => image.naturalWidth)")
    assert min(widths) > 100


def test_nothing_is_wider_than_the_screen(opened: Page) -> None:
    assert opened.evaluate("document.documentElement.scrollWidth - window.innerWidth") <= 0
    # Also with every list of runs open.
    opened.evaluate("document.querySelectorAll('details').forEach(each => each.open = true)")
    assert opened.evaluate("document.documentElement.scrollWidth - window.innerWidth") <= 0


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


def test_the_keyboard_reaches_the_tables(opened: Page) -> None:
    assert opened.locator(".scroll:not([tabindex])").count() == 0


def test_dark_screens_get_a_dark_page(browser: Browser, report: Path) -> None:
    grounds = {}
    for scheme in ("light", "dark"):
        page = browser.new_page(color_scheme=scheme)
        page.goto(report.as_uri())
        grounds[scheme] = page.evaluate("getComputedStyle(document.body).backgroundColor")
        page.close()
    assert grounds == {"light": "rgb(255, 255, 255)", "dark": "rgb(20, 24, 29)"}
