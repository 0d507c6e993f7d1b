"""Claims about opening a completed run: its own weights on its own data, or a clear refusal."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch

from project.data.originals import DataError
from project.runs.directory import DamagedRunError
from project.trained import NoRunError, best_run, open_run, read_words
from project.training.checkpoint import CheckpointError
from tests.report.runs_on_disk import write_disk_run, write_run
from tests.trained_runs import train_here


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A completed run on normalised pairs."""
    return train_here(tmp_path_factory.mktemp("outputs"), "data=pairs", "seed=3")


@pytest.fixture
def copy(run: Path, tmp_path: Path) -> Path:
    """One that may be damaged."""
    return Path(shutil.copytree(run, tmp_path / "copy"))


def change_record(run: Path, **changes: Any) -> None:
    record = json.loads((run / "run.json").read_text())
    (run / "run.json").write_text(json.dumps(record | changes))


def test_the_net_errs_as_often_as_the_record_says(run: Path) -> None:
    trained = open_run(run)
    data = trained.data()
    assert trained.run.name == f"{run.parent.name}/seed=3"
    with torch.inference_mode():
        for stage, pairs in (("val", data.val), ("test", data.test)):
            wrong = trained.net()(pairs.images).comparison.argmax(1) != pairs.target
            metric = trained.record["metrics"][f"{stage}/error"]
            assert wrong.float().mean().item() == pytest.approx(metric)


def test_opening_and_using_a_run_changes_no_file_of_it(run: Path) -> None:
    before = {path: path.stat().st_mtime_ns for path in run.rglob("*")}
    trained = open_run(run)
    trained.net()
    trained.data()
    assert {path: path.stat().st_mtime_ns for path in run.rglob("*")} == before


def test_pixels_can_be_had_as_they_are(run: Path) -> None:
    trained = open_run(run)
    own, plain = trained.data(), trained.data(normalise=False)
    assert (own.mean, own.deviation) == pytest.approx(
        (plain.train.images.mean().item(), plain.train.images.std().item())
    )
    assert torch.equal((plain.val.images - own.mean) / own.deviation, own.val.images)
    assert (plain.mean, plain.deviation) == (0, 1)


@pytest.mark.parametrize("status", ["running", "interrupted", "failed"])
def test_a_run_that_is_not_completed_is_refused(copy: Path, status: str) -> None:
    change_record(copy, status=status)
    with pytest.raises(NoRunError, match=f"copy holds no completed run, but one that is {status};"):
        open_run(copy)


def test_what_is_no_run_is_refused(copy: Path, tmp_path: Path) -> None:
    for directory in (tmp_path, tmp_path / "none", copy / "run.json"):
        with pytest.raises(NoRunError, match="holds no completed run, for there is no"):
            open_run(directory)
    (copy / "config.yaml").write_text("seed: 0\nactivation: tanh\n")
    with pytest.raises(NoRunError, match=r"is no run of project\.train"):
        open_run(copy)


def test_a_damaged_run_is_named_by_its_file(copy: Path) -> None:
    text = (copy / "config.yaml").read_text()
    (copy / "config.yaml").write_text(text.replace("seed: 3", "seed: 4"))
    with pytest.raises(DamagedRunError, match=r"config\.yaml describes .* one of them was changed"):
        open_run(copy)
    (copy / "config.yaml").write_text("model: [")
    with pytest.raises(DamagedRunError, match=r"config\.yaml cannot be read"):
        open_run(copy)
    (copy / "config.yaml").unlink()
    with pytest.raises(DamagedRunError, match=r"config\.yaml cannot be read"):
        open_run(copy)
    (copy / "run.json").write_text("{")
    with pytest.raises(DamagedRunError, match=r"run\.json is damaged"):
        open_run(copy)


def flipped(content: bytes) -> bytes:
    middle = len(content) // 2
    return content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :]


@pytest.mark.parametrize("damage", [None, lambda content: b"", flipped], ids=["gone", "0", "bit"])
def test_without_its_last_checkpoint_a_run_has_no_net(copy: Path, damage: Any) -> None:
    """previous.ckpt is there, and is another net than the one whose errors are on record."""
    path = copy / "last.ckpt"
    assert (copy / "previous.ckpt").exists()
    content = path.read_bytes()
    path.unlink()
    if damage:
        path.write_bytes(damage(content))
    with pytest.raises(CheckpointError, match=r"last\.ckpt does not give .* with rerun=true"):
        open_run(copy).net()


def test_weights_of_another_net_are_refused(copy: Path) -> None:
    checkpoint = torch.load(copy / "last.ckpt", weights_only=True)
    checkpoint["state_dict"].popitem()
    torch.save(checkpoint, copy / "last.ckpt")
    with pytest.raises(CheckpointError, match="does not give the run's net"):
        open_run(copy).net()


def test_other_data_are_refused(copy: Path) -> None:
    record = json.loads((copy / "run.json").read_text())
    data = record["provenance"]["data"] | {"sha256": "0" * 64}
    change_record(copy, provenance=record["provenance"] | {"data": data})
    with pytest.raises(DataError, match=r"the data in .* are not those of .*let paths\.data name"):
        open_run(copy).data()


def test_the_best_run_is_that_of_the_lowest_validation_error(run: Path, tmp_path: Path) -> None:
    """A lower test error counts for nothing, nor does a run that is not completed."""
    outputs = tmp_path / "outputs"
    for seed, (validation, test) in enumerate([(0.05, 0.01), (0.02, 0.06), (0.02, 0.01)]):
        write_run(outputs, seed=seed, error=test, val_error=validation)
    write_run(outputs, seed=9, val_error=0.001, status="failed")
    write_disk_run(outputs, error=0.001)
    trained, why = best_run(outputs)
    assert trained.run.seed == 1
    assert why == "the lowest validation error, 2.00 %, of 3 completed runs"


def test_where_there_is_no_run_there_is_no_best(tmp_path: Path) -> None:
    with pytest.raises(NoRunError, match=r"no completed run .* python -m project\.train makes one"):
        best_run(tmp_path)


def test_words_name_a_run_and_leave_the_rest() -> None:
    words = read_words(["a=b.png", "run=x/seed=0", "paths.outputs=out", "c.png", "paths.data=d"])
    assert (words.run, words.outputs, words.data) == (Path("x/seed=0"), Path("out"), "d")
    assert words.others == ["a=b.png", "c.png"]
    assert read_words(["best", "best"]).others == ["best"]
    assert read_words(["best"]).run is None


def test_words_must_name_one_run() -> None:
    with pytest.raises(NoRunError, match="name a run first"):
        read_words(["a.png", "best"])
    with pytest.raises(NoRunError, match="leave one out"):
        read_words(["best", "run=x"])
