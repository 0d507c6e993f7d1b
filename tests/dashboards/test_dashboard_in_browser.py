"""What users see: a small sweep of two models x three seeds, read from the page of TensorBoard.

Screenshots go to outputs/screenshots/.
"""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import expect as playwright_expect

from project.projector import show
from tests.browser import NEEDS_BROWSER, chromium
from tests.commands import ROOT, SMALL
from tests.dashboards.server import Dashboard, dashboard
from tests.small_runs import run_directories, type_command

TIMEOUT = 120_000  # milliseconds: the machine may be busy

pytestmark = NEEDS_BROWSER

Record = dict[str, Any]
Open = Callable[[str], Any]
METRICS = [
    f"{quantity}/{stage}"
    for quantity in ("error", "digit_error", "loss", "auxiliary_loss", "comparison_loss")
    for stage in ("test", "train", "val")
]


@pytest.fixture(scope="module")
def outputs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("outputs")
    paths = (f"paths.outputs={folder}", f"paths.data={folder / 'data'}")
    grid = ("-m", "model=basic,ws_al_bn_do", "seed=0,1,2")
    ended = type_command("project.train", *SMALL, *paths, *grid)
    assert ended.exit_code == 0, ended.errors
    return folder


@pytest.fixture(scope="module")
def records(outputs: Path) -> dict[str, Record]:
    """run.json of the six runs by the name that the page gives them."""
    found = {
        str(path.relative_to(outputs)): json.loads((path / "run.json").read_text())
        for path in run_directories(outputs)
    }
    assert len(found) == 6
    return found


@pytest.fixture(scope="module")
def server(outputs: Path, records: dict[str, Record]) -> Iterator[Dashboard]:
    best = next(run for run in records if "ws_al_bn_do" in run)
    show([f"run={outputs / best}", f"paths.data={outputs / 'data'}"])
    with dashboard(outputs) as running:
        running.wait_for_runs(len(records))
        yield running


@pytest.fixture(scope="module")
def open_tab(server: Dashboard) -> Iterator[Open]:
    """Opens a tab of the dashboard anew."""
    with chromium() as browser:
        page = browser.new_page(viewport={"width": 1500, "height": 1000})
        page.set_default_timeout(TIMEOUT)

        def open_it(tab: str) -> Any:
            page.goto("about:blank")  # the same address with another # would load nothing
            page.goto(f"{server.url}#{tab}")
            return page

        yield open_it


def expect(locator: Any) -> Any:
    return playwright_expect(locator)


def save_screenshot(page: Any, name: str) -> None:
    folder = ROOT / "outputs" / "screenshots"
    folder.mkdir(parents=True, exist_ok=True)
    page.wait_for_timeout(1000)  # charts are drawn a moment after their data have come
    page.screenshot(path=folder / f"{name}.png")


# A cell of the grid is a slot; its text stands in an element of that slot's name.
READ_GRID = """
grid => {
  const text = slot => grid.querySelector(`[slot="${slot.name}"]`).innerText.trim();
  const row = each => [...each.querySelectorAll("slot")].map(text);
  const rows = part => [...grid.shadowRoot.querySelectorAll(`${part} tr`)].filter(r => !r.hidden);
  return [...rows("thead"), ...rows("tbody")].map(row);
}
"""


def table(page: Any) -> dict[str, dict[str, str]]:
    """The HParams table: for every run, the shown cells by their column."""
    head, *rows = page.locator("vaadin-grid").first.evaluate(READ_GRID)
    return {cells[0]: dict(zip(head[1:], cells[1:], strict=False)) for cells in rows}


def test_time_series_shows_each_runs_last_errors(
    open_tab: Open, records: dict[str, Record]
) -> None:
    page = open_tab("timeseries")
    page.get_by_role("combobox", name="Filter tags").fill("^error/")
    for stage in ("test", "train", "val"):
        card = page.locator("scalar-card").filter(has_text=f"error/{stage}").first
        rows = card.locator("scalar-card-data-table tb-data-table-content-row")
        expect(rows).to_have_count(6, timeout=TIMEOUT)
        shown = {}
        for cells in (row.split() for row in rows.all_inner_texts()):
            run, _, value, step = cells[:4]
            shown[run] = (int(step), float(value))
        assert shown.keys() == records.keys(), stage
        for run, (step, value) in shown.items():
            # Two epochs of two steps, counted from 0; the test comes after the last.
            assert step == (4 if stage == "test" else 3)
            assert value == pytest.approx(records[run]["metrics"][f"{stage}/error"], rel=1e-3)
    names = page.locator("runs-data-table tb-data-table-content-row").all_inner_texts()
    assert sorted(name.strip() for name in names) == sorted(records)
    save_screenshot(page, "time_series")


def test_hparams_shows_six_rows_with_the_values_of_their_records(
    open_tab: Open, records: dict[str, Record]
) -> None:
    page = open_tab("hparams")
    pane = page.locator("tf-hparams-query-pane")
    expect(page.get_by_text("runs/", exact=False).first).to_be_visible(timeout=TIMEOUT)
    for stage in ("train", "val", "test"):
        pane.get_by_role("checkbox", name=f"error/{stage}", exact=True).click()
        column = page.locator("vaadin-grid-cell-content").get_by_text(f"error/{stage}", exact=True)
        expect(column.first).to_be_visible()
    rows = table(page)
    assert rows.keys() == records.keys()
    for run, cells in rows.items():
        record = records[run]
        assert cells["model"] == record["model"]
        assert float(cells["seed"]) == record["seed"]
        assert float(cells["parameters"]) == record["parameters"]
        for stage in ("train", "val", "test"):
            shown = float(cells[f"error/{stage}"])
            assert shown == pytest.approx(record["metrics"][f"{stage}/error"], rel=1e-4)
    save_screenshot(page, "hparams")


def test_hparams_has_the_columns_of_both_models(open_tab: Open) -> None:
    """`hidden` is a key of the basic net alone, `batch_norm` of the other."""
    page = open_tab("hparams")
    pane = page.locator("tf-hparams-query-pane")
    expect(pane.get_by_role("checkbox", name="model.batch_norm")).to_be_visible(timeout=TIMEOUT)
    offered = set(pane.locator("paper-checkbox").all_inner_texts())
    assert {
        "model", "model.hidden", "model.batch_norm", "optimizer", "optimizer.lr",
        "trainer.max_epochs", "data.train_pairs", "seed", "parameters",
    } <= offered  # fmt: skip
    assert {*METRICS, "training/gradient_norm", "training/learning_rate"} <= offered
    for key in ("model.batch_norm", "model.hidden"):
        pane.get_by_role("checkbox", name=key, exact=True).click()
    expect(page.locator("vaadin-grid-cell-content").get_by_text("model.hidden")).to_be_visible()
    shown = {(cells["model"], cells["model.batch_norm"], cells["model.hidden"])
             for cells in table(page).values()}  # fmt: skip
    assert shown == {("basic", "", "200.00"), ("ws_al_bn_do", "true", "")}
    save_screenshot(page, "hparams_union")


def test_images_shows_the_pictures_of_every_run(open_tab: Open, records: dict[str, Record]) -> None:
    page = open_tab("images")
    pictures = page.locator("tf-image-loader img")
    # The first twelve of the fifteen under `test`, and the first layers' six.
    expect(pictures).to_have_count(18, timeout=TIMEOUT)
    page.wait_for_load_state("networkidle")
    assert min(pictures.evaluate_all("all => all.map(each => each.naturalWidth)")) > 100
    tags = page.evaluate("async () => (await fetch('data/plugin/images/tags')).json()")
    digits = {"test/digit_confusion", "test/mistakes", "test/reliability", "weights/first_layer"}
    expected = {
        run: digits - ({"test/digit_confusion"} if record["model"] == "basic" else set())
        for run, record in records.items()
    }
    assert {run: set(of_run) for run, of_run in tags.items()} == expected
    save_screenshot(page, "images")


def test_custom_scalars_shows_train_and_validation_of_all_runs_in_one_chart(
    open_tab: Open,
) -> None:
    page = open_tab("custom_scalars")
    charts = page.locator("tf-custom-scalar-multi-line-chart-card")
    expect(charts).to_have_count(5, timeout=TIMEOUT)
    curves = {
        "error": 12,
        "digit error": 6,
        "loss": 12,
        "comparison loss": 12,
        "auxiliary loss": 6,
    }
    titles = set()
    for number in range(5):
        chart = charts.nth(number)
        title = chart.locator(".heading-label.name").inner_text()
        # They come in one after the other.
        expect(chart.locator(".match-list-entry")).to_have_count(curves[title], timeout=TIMEOUT)
        titles.add(title)
    assert titles == curves.keys()
    save_screenshot(page, "custom_scalars")


def test_text_shows_a_card_for_every_run(open_tab: Open, records: dict[str, Record]) -> None:
    page = open_tab("text")
    titles = page.locator("tf-text-loader h3")
    expect(titles).to_have_count(6, timeout=TIMEOUT)
    assert sorted(titles.all_inner_texts()) == sorted(
        name.removeprefix("runs/") for name in records
    )
    for number in range(6):
        record = records[f"runs/{titles.nth(number).inner_text()}"]
        cells = page.locator("tf-text-loader").nth(number).locator("td").all_inner_texts()
        stages = [
            f"{record['metrics'][f'{stage}/error']:.6g}" for stage in ("train", "val", "test")
        ]
        start = cells.index("error")
        assert cells[start + 1 : start + 4] == stages
        assert cells[cells.index("seed") + 1] == str(record["seed"])
        assert cells[cells.index("parameters") + 1] == str(record["parameters"])
    save_screenshot(page, "text")


def test_projector_shows_the_digits_of_a_run_that_was_asked_for(open_tab: Open) -> None:
    page = open_tab("projector")
    frame = page.frame_locator("iframe").frame_locator("iframe")
    expect(frame.locator(".numDataPoints")).to_have_text("40", timeout=TIMEOUT)
    expect(frame.locator(".dim")).to_have_text("10")
    frame.locator("#colorby").click()
    frame.locator("#colorby paper-item").filter(has_text="digit").click()
    expect(frame.locator("#colorby input").first).to_have_value("digit")
    save_screenshot(page, "projector")
