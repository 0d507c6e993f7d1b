"""Claims about `python -m project.export`: files that answer as the checkpoint does, or none."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import onnxruntime
import pytest
import torch

import project.export
from project.export import MissingPackageError, ParityError, export, sha256, write_folder
from project.refusing import ConfigurationError
from project.runs.directory import RefusedError
from project.trained import open_run
from project.training import portable
from tests.commands import ROOT
from tests.trained_runs import train_here

NAMES = {"model.onnx", "model.pt2", "export.json", "model-card.md"}


@pytest.fixture(scope="module")
def outputs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run on normalised pairs, exported."""
    outputs = tmp_path_factory.mktemp("outputs")
    train_here(outputs, "data=pairs", "seed=3")
    export(["best", f"paths.outputs={outputs}"])
    return outputs


@pytest.fixture(scope="module")
def run(outputs: Path) -> Path:
    (run,) = outputs.glob("runs/*/seed=3")
    return run


@pytest.fixture(scope="module")
def folder(outputs: Path, run: Path) -> Path:
    return outputs / "export" / run.parent.name / run.name


def test_the_files_stand_in_a_folder_of_the_runs_name(folder: Path) -> None:
    assert {path.name for path in folder.iterdir()} == NAMES
    assert {path.name for path in folder.parent.iterdir()} == {"seed=3"}


def test_plain_pixels_get_the_checkpoints_scores(folder: Path, run: Path) -> None:
    """Computed here from the checkpoint alone; on test pairs, which the export never saw."""
    trained = open_run(run)
    plain, own = trained.data(normalise=False).test.images, trained.data().test.images
    with torch.inference_mode():
        expected = trained.net()(own)
    session = onnxruntime.InferenceSession(folder / "model.onnx")
    scores, ordered, digits = session.run(None, {"pairs": plain.numpy()})
    torch.testing.assert_close(torch.from_numpy(scores), expected.comparison, rtol=1e-4, atol=1e-4)
    module = torch.export.load(folder / "model.pt2").module()
    with torch.inference_mode():
        for a, b in zip(module(plain), (scores, ordered, digits), strict=True):
            torch.testing.assert_close(a, torch.from_numpy(b), rtol=1e-4, atol=1e-4)


def test_the_record_holds_what_was_checked(folder: Path, run: Path) -> None:
    facts = json.loads((folder / "export.json").read_text())
    assert facts["run"] == f"{run.parent.name}/seed=3"
    assert facts["checkpoint_sha256"] == sha256((run / "last.ckpt").read_bytes())
    assert facts["calibration"]["pairs"] == 20
    assert set(facts["files"]) == {"model.onnx", "model.pt2"}
    for name, each in facts["files"].items():
        assert each["sha256"] == sha256((folder / name).read_bytes())
        assert (each["pairs"], each["differing_answers"], each["passed"]) == (60, 0, True)
        assert 0 <= each["score_difference"] < 1e-4
    assert (folder / "model-card.md").read_text().startswith(f"# {facts['run']}\n")


def test_parity_is_held_on_no_test_pair(run: Path) -> None:
    data = open_run(run).data()
    pairs = project.export.own_pairs(data)
    assert torch.equal(pairs, torch.cat([data.val.images, data.train.images]))


def test_exporting_again_says_that_the_same_bytes_are_there(
    capsys: pytest.CaptureFixture[str], outputs: Path, run: Path, folder: Path
) -> None:
    before = {path: path.stat().st_mtime_ns for path in folder.iterdir()}
    export([f"run={run}", f"paths.outputs={outputs}"])
    said = capsys.readouterr().out.splitlines()
    assert said[0].startswith("model.onnx: largest difference of a score ")
    assert said[1].endswith("0 of 60 answers differ")
    assert said[2] == f"{folder}: was there already, with the same bytes"
    assert {path: path.stat().st_mtime_ns for path in folder.iterdir()} == before


def test_a_net_that_answers_otherwise_leaves_no_file(
    monkeypatch: pytest.MonkeyPatch, run: Path, tmp_path: Path
) -> None:
    honest = portable.run_pt2

    def wrong(content: bytes, batches: Any) -> Any:
        scores, *others = honest(content, batches)
        return [scores.flip(1), *others]

    monkeypatch.setattr(portable, "run_pt2", wrong)
    with pytest.raises(ParityError, match=r"model\.pt2 is not the checkpoint's net"):
        export([f"run={run}", f"paths.outputs={tmp_path}"])
    assert list(tmp_path.iterdir()) == []


def test_another_export_is_not_overwritten(tmp_path: Path) -> None:
    folder = tmp_path / "export" / "arm" / "seed=0"
    assert write_folder(folder, {"a": b"1", "b": b"2"})
    assert not write_folder(folder, {"a": b"1", "b": b"2"})
    for contents in ({"a": b"1", "b": b"3"}, {"a": b"1"}, {"a": b"1", "b": b"2", "c": b"3"}):
        with pytest.raises(RefusedError, match=r"holds another export \([bc] would change\)"):
            write_folder(folder, contents)
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == {"a": b"1", "b": b"2"}


def test_a_folder_is_written_whole_or_not_at_all(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    folder = tmp_path / "export" / "seed=0"
    with pytest.raises(OSError, match="No such file"):
        write_folder(folder, {"a": b"1", "none/b": b"2"})
    assert list((tmp_path / "export").iterdir()) == []


def test_a_missing_package_is_named_with_the_command_that_helps(
    monkeypatch: pytest.MonkeyPatch, run: Path
) -> None:
    monkeypatch.setattr(project.export, "PACKAGES", ("onnx", "no_such_package"))
    with pytest.raises(MissingPackageError, match=r"needs no_such_package: pip install .*export"):
        export([f"run={run}"])


def test_an_unknown_word_is_refused(run: Path) -> None:
    with pytest.raises(ConfigurationError, match="unknown word 'to=x'"):
        export([f"run={run}", "to=x"])


def test_a_run_that_is_not_there_ends_with_exit_code_2(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "project.export", f"run={tmp_path}"],
        capture_output=True,
        text=True,
        timeout=120,
        cwd=ROOT,
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith(f"error: {tmp_path} holds no completed run")
