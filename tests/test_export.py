"""Claims about `python -m project.export`: files that answer as the checkpoint does, or none."""

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import onnxruntime
import pytest
import torch

import project.export
from project.config.errors import ConfigurationError, ConflictError
from project.export import ParityError, export, write_folder
from project.tasks.calibrated_pairs import own_pairs
from project.training import onnx_export
from project.training.load_run import load_run
from tests.conftest import serve, small_digits
from tests.small_runs import only_run, run_siamese, type_command
from tests.training.runs import classify_config, train

NAMES = {"model.onnx", "model.pt2", "export.json", "model-card.md"}


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A run on normalised pairs, exported."""
    outputs = tmp_path_factory.mktemp("outputs")
    with pytest.MonkeyPatch.context() as patch:
        serve(patch, small_digits())
        assert run_siamese(outputs, "seed=3").exit_code == 0
        export(["best", f"paths.outputs={outputs}"])
        yield only_run(outputs)


@pytest.fixture(scope="module")
def folder(run: Path) -> Path:
    return run.parents[2] / "export" / run.parent.name / run.name


def test_the_files_stand_in_a_folder_of_the_runs_name(folder: Path) -> None:
    assert {path.name for path in folder.iterdir()} == NAMES
    assert {path.name for path in folder.parent.iterdir()} == {"seed_3"}


def test_plain_pixels_get_the_checkpoints_scores(folder: Path, run: Path) -> None:
    """Computed here from the checkpoint alone; on test pairs, which the export never saw."""
    loaded = load_run(run)
    plain: Any = loaded.data(normalise=False)
    own: Any = loaded.data()
    pixels = plain.test.images
    with torch.inference_mode():
        expected = loaded.net()(own.test.images)
    session = onnxruntime.InferenceSession(folder / "model.onnx")
    scores, ordered, digits = session.run(None, {"pairs": pixels.numpy()})
    torch.testing.assert_close(torch.from_numpy(scores), expected.comparison, rtol=1e-4, atol=1e-4)
    module = torch.export.load(folder / "model.pt2").module()
    with torch.inference_mode():
        for a, b in zip(module(pixels), (scores, ordered, digits), strict=True):
            torch.testing.assert_close(a, torch.from_numpy(b), rtol=1e-4, atol=1e-4)


def test_the_record_holds_what_was_checked(folder: Path, run: Path) -> None:
    facts = json.loads((folder / "export.json").read_text())
    assert facts["run"] == f"{run.parent.name}/seed_3"
    checkpoint = (run / "last.ckpt").read_bytes()
    assert facts["checkpoint_sha256"] == hashlib.sha256(checkpoint).hexdigest()
    assert facts["calibration"]["pairs"] == 20
    assert set(facts["files"]) == {"model.onnx", "model.pt2"}
    for name, each in facts["files"].items():
        assert each["sha256"] == hashlib.sha256((folder / name).read_bytes()).hexdigest()
        assert (each["examples"], each["differing_answers"], each["passed"]) == (60, 0, True)
        assert set(each["differences"]) == set(facts["outputs"])
        assert all(0 <= difference < 1e-4 for difference in each["differences"].values())
    assert (folder / "model-card.md").read_text().startswith(f"# {facts['run']}\n")


def test_parity_is_held_on_no_test_pair(run: Path) -> None:
    data: Any = load_run(run).data()
    pairs = own_pairs(data)
    assert torch.equal(pairs, torch.cat([data.val.images, data.train.images]))


@pytest.fixture
def converted_before(run: Path, monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    """Converting gives the files that are there: it takes seconds."""
    files = {name: (folder / name).read_bytes() for name in ("model.onnx", "model.pt2")}
    facts = json.loads((folder / "export.json").read_text())
    monkeypatch.setattr(project.export, "converted", lambda loaded, net: (files, facts))


def test_exporting_again_says_that_the_same_bytes_are_there(
    converted_before: None, capsys: pytest.CaptureFixture[str], run: Path, folder: Path
) -> None:
    before = {path: path.stat().st_mtime_ns for path in folder.iterdir()}
    export([f"run={run}", f"paths.outputs={run.parents[2]}"])
    said = capsys.readouterr().out.splitlines()
    assert said[0].startswith("model.onnx: largest difference ")
    assert said[1].endswith("0 of 60 answers differ")
    assert said[2] == f"{folder}: already holds the same files; nothing was written"
    assert {path: path.stat().st_mtime_ns for path in folder.iterdir()} == before


def test_a_net_that_answers_otherwise_leaves_no_file(
    monkeypatch: pytest.MonkeyPatch, run: Path, folder: Path, tmp_path: Path
) -> None:
    honest = onnx_export.run_pt2

    def wrong(content: bytes, batches: Any) -> Any:
        scores, *others = honest(content, batches)
        return [scores.flip(1), *others]

    monkeypatch.setattr(onnx_export, "to_onnx", lambda *a: (folder / "model.onnx").read_bytes())
    monkeypatch.setattr(onnx_export, "run_pt2", wrong)
    with pytest.raises(
        ParityError, match=r"model\.pt2 does not give the answers of the checkpoint's net"
    ):
        export([f"run={run}", f"paths.outputs={tmp_path}"])
    assert list(tmp_path.iterdir()) == []


def test_another_export_is_not_overwritten(tmp_path: Path) -> None:
    folder = tmp_path / "export" / "variant" / "seed_0"
    assert write_folder(folder, {"a": b"1", "b": b"2"})
    assert not write_folder(folder, {"a": b"1", "b": b"2"})
    for contents in ({"a": b"1", "b": b"3"}, {"a": b"1"}, {"a": b"1", "b": b"2", "c": b"3"}):
        with pytest.raises(ConflictError, match=r"holds another export \([bc] would change\)"):
            write_folder(folder, contents)
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == {"a": b"1", "b": b"2"}


def test_a_folder_is_written_whole_or_not_at_all(tmp_path: Path) -> None:
    folder = tmp_path / "export" / "seed_0"
    with pytest.raises(OSError, match="No such file"):
        write_folder(folder, {"a": b"1", "none/b": b"2"})
    assert list((tmp_path / "export").iterdir()) == []


def test_a_missing_package_is_named_with_the_command_that_helps(
    monkeypatch: pytest.MonkeyPatch, run: Path
) -> None:
    monkeypatch.setattr(project.export, "PACKAGES", ("onnx", "no_such_package"))
    with pytest.raises(ConfigurationError, match=r"needs no_such_package: pip install .*export"):
        export([f"run={run}"])


def test_an_unknown_word_is_refused(run: Path) -> None:
    with pytest.raises(ConfigurationError, match="unknown argument 'to=x'"):
        export([f"run={run}", "to=x"])


def test_a_run_of_another_task_is_refused_in_one_line(tmp_path: Path) -> None:
    directory = train(classify_config(tmp_path))
    for module in ("project.predict", "project.projector"):
        words = [] if module != "project.predict" else _images(tmp_path)
        end = type_command(module, f"run={directory}", *words)
        assert (end.exit_code, end.output) == (2, "")
        assert end.errors == (
            f"error: {directory} is a run of task=classify on data=points; this command is for "
            "task=digit_pairs on MNIST pairs\n"
        )


def _images(folder: Path) -> list[str]:
    """Two images of a stroke."""
    import numpy as np
    from PIL import Image

    page = np.full((40, 40), 255, np.uint8)
    page[8:32, 18:22] = 0
    paths = [folder / "a.png", folder / "b.png"]
    for path in paths:
        Image.fromarray(page).save(path)
    return [str(path) for path in paths]


def test_a_run_that_is_not_there_ends_with_exit_code_2(tmp_path: Path) -> None:
    end = type_command("project.export", f"run={tmp_path}")
    assert (end.exit_code, end.output) == (2, "")
    assert end.errors.startswith(f"error: {tmp_path} holds no completed run")
