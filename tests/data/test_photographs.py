"""Claims about made photographs: what a trained net reads from them; that they are repeatable."""

from pathlib import Path

import pytest

from project.data.mnist import load_mnist
from project.data.mnist_5k import read_halves
from project.training.load_run import load_run
from tests.commands import train
from tests.data.photographs.conditions import CONDITIONS
from tests.data.photographs.reading import counted, photographs, read
from tests.small_runs import run_directories

IMAGES, LABELS = read_halves()[1]


def test_photographs_are_drawn_from_their_seed_and_number(tmp_path: Path) -> None:
    """So that the first ones are the same, no matter how many are drawn."""
    drawn = []
    for name, count in (("few", 3), ("more", 5)):
        (tmp_path / name).mkdir()
        drawn.append(list(photographs(tmp_path / name, 0, IMAGES, LABELS, count)))
    few, more = drawn
    assert [each[0] for each in more] == list(CONDITIONS)[:5]
    for one, other in zip(few, more[:3], strict=True):
        assert one[:2] == other[:2]
        assert one[2].read_bytes() == other[2].read_bytes()


@pytest.mark.slow
@pytest.mark.timeout(1200)
@pytest.mark.parametrize(
    ("count", "share"), [(300, 0.04), pytest.param(1000, 0.03, marks=pytest.mark.long)]
)
def test_photographs_are_read_right_or_refused(tmp_path: Path, count: int, share: float) -> None:
    """At most 3 % errors, two refusals being one; at most 1 % wrong and over 90 % sure.

    Of 300 photographs the share of errors has a standard deviation of 1 %.
    """
    ended = train(tmp_path / "outputs", "model=sprint", small=False)
    assert ended.returncode == 0, ended.stderr
    (run,) = run_directories(tmp_path / "outputs")
    trained = load_run(run)
    test = load_mnist(Path(trained.config["paths"]["data"])).test
    files = list(photographs(tmp_path, 0, test.images.numpy(), test.labels.numpy(), count))
    readings = read(trained, None, files)
    counts = counted(readings)
    wrong = [(each.name, each.label, each.digit) for each in readings if each.digit != each.label]
    assert counts.photographs == count
    assert counts.errors <= share * count, wrong
    assert counts.wrong_and_sure <= 0.01 * count, wrong
