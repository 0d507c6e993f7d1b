import re
from pathlib import Path
from xml.etree import ElementTree

import project.framework

README = Path(project.framework.__file__).with_name("README.md")
TEXT = README.read_text(encoding="utf-8")


def test_the_code_of_the_readme_runs():
    blocks = re.findall(r"^```python\n(.*?)^```", TEXT, re.M | re.S)
    assert len(blocks) >= 5
    exec(compile("\n".join(blocks), str(README), "exec"), {})


def test_the_pictures_are_there():
    pictures = re.findall(r"!\[[^]]+\]\(([^)]+)\)", TEXT)
    assert pictures == ["convolution.svg"]
    root = ElementTree.parse(README.with_name(pictures[0])).getroot()
    assert root.tag == "{http://www.w3.org/2000/svg}svg"


def test_the_files_that_the_readme_names_exist():
    tests = Path(__file__).parent
    named = re.findall(r"`((?:nets/)?[a-z0-9_]+\.py)`", TEXT)
    assert len(named) > 20
    places = [(README.parent / name, tests / name) for name in named]
    assert [
        name for name, each in zip(named, places, strict=True) if not any(map(Path.exists, each))
    ] == []
