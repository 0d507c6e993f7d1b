"""The experiments beside the report's: trained, killed, resumed, repeated, exported, swept."""

import gzip
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import onnxruntime
import pytest
import torch
from PIL import Image

from project.config.compose import compose
from project.training.load_run import load_run
from tests.data.idx import idx, patterns, write_idx
from tests.small_runs import (
    IMAGES,
    SMALL,
    only_run,
    record,
    run_directories,
    type_command,
)
from tests.training.runs import kill_at_each_checkpoint, result

pytest.importorskip("sklearn")

# Words of each experiment; `{}` is a folder of its own.
PAIRS = tuple(word for word in SMALL if not word.startswith(("data", "callbacks")))
PAIRS = (*PAIRS, "data.train_pairs=20", "data.val_pairs=10", "data.test_pairs=20",
         "data.batch_size=10")  # fmt: skip
TASK = ("task=image_classification", "trainer.max_epochs=2", "checkpoints.max_overhead=1",
        "logger=none")  # fmt: skip
EXPERIMENTS: dict[str, tuple[str, ...]] = {
    "fashion_pairs": (*PAIRS, "data=fashion_pairs", "paths.data={}"),
    "kmnist_pairs": (*PAIRS, "data=kmnist_pairs", "paths.data={}"),
    "idx_pairs": (*PAIRS, "data=idx_pairs", "data.root={}"),
    "digits8x8": IMAGES,
    "image_folder": (
        *TASK, "data=image_folder", "data.root={}", "data.batch_size=5", "model=convnet",
        "model.widths=[4,6]",
    ),
}  # fmt: skip


def colours(folder: Path) -> None:
    """Write images of three colours, a folder each."""
    for number, name in enumerate(("red", "green", "blue")):
        (folder / name).mkdir(parents=True)
        images, _ = patterns(10, number, size=8)
        for index, image in enumerate(images):
            bands = [Image.fromarray(image if band == number else image // 9) for band in range(3)]
            Image.merge("RGB", bands).save(folder / name / f"{index}.png")


MAKE: dict[str, Callable[[Path], Any]] = {
    "fashion_pairs": lambda folder: write_idx(folder / "FashionMNIST" / "raw", packed=True),
    "kmnist_pairs": lambda folder: write_idx(folder / "KMNIST" / "raw"),
    "idx_pairs": write_idx,
    "digits8x8": lambda folder: None,
    "image_folder": colours,
}


@pytest.fixture(scope="module", params=EXPERIMENTS)
def experiment(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> tuple[str, Path, Path, list[str]]:
    """The data's name, their folder, a completed run, and the words that lead to it."""
    name = request.param
    folder, outputs = tmp_path_factory.mktemp("files"), tmp_path_factory.mktemp(name)
    MAKE[name](folder)
    words = [word.format(folder) for word in EXPERIMENTS[name]]
    end = type_command("project.train", *words, f"paths.outputs={outputs}", "logger=tensorboard")
    assert end.exit_code == 0, end.errors
    return name, folder, only_run(outputs), words


Experiment = tuple[str, Path, Path, list[str]]


def test_its_runs_are_named_by_their_data_and_know_them(experiment: Experiment) -> None:
    name, _, run, _ = experiment
    facts = record(run)
    model = facts["model"]
    assert run.parent.name == f"{model}-{name}-{facts['variant']}"
    data = facts["provenance"]["data"]
    assert all(len(data[key]) == 64 for key in ("source", "train", "test"))
    assert f"test/{facts['metric']['name']}" in facts["metrics"]


def test_killed_at_each_epoch_it_ends_as_the_run_left_alone(
    experiment: Experiment, tmp_path: Path
) -> None:
    _, _, run, words = experiment
    config = compose("train", [*words, f"paths.outputs={tmp_path}"])
    assert kill_at_each_checkpoint(config) == 2
    assert result(only_run(tmp_path)) == result(run)


def test_it_is_the_same_when_it_is_repeated(experiment: Experiment) -> None:
    _, folder, run, _ = experiment
    end = type_command("project.train", f"verify={run}", f"paths.data={folder}")
    assert end.exit_code == 0, end.errors
    assert "the same bits when repeated" in end.output


def test_tensorboard_shows_its_curves(experiment: Experiment) -> None:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    run = experiment[2]
    events = EventAccumulator(str(run))
    events.Reload()
    metric = record(run)["metric"]["name"]
    tags: Any = events.Tags()["scalars"]
    assert {f"{metric}/{stage}" for stage in ("train", "val", "test")} <= set(tags)


def test_changed_files_are_noticed(experiment: Experiment, tmp_path: Path) -> None:
    name, folder, run, words = experiment
    changed = next((path for path in sorted(folder.rglob("*")) if path.is_file()), None)
    if changed is None:
        pytest.skip(f"{name} has no files of its own")
    before = changed.read_bytes()
    other = next(path for path in sorted(folder.rglob("*")) if path.is_file() and path != changed)
    try:
        if name == "image_folder":
            changed.write_bytes(other.read_bytes())
        else:
            changed.rename(changed.with_suffix(".aside"))
            write_other(folder, changed)
        end = type_command("project.train", *words, f"paths.outputs={run.parents[2]}", "seed=1")
        assert end.exit_code == 4, end.errors
        assert f"{run} was made with other data files" in end.errors
        assert "give the new ones a name (data.name=NAME)" in end.errors
    finally:
        aside = changed.with_suffix(".aside")
        if aside.exists():
            aside.replace(changed)
        changed.write_bytes(before)


def write_other(folder: Path, changed: Path) -> None:
    """Write other images under the same name."""
    content = idx(patterns(60 if "t10k" in changed.name else 100, seed=9)[0])
    changed.write_bytes(gzip.compress(content) if changed.suffix == ".gz" else content)


@pytest.mark.slow
def test_it_can_be_exported_and_answers_plain_pixels(experiment: Experiment) -> None:
    _, folder, run, _ = experiment
    end = type_command("project.export", f"run={run}", f"paths.data={folder}",
                       f"paths.outputs={run.parents[2]}")  # fmt: skip
    assert end.exit_code == 0, end.errors
    export = run.parents[2] / "export" / run.parent.name / run.name
    session = onnxruntime.InferenceSession(export / "model.onnx")
    (given,) = session.get_inputs()
    loaded = load_run(run)
    data: Any = loaded.data(str(folder))
    if given.name == "pairs":
        own, plain = data.test.images, data.plain().test.images
    else:
        own, plain = data.test[torch.arange(len(data.test))][0], data.test.images.float()
    with torch.inference_mode():
        expected = loaded.net()(own)
    expected = expected.comparison if given.name == "pairs" else expected
    got = session.run(None, {given.name: plain.numpy()})[0]
    torch.testing.assert_close(torch.from_numpy(got), expected, rtol=1e-4, atol=1e-4)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["idx_pairs", "digits8x8"])
def test_a_sweep_over_seeds_is_a_variant(name: str, tmp_path: Path) -> None:
    MAKE[name](tmp_path / "files")
    words = [word.format(tmp_path / "files") for word in EXPERIMENTS[name]]
    outputs = tmp_path / "outputs"
    end = subprocess.run(
        [sys.executable, "-m", "project.train", *words, f"paths.outputs={outputs}", "-m",
         "seed=range(3)"],
        capture_output=True, text=True, timeout=280,
    )  # fmt: skip
    assert end.returncode == 0, end.stderr
    directories = run_directories(outputs)
    assert len(directories) == 3
    assert len({each.parent for each in directories}) == 1
    tests = {record(each)["provenance"]["data"]["test"] for each in directories}
    assert len(tests) == 3
