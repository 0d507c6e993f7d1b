"""What is done to the command line before Hydra reads it."""

import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser

from project.command import paths_quoted


@pytest.mark.parametrize(
    "path",
    [
        "outputs",
        "/a/b-c_d.e",
        "outputs/runs/basic-0123abcd/seed=0",
        "a b (1) [2] {3}; #4 & 5",
        "größer ≤ 数字",
        "it's",
        "two\nlines",
        "~/x",
    ],
)
def test_a_path_reaches_hydra_as_it_was_typed(path: str) -> None:
    for key in ("paths.outputs", "paths.data", "verify"):
        (override,) = OverridesParser.create().parse_overrides(paths_quoted([f"{key}={path}"]))
        assert (override.key_or_group, override.value()) == (key, path)


@pytest.mark.parametrize(
    "argument",
    ["-m", "verify=null", "paths.outputs='a b'", 'paths.data="a=b"', "seed=range(3)", "x=a b"],
)
def test_other_words_stay_as_they_are(argument: str) -> None:
    assert paths_quoted([argument]) == [argument]
