"""What the tests of faults share: small runs need no data folder."""

import shutil
from pathlib import Path

import pytest

from project.data import mnist
from project.data.mnist import Mnist, Prepared
from tests.conftest import serve, synthetic_digits
from tests.faults.small_runs import Result, only_run, run

SHA256 = 64 * "0"


def serve_synthetic(monkeypatch: pytest.MonkeyPatch) -> None:
    serve(monkeypatch, Mnist(synthetic_digits(200, 1), synthetic_digits(100, 2), "mnist", SHA256))

    def prepare(root: Path, source: str) -> Prepared:
        return Prepared("mnist", "folder", SHA256)

    monkeypatch.setattr(mnist, "prepare", prepare)


@pytest.fixture
def synthetic_mnist(monkeypatch: pytest.MonkeyPatch) -> None:
    """Runs in this process are served synthetic digits, whatever paths.data says."""
    serve_synthetic(monkeypatch)


@pytest.fixture(scope="session")
def finished_outputs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An output folder with the small run, completed; not to be changed."""
    outputs = tmp_path_factory.mktemp("finished")
    with pytest.MonkeyPatch.context() as patch:
        serve_synthetic(patch)
        assert run(outputs).exit_code == 0
    return outputs


@pytest.fixture
def undisturbed(synthetic_mnist: None, finished_outputs: Path, tmp_path: Path) -> Result:
    """The small run's result when nothing goes wrong; it lies in `tmp_path / "undisturbed"`."""
    shutil.copytree(finished_outputs, tmp_path / "undisturbed")
    return Result.of(only_run(tmp_path / "undisturbed"))
