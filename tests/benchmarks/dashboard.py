"""What TensorBoard's events and pictures cost a run of the report's best net, and their size."""

import tempfile
import time
from pathlib import Path

from project.runs.lifecycle import run
from project.training.execute import execute
from tests.benchmarks.steps import spec_of, train_run
from tests.benchmarks.timing import Ratio, take_turns

NO_PICTURES = "callbacks.pictures=null"
NO_EVENTS = ("logger=none", NO_PICTURES)


def seconds(root: Path, *words: str) -> float:
    """Processor time of a run: what it waits for others does not count."""
    started = time.process_time()
    train_run(root, *words)
    return time.process_time() - started


def side_by_side(root: Path, pictures: bool, rounds: int) -> Ratio:
    """A run with events, and pictures, beside one without."""
    words = () if pictures else (NO_PICTURES,)
    return take_turns(
        f"run with events{' and pictures' if pictures else ''} beside none, processor time",
        lambda: seconds(root, *words),
        lambda: seconds(root, *NO_EVENTS),
        rounds,
        limit=1.05,
    )


def event_file(root: Path) -> Ratio:
    """Kilobytes of a run's event file, with pictures and without."""
    sizes = []
    for words in ((), (NO_PICTURES,)):
        with tempfile.TemporaryDirectory() as folder:
            spec = spec_of(root, Path(folder), *words)
            with spec.directory.locked():
                run(spec, execute)
            (events,) = spec.directory.path.glob("events.out.tfevents.*")
            sizes.append(events.stat().st_size / 1000)
    large, small = sizes
    name = "event file with pictures beside without"
    return Ratio(name, large, small, "kB", (large / small,), limit=None)


def dashboard_ratios(root: Path, rounds: int) -> list[Ratio]:
    """All of it."""
    train_run(root, "trainer.max_epochs=1")
    return [
        *(side_by_side(root, pictures, rounds) for pictures in (True, False)),
        event_file(root),
    ]
