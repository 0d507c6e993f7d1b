"""A TensorBoard of its own for a test, and TensorBoard's own reader without one."""

import json
import re
import subprocess
import sys
import time
import urllib.parse
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

Curve = list[tuple[int, float]]  # epoch and value


def events_of(run: Path) -> EventAccumulator:
    """The events of a run directory, as TensorBoard's library reads them, with nothing left out."""
    everything = {"scalars": 0, "images": 0, "tensors": 0}
    return EventAccumulator(str(run), size_guidance=everything).Reload()


def curves(run: Path) -> dict[str, Curve]:
    """Every scalar of a run by its tag."""
    events = events_of(run)
    tags: list[str] = events.scalars.Keys()
    return {tag: [(event.step, event.value) for event in events.Scalars(tag)] for tag in tags}


def pictures(run: Path) -> dict[str, list[bytes]]:
    """Every picture of a run, as PNG, by its tag."""
    events = events_of(run)
    tags: list[str] = sorted(events.images.Keys())
    return {tag: [each.encoded_image_string for each in events.Images(tag)] for tag in tags}


class Dashboard:
    """A TensorBoard that is running."""

    def __init__(self, url: str) -> None:
        self.url = url

    def get(self, path: str, **query: str | int) -> Any:
        """The JSON that the page would get."""
        address = f"{self.url}{path}?{urllib.parse.urlencode(query)}"
        with urllib.request.urlopen(address, timeout=60) as answer:
            return json.load(answer)

    def wait_for_runs(self, count: int, seconds: float = 60) -> list[str]:
        """The names of the runs, as soon as there are `count`."""
        deadline = time.monotonic() + seconds
        while len(runs := self.get("data/runs")) < count:
            assert time.monotonic() < deadline, f"{len(runs)} of {count} runs after {seconds} s"
            time.sleep(0.2)
        return runs


@contextmanager
def dashboard(folder: Path, *options: str) -> Iterator[Dashboard]:
    """TensorBoard over `folder`, as `make dashboard` starts it."""
    words = [sys.executable, "-m", "tensorboard.main", "--logdir", str(folder), *options]
    process = subprocess.Popen(
        [*words, "--host", "127.0.0.1", "--port", "0"], stderr=subprocess.PIPE, text=True
    )
    assert process.stderr is not None
    try:
        said = []
        for line in process.stderr:
            said.append(line)
            if address := re.search(r"http://127\.0\.0\.1:\d+/", line):
                yield Dashboard(address.group())
                break
        else:
            raise AssertionError("TensorBoard did not start:\n" + "".join(said))
    finally:
        process.terminate()
        process.communicate(timeout=60)
