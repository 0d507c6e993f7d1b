"""What tests share: digits without network or files, pairs made of them, a working autograd."""

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest
import torch
from hypothesis import HealthCheck, settings

from project.data import pairs
from project.data.mnist import Digits, Mnist
from project.data.pairs import PairsDataModule

# How long an example takes says how busy the machine is, and nothing about the code.
settings.register_profile("shared", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("shared")

FRAMEWORK_TESTS = Path(__file__).parent / "framework"


@pytest.fixture(autouse=True)
def autograd_on_and_one_thread(request: pytest.FixtureRequest) -> Iterator[None]:
    """Importing project.framework turns autograd off for the whole process: here it is on.

    One thread, because tensors this small gain nothing from more, and numbers depend on it.
    """
    if FRAMEWORK_TESTS in request.path.parents:
        yield  # has its own fixture
        return
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    with torch.enable_grad():
        yield
    torch.set_num_threads(threads)


def synthetic_digits(count: int, seed: int) -> Digits:
    """`count` noisy copies of ten random patterns, one for each class: a net can learn them."""
    patterns = torch.randint(0, 2, (10, 28, 28), generator=torch.Generator().manual_seed(0)) * 200
    generator = torch.Generator().manual_seed(seed)
    labels = torch.randint(0, 10, (count,), generator=generator)
    noise = torch.randint(0, 56, (count, 28, 28), generator=generator)
    return Digits((patterns[labels] + noise).to(torch.uint8), labels)


def serve(monkeypatch: pytest.MonkeyPatch, mnist: Mnist) -> None:
    """Let the data modules load `mnist`, whatever their root and source."""

    def load(root: Path, source: str) -> Mnist:
        return mnist

    monkeypatch.setattr(pairs, "load_mnist", load)


@pytest.fixture
def serve_mnist(monkeypatch: pytest.MonkeyPatch) -> Callable[[Mnist], None]:
    """A function that lets the data modules load the Mnist that it is given."""
    return partial(serve, monkeypatch)


@pytest.fixture
def small_mnist(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A data folder from which 200 synthetic training and 100 test digits can be loaded."""
    mnist = Mnist(synthetic_digits(200, 1), synthetic_digits(100, 2), "mnist", "0" * 64)
    serve(monkeypatch, mnist)
    return tmp_path / "data"


@pytest.fixture
def make_pairs(small_mnist: Path) -> Callable[..., PairsDataModule]:
    """Makes data modules of a few pairs; 40 training pairs are two batches of 16 and one of 8."""

    def make(
        seed: int = 0,
        train_pairs: int = 40,
        val_pairs: int = 20,
        test_pairs: int = 20,
        batch_size: int = 16,
        shuffle: bool = True,
        normalise: bool = True,
        re_pair: bool = False,
    ) -> PairsDataModule:
        return PairsDataModule(
            root=small_mnist,
            seed=seed,
            order_seed=seed,
            source="auto",
            train_pairs=train_pairs,
            val_pairs=val_pairs,
            test_pairs=test_pairs,
            batch_size=batch_size,
            shuffle=shuffle,
            normalise=normalise,
            re_pair=re_pair,
        )

    return make
