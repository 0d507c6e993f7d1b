"""What tests share: digits without network or files, pairs made of them, a working autograd."""

import importlib
import shutil
import signal
import sys
import textwrap
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import HealthCheck, settings

from project.data import mnist, mnist_pairs
from project.data.mnist import Digits, Mnist, Prepared
from project.data.mnist_pairs import MnistPairs
from project.runs.code import clear_cache
from tests.small_runs import only_run, run_siamese, run_small

# How long an example takes says how busy the machine is, and nothing about the code.
settings.register_profile("shared", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("shared")
# A shell starts a job in the background with SIGINT ignored, and so would be what the tests start.
if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

FRAMEWORK_TESTS = Path(__file__).parent / "framework"
# The files whose tests take longest together, the longest first.
LONGEST = (
    "test_documentation.py", "ray/test_cluster.py", "faults/test_kills.py", "slurm/test_pool.py",
    "data/test_photographs.py", "test_pictures.py", "test_makefile.py", "test_report_rows.py",
)  # fmt: skip


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the longest files first: else the other processes wait for the one that has it last."""
    items.sort(key=lambda item: _place(item.path))


def _place(path: Path) -> int:
    named = (place for place, name in enumerate(LONGEST) if path.match(name))
    return next(named, len(LONGEST))


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


SHA256 = "0" * 64


def serve(monkeypatch: pytest.MonkeyPatch, digits: Mnist) -> None:
    """Let runs and data modules of this process find `digits`, whatever their root and source."""

    def load(root: Path, source: str) -> Mnist:
        return digits

    def prepare(root: Path, source: str) -> Prepared:
        return Prepared(digits.dataset, "folder", digits.sha256)

    monkeypatch.setattr(mnist_pairs, "load_mnist", load)
    monkeypatch.setattr(mnist, "load_mnist", load)
    monkeypatch.setattr(mnist, "prepare", prepare)


def small_digits() -> Mnist:
    """200 synthetic training and 100 test digits."""
    return Mnist(synthetic_digits(200, 1), synthetic_digits(100, 2), "mnist", SHA256)


@pytest.fixture
def serve_mnist(monkeypatch: pytest.MonkeyPatch) -> Callable[[Mnist], None]:
    """A function that lets the data modules load the Mnist that it is given."""
    return partial(serve, monkeypatch)


@pytest.fixture
def small_mnist(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A data folder from which 200 synthetic training and 100 test digits can be loaded."""
    serve(monkeypatch, small_digits())
    return tmp_path / "data"


@pytest.fixture(scope="session")
def finished_outputs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An output folder with one completed small run; shared, so not to be changed."""
    outputs = tmp_path_factory.mktemp("finished")
    with pytest.MonkeyPatch.context() as patch:
        serve(patch, small_digits())
        assert run_small(outputs).exit_code == 0
    return outputs


@pytest.fixture
def finished_run(finished_outputs: Path, small_mnist: Path, tmp_path: Path) -> Path:
    """The directory of a copy of the completed small run, in an output folder of its own."""
    shutil.copytree(finished_outputs, tmp_path / "outputs")
    return only_run(tmp_path / "outputs")


@pytest.fixture(scope="session")
def siamese_outputs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An output folder with one completed small run of a net that names the digits; shared."""
    outputs = tmp_path_factory.mktemp("siamese")
    with pytest.MonkeyPatch.context() as patch:
        serve(patch, small_digits())
        assert run_siamese(outputs, "seed=3").exit_code == 0
    return outputs


@pytest.fixture
def siamese_run(siamese_outputs: Path, small_mnist: Path, tmp_path: Path) -> Path:
    """The directory of a copy of that run, in an output folder of its own."""
    shutil.copytree(siamese_outputs, tmp_path / "outputs")
    return only_run(tmp_path / "outputs")


@pytest.fixture
def make_pairs(small_mnist: Path) -> Callable[..., MnistPairs]:
    """Makes data modules of a few pairs; 40 training pairs are two batches of 16 and one of 8."""

    def make(seed: int = 0, **changes: Any) -> MnistPairs:
        arguments: dict[str, Any] = {
            "train_pairs": 40,
            "val_pairs": 20,
            "test_pairs": 20,
            "batch_size": 16,
            "shuffle": True,
            "normalise": True,
        }
        return MnistPairs(
            root=small_mnist, seed=seed, order_seed=seed, source="auto", **(arguments | changes)
        )

    return make


@pytest.fixture
def own_modules(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[[str, str], Path]]:
    """Writes modules of a user's own, by dotted name, into a new working directory."""
    working = tmp_path / "working"
    working.mkdir()
    monkeypatch.chdir(working)
    monkeypatch.syspath_prepend(str(working))

    def forget() -> None:
        for name, module in list(sys.modules.items()):
            content = getattr(module, "__dict__", {})
            if str(tmp_path) in f"{content.get('__file__')} {content.get('__path__')}":
                del sys.modules[name]
        importlib.invalidate_caches()
        clear_cache()

    def write(name: str, text: str) -> Path:
        path = working / f"{name.replace('.', '/')}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(textwrap.dedent(text))
        forget()
        return path

    yield write
    forget()
