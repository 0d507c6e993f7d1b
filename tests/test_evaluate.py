"""Claims about `python -m project.evaluate`: other data, the same net, and nothing is mixed."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from project.data.idx_pairs import IdxPairs
from project.results import runs
from project.training.load_run import load_run
from tests.conftest import serve, small_digits
from tests.data.idx import write_idx
from tests.small_runs import (
    CommandEnd,
    only_run,
    record,
    run_directories,
    run_siamese,
    type_command,
)
from tests.training.runs import classify_config, train


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A run on normalised pairs; shared, so not to be changed."""
    outputs = tmp_path_factory.mktemp("outputs")
    with pytest.MonkeyPatch.context() as patch:
        serve(patch, small_digits())
        assert run_siamese(outputs).exit_code == 0
        yield only_run(outputs)


@pytest.fixture
def run(trained: Path, tmp_path: Path) -> Path:
    """A copy of it."""
    shutil.copytree(trained.parents[2], tmp_path / "outputs")
    return only_run(tmp_path / "outputs")


def evaluate(*words: Any) -> CommandEnd:
    return type_command("project.evaluate", *map(str, words))


def stored(run: Path) -> list[dict[str, Any]]:
    return [json.loads(path.read_text()) for path in sorted((run / "evaluations").iterdir())]


OWN = ("data.train_pairs=40", "data.val_pairs=20", "data.test_pairs=20")
FEW = ("data.train_pairs=10", "data.val_pairs=10", "data.test_pairs=30")


def test_on_its_own_test_pairs_the_metrics_are_those_on_record(run: Path) -> None:
    end = evaluate(run, "data=mnist_pairs", *OWN)
    assert end.exit_code == 0, end.errors
    (found,) = stored(run)
    metrics = record(run)["metrics"]
    assert found["metrics"] == {k: v for k, v in metrics.items() if k.startswith("test/")}
    assert found["provenance"]["data"]["test"] == record(run)["provenance"]["data"]["test"]
    assert (found["same_files"], found["same_examples"]) == (True, True)
    assert found["weights_sha256"] == record(run)["weights_sha256"]
    name, (path,) = record(run)["name"], (run / "evaluations").iterdir()
    results, own, written = end.output.splitlines()
    assert results.startswith(f"{name} on data=mnist_pairs: test ")
    assert own == f"the run's own test error, unchanged: {100 * metrics['test/error']:.2f} %"
    assert (written, end.errors) == (str(path), "")


def test_on_other_data_the_net_reads_pixels_as_it_has_learnt_to(run: Path, tmp_path: Path) -> None:
    folder = write_idx(tmp_path / "digits")
    end = evaluate(run, "data=idx_pairs", f"data.root={folder}", *FEW)
    assert end.exit_code == 0, end.errors
    (found,) = stored(run)
    loaded = load_run(run)
    own: Any = loaded.data()
    other = IdxPairs(
        root=folder, seed=0, order_seed=0, train_pairs=10, val_pairs=10, test_pairs=30,
        batch_size=1, shuffle=False, normalise=False,
    )  # fmt: skip
    other.setup()
    with torch.inference_mode():
        answers = loaded.net()((other.test.images - own.mean) / own.std).comparison.argmax(1)
    wrong = (answers != other.test.target).float().mean()
    assert found["metrics"]["test/error"] == pytest.approx(float(wrong), abs=1e-6)
    assert found["provenance"]["data"]["name"] == "idx_pairs"
    assert found["same_files"] is False
    assert found["data"]["root"] == str(folder)


def test_nothing_of_the_run_itself_changes(run: Path, tmp_path: Path) -> None:
    before = {path: path.read_bytes() for path in run.iterdir()}
    folder = write_idx(tmp_path / "digits")
    words = ("data=idx_pairs", f"data.root={folder}", *FEW)
    end = evaluate(run, *words)
    assert {path: path.read_bytes() for path in run.iterdir() if path.is_file()} == before
    first, second, third = end.output.splitlines()
    assert first.startswith(f"{record(run)['name']} on data=idx_pairs: ")
    assert second.startswith("the run's own test error, unchanged: ")
    (path,) = (run / "evaluations").iterdir()
    assert third == str(path)
    assert evaluate(run, *words).exit_code == 0
    assert list((run / "evaluations").iterdir()) == [path]
    evaluate(run, *words[:-1], "data.test_pairs=10")
    assert len(stored(run)) == 2


def test_other_examples_of_the_files_that_it_was_trained_on_are_pointed_out(run: Path) -> None:
    end = evaluate(run, "data=mnist_pairs", *OWN, "data.test_pairs=30")
    assert end.exit_code == 0
    assert end.errors == (
        "the run was trained on these files: its training examples may be among those tested here\n"
    )


def test_the_best_run_can_be_asked_for(run: Path) -> None:
    end = evaluate("best", f"paths.outputs={run.parents[2]}", "data=mnist_pairs", *OWN)
    assert (end.exit_code, len(stored(run))) == (0, 1)
    assert end.errors.startswith(f"run={run}: the lowest validation error")


def test_a_strangers_task_is_tested_on_a_strangers_data(tmp_path: Path) -> None:
    directory = train(classify_config(tmp_path / "outputs"))
    own = tmp_path / "conf" / "data"
    own.mkdir(parents=True)
    (own / "more.yaml").write_text("_target_: tests.training.strangers.Points\n")
    end = evaluate(directory, "data=more", "--config-dir", tmp_path / "conf")
    assert end.exit_code == 0, end.errors
    (found,) = stored(directory)
    metrics = record(directory)["metrics"]
    assert found["metrics"]["test/error"] == metrics["test/error"]
    assert found["data"]["name"] == "more"


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        ((), 2, "name the data: data=NAME, a file of conf/data"),
        (("data.test_pairs=3",), 2, "name the data: data=NAME, a file of conf/data"),
        (("data=mnist_pairs", "model=resnet"), 2, "unknown argument 'model=resnet'; see --help"),
        (("data=nothing",), 2, "unknown data 'nothing'\navailable: cifar10,"),
        (("data=mnist_pairs", "data.pairs=3"), 2, "unknown key 'data.pairs' for MnistPairs"),
        (("data=idx_pairs",), 2, "data.root: is missing; data=idx_pairs takes data.root=FOLDER"),
        (
            ("data=mnist_pairs", *OWN, "data.test_pairs=900"),
            3,
            "data.test_pairs = 900, but mnist holds",
        ),
        (
            ("data=mnist", "data.val_images=10"),
            2,
            "{} does not work on a batch of data=mnist: ValueError: ",
        ),
        (
            ("data=mnist_pairs", *OWN, "data.image_size=28"),
            2,
            "{} does not work on a batch of data=mnist_pairs: ValueError: pairs must be (N, 2, 14",
        ),
    ],
)  # fmt: skip
def test_what_cannot_be_tested_is_refused_and_leaves_nothing(
    run: Path, small_mnist: Path, words: tuple[str, ...], code: int, message: str
) -> None:
    end = evaluate(run, *words)
    assert (end.exit_code, end.output) == (code, "")
    assert end.errors.startswith(f"error: {message.format(run)}")
    assert not (run / "evaluations").exists()


def test_what_is_no_completed_run_is_refused(tmp_path: Path) -> None:
    end = evaluate(tmp_path, "data=mnist_pairs")
    assert end.exit_code == 2
    assert end.errors.startswith(f"error: {tmp_path} holds no completed run")
    assert evaluate().exit_code == 2


def test_the_runs_of_an_output_folder_stay_those_that_were_trained(run: Path) -> None:
    evaluate(run, "data=mnist_pairs", *OWN)
    table = runs(run.parents[2])
    assert len(table) == 1
    assert run_directories(run.parents[2]) == [run]
