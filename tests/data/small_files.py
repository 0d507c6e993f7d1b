"""A small MNIST: seven training and three test digits in the place of the four files."""

import gzip
import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from project.data.fetching import FETCHERS, store
from project.data.mnist import Mnist
from project.data.mnist_files import ORIGINALS, UnavailableError

IMAGES, LABELS = "train-images-idx3-ubyte", "train-labels-idx1-ubyte"
ORIGINAL_TABLE = dict(ORIGINALS)


def idx(items: np.ndarray) -> bytes:
    return struct.pack(f">{1 + items.ndim}I", 0x0800 + items.ndim, *items.shape) + items.tobytes()


def small_files() -> dict[str, bytes]:
    """Seven training and three test digits as the four IDX files."""
    draw = np.random.default_rng(0)
    files = {}
    for part, count in (("train", 7), ("t10k", 3)):
        images = draw.integers(0, 256, (count, 28, 28), dtype=np.uint8)
        files[f"{part}-images-idx3-ubyte"] = idx(images)
        files[f"{part}-labels-idx1-ubyte"] = idx(np.arange(count, dtype=np.uint8))
    return files


FILES = small_files()


class Fetcher:
    """A source that delivers the small files, or fails with `failure`, and notes its calls."""

    def __init__(self, failure: str | None = None):
        self.failure, self.calls = failure, []

    def __call__(self, names: list[str], raw: Path) -> None:
        self.calls.append(sorted(names))
        if self.failure:
            raise UnavailableError(self.failure)
        for name in names:
            store(name, FILES[name], raw)


def serve(monkeypatch: pytest.MonkeyPatch, **fetchers: Callable) -> None:
    """Let the fetchers that are named take the place of the real ones."""
    for name, fetcher in fetchers.items():
        monkeypatch.setitem(FETCHERS, name, fetcher)


def put(root: Path, packed: bool = False) -> Path:
    """The four files in torchvision's layout; returns their folder."""
    raw = root / "MNIST" / "raw"
    raw.mkdir(parents=True)
    for name, content in FILES.items():
        if packed:
            (raw / f"{name}.gz").write_bytes(gzip.compress(content))
        else:
            (raw / name).write_bytes(content)
    return raw


def flipped(content: bytes) -> bytes:
    return content[:-1] + bytes([content[-1] ^ 1])


def assert_is_the_small_mnist(data: Mnist) -> None:
    for digits, part in ((data.train, "train"), (data.test, "t10k")):
        pixels = np.frombuffer(FILES[f"{part}-images-idx3-ubyte"], np.uint8, offset=16)
        assert digits.images.dtype == torch.uint8
        assert digits.labels.dtype == torch.int64
        assert np.array_equal(digits.images.numpy(), pixels.reshape(-1, 28, 28))
        assert digits.labels.tolist() == list(range(len(digits.images)))
    assert data.dataset == "mnist"
