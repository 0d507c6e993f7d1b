"""python -m tests.pictures [--folder docs] [WORD ...]: the pictures of the pages, made anew.

Trains `study=width` of tests/examples/own_experiment and shows what a user sees of it: `page.png`
(the report), `dashboard.png` (TensorBoard) and `terminal.svg` (the command while the sweep runs).
"""

import argparse
import io
import os
import pty
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from playwright.sync_api import Page
from rich.console import Console
from rich.text import Text

from tests.browser import chromium
from tests.dashboards.server import dashboard

ROOT = Path(__file__).parents[1]
OWN = ROOT / "tests/examples/own_experiment"
SWEEP = ("project.train", "--config-dir", "conf", "study=width")
REPORT = ("project.report", "last=true")
COLUMNS = 92
MEANS = "runFilter=mean%24&tagFilter=val"  # of TensorBoard's runs and tags
# With these codes a live display goes back to its first line: the text between two is a frame.
REPAINT = re.compile(r"(?:\x1b\[1A\x1b\[2K)+")
OTHER_CODES = re.compile(r"\x1b\[\?\d+[hl]|\x1b\[2K|\r")


def typed_in_a_terminal(words: list[str], folder: Path) -> str:
    """Return all that a command writes to a terminal of 92 columns."""
    keeper, terminal = pty.openpty()
    environment = os.environ | {
        "COLUMNS": str(COLUMNS),
        "LINES": "40",
        "TERM": "xterm-256color",
        "PYTHONPATH": str(ROOT),
    }
    process = subprocess.Popen(
        words, stdin=terminal, stdout=terminal, stderr=terminal, cwd=folder, env=environment
    )
    os.close(terminal)
    written = b""
    try:
        while chunk := os.read(keeper, 65536):
            written += chunk
    except OSError:
        pass  # the other end is closed
    os.close(keeper)
    if process.wait() != 0:
        raise RuntimeError(written.decode(errors="replace"))
    return written.decode()


def frames(written: str) -> list[Text]:
    """Return what a live display has shown, one text after the other."""
    shown = (OTHER_CODES.sub("", frame).strip("\r\n") for frame in REPAINT.split(written))
    return [Text.from_ansi(frame) for frame in shown if frame]


def busiest(found: list[Text]) -> Text:
    """Return the frame in the middle of those in which jobs run."""
    working = [frame for frame in found if " running" in frame.plain and " done" in frame.plain]
    return working[len(working) // 2]


def draw_terminal(words: tuple[str, ...], frame: Text, target: Path) -> None:
    """Write a terminal in which `words` were typed and `frame` is shown, as SVG."""
    console = Console(record=True, width=COLUMNS, file=io.StringIO(), force_terminal=True)
    console.print(Text(f"$ python -m {' '.join(words)}", style="bold"))
    console.print(frame)
    target.write_text(console.export_svg(title="honest-ablations"))


def photograph(page: Page, address: str, target: Path, height: int) -> None:
    """Save the top of a page, once its charts are drawn."""
    page.set_viewport_size({"width": 1100, "height": height})
    page.goto(address)
    page.wait_for_timeout(3000)
    page.screenshot(path=target)


def make_pictures(folder: Path, more: list[str]) -> list[Path]:
    """Train, report and draw; returns the pictures' paths."""
    folder.mkdir(parents=True, exist_ok=True)
    page_png, dashboard_png, svg = (
        folder / name for name in ("page.png", "dashboard.png", "terminal.svg")
    )
    with tempfile.TemporaryDirectory() as temporary:
        here = Path(temporary) / "mine"
        shutil.copytree(OWN, here, ignore=shutil.ignore_patterns("outputs", "__pycache__"))
        python = [sys.executable, "-m"]
        written = typed_in_a_terminal([*python, *SWEEP, *more], here)
        draw_terminal(SWEEP, busiest(frames(written)), svg)
        typed_in_a_terminal([*python, *REPORT], here)
        with chromium() as browser:
            page = browser.new_page(device_scale_factor=1.5)
            photograph(page, (here / "outputs/report/index.html").as_uri(), page_png, 1000)
            with dashboard(here / "outputs") as server:
                server.wait_for_runs(len(list(here.glob("outputs/runs/*/seed_*"))))
                address = f"{server.url}?smoothing=0&{MEANS}#timeseries"
                photograph(page, address, dashboard_png, 700)
    return [page_png, dashboard_png, svg]


def main() -> None:
    parser = argparse.ArgumentParser(prog="tests.pictures", description=__doc__)
    parser.add_argument("--folder", type=Path, default=ROOT / "docs")
    parser.add_argument("words", nargs="*", help="further words of the sweep")
    arguments = parser.parse_args()
    for path in make_pictures(arguments.folder, arguments.words):
        print(f"{path}: {path.stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
