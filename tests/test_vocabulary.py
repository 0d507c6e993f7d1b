"""Words that the project does not use: other names for its concepts, metaphors, old keys."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
# Each pattern, and what is said instead.
INSTEAD = {
    r"\barms?\b": "variant",
    r"\bparcels?\b": "RunArchive",
    r"\b(StoredRun|make_plan)\b": "RunSpec, prepare_run",
    r"\b(HeldError|DamagedRunError|RefusedError)\b": "RunLockedError, CorruptRunError, ...",
    r"\b(comes?|brought|sent|reach(?:es|ed)?) home\b": "the driver",
    r"\b(EpochMeans|IndexBatches|re_pair|find_or_train)\b": "EpochMetrics, BatchIndexSampler, ...",
    r"\b(time_share|auxiliary_on|warm_up|initial_divisor|final_divisor)\b": "the library's name",
    r"\b(MOST|FEWEST|TINY|PATIENCE)_[A-Z]+\b": "MAX_, MIN_, EPS, TIMEOUT",
    r"\bchapters?\b": "section",
    r"\b[Ll]ikewise\b": "the whole sentence",
    r"\b[Ww]hoever\b": "the process, the caller, the reader",
    r"\bseed=\d+\.before-\d+\b": "outputs/trash",
    r"\b(Two commands|What a run leaves|How fast it is|Your own model)\b": "the field's heading",
}
# Names old keys, to tell users what they are called now; and what has changed.
EXEMPT = {"project/cli/habits.py", "CHANGELOG.md"}
FILES = sorted(
    path
    for place in ("*.md", "conf/**/*.md", "conf/**/*.yaml", "project/**/*.*", "tests/**/*.md")
    for path in ROOT.glob(place)
    if path.suffix in (".py", ".md", ".yaml", ".jinja", ".js")
)


def test_files_are_found() -> None:
    assert len(FILES) > 300


@pytest.mark.parametrize("pattern", INSTEAD)
def test_a_word_does_not_come_back(pattern: str) -> None:
    found = [
        f"{path.relative_to(ROOT)}:{number}: {line.strip()[:80]}"
        for path in FILES
        if str(path.relative_to(ROOT)) not in EXEMPT
        for number, line in enumerate(path.read_text().splitlines(), 1)
        if re.search(pattern, line)
    ]
    assert found == [], f"say {INSTEAD[pattern]}"
