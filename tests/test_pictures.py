"""The pictures of the pages can be made anew, and are those that the pages show."""

import re
from pathlib import Path

from tests.browser import NEEDS_BROWSER
from tests.pictures import frames, make_pictures

pytestmark = NEEDS_BROWSER
ROOT = Path(__file__).parents[1]


def test_the_command_makes_every_picture_that_a_page_shows(tmp_path: Path) -> None:
    made = make_pictures(tmp_path, ["trainer.max_epochs=6", "seed=0,1"])
    pages = [*ROOT.glob("*.md"), *ROOT.glob("*/README.md"), *ROOT.glob("project/*/README.md")]
    shown = {name for page in pages for name in re.findall(r"docs/([\w.]+)\)", page.read_text())}
    assert {path.name for path in made} == shown
    assert all(path.stat().st_size > 5_000 for path in made)
    terminal = (tmp_path / "terminal.svg").read_text()
    assert "study=width" in terminal.replace("&#160;", " ")
    assert all(path.stat().st_size < 1_000_000 for path in (ROOT / "docs").iterdir())


def test_a_frame_is_what_stood_on_the_terminal_at_once() -> None:
    written = (
        "\x1b[?25l1 done\r\nrow\r\n\x1b[1A\x1b[2K\x1b[1A\x1b[2K2 done\r\n\x1b[1mrow\x1b[0m\r\n"
    )
    assert [frame.plain for frame in frames(written)] == ["1 done\nrow", "2 done\nrow"]
