"""Claims about `python -m project.predict`: images in, the run's own calibrated answer out."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from project.data.digit_images.decoding import ImageError
from project.data.mnist import Digits, Mnist
from project.data.mnist_5k import read_halves
from project.predict import answer, predict, sentence
from project.runs.record import NoRunError
from project.tasks.calibrated_pairs import calibrate
from project.training.load_run import load_run
from tests.conftest import SHA256, serve
from tests.small_runs import record, run_directories, run_siamese, run_small, type_command

TRAIN, TEST = read_halves()
IMAGES = TEST[0]  # from which the runs take their test pairs


@pytest.fixture(scope="module", autouse=True)
def real_digits() -> Iterator[None]:
    """Runs of this module find 5,000 real digits."""
    training, test = (Digits(*map(torch.from_numpy, half)) for half in (TRAIN, TEST))
    with pytest.MonkeyPatch.context() as patch:
        serve(patch, Mnist(training, test, "mnist", SHA256))
        yield


@pytest.fixture(scope="module")
def outputs(tmp_path_factory: pytest.TempPathFactory, real_digits: None) -> Path:
    """Two runs: normalised pairs and digits that are named, raw pixels and none named."""
    outputs = tmp_path_factory.mktemp("outputs")
    learning = ("trainer.max_epochs=6", "data.train_pairs=100", "model.hidden_digit=16")
    assert run_siamese(outputs, *learning).exit_code == 0
    raw = ("trainer.max_epochs=1", "data.normalise=false")
    assert run_small(outputs, *raw).exit_code == 0
    return outputs


@pytest.fixture(scope="module")
def siamese(outputs: Path) -> Path:
    (run,) = outputs.glob("runs/ws_al_bn_do-*/seed_0")
    return run


@pytest.fixture
def digits(tmp_path: Path) -> Path:
    """A folder of four digits as one would draw them: large, dark on light."""
    folder = tmp_path / "digits"
    folder.mkdir()
    for number in range(4):
        large = Image.fromarray(255 - IMAGES[number]).resize((280, 280), Image.Resampling.BOX)
        large.save(folder / f"{number}.png")
    return folder


def answered(capsys: pytest.CaptureFixture[str], *words: Any) -> dict[str, Any]:
    predict([str(word) for word in words], as_json=True)
    return json.loads(capsys.readouterr().out)


def test_digits_of_mnist_get_the_answer_that_the_net_gives_to_its_own_pairs(siamese: Path) -> None:
    """The same 2x2 means, the same normalisation: to the bit, as far as they can be compared."""
    loaded = load_run(siamese)
    data: Any = loaded.data()
    net = loaded.net()
    places = torch.randperm(2500, generator=torch.Generator().manual_seed(0))[:200]
    pairs = IMAGES[places.numpy()].reshape(100, 2, 28, 28)
    calibration, answers = answer(loaded, None, pairs)
    small = torch.from_numpy(pairs).float().reshape(100, 2, 14, 2, 14, 2).mean((3, 5))
    with torch.inference_mode():
        prediction = net((small - data.mean) / data.std)
    scores = prediction.comparison / calibration.comparison
    for each, probability, read in zip(
        answers, scores.softmax(1)[:, 1].tolist(), prediction.digits[-1].argmax(2), strict=True
    ):
        ordered = each["answer"] == "<="
        assert each["probability"] == pytest.approx(probability if ordered else 1 - probability)
        assert each["probability"] >= 0.5
        assert each["digits"] == read.tolist()
        assert each["digits_agree"] == ((read[0] <= read[1]).item() == ordered)


def test_a_pair_of_files_is_answered_for_machines(
    capsys: pytest.CaptureFixture[str], siamese: Path, digits: Path
) -> None:
    said = answered(capsys, f"run={siamese}", digits / "0.png", digits / "1.png")
    loaded = load_run(siamese)
    data: Any = loaded.data()
    calibration = calibrate(loaded.net(), data)
    assert said["run"] == str(siamese)
    assert said["validation_error"] == loaded.record["metrics"]["val/error"]
    assert said["calibration"] == {
        "pairs": 20,
        "comparison_temperature": calibration.comparison,
        "digit_temperature": calibration.digits,
    }
    _, (expected,) = answer(loaded, None, IMAGES[:2][None])
    (pair,) = said["pairs"]
    names = {"first": str(digits / "0.png"), "second": str(digits / "1.png")}
    assert {name: pair.pop(name) for name in names} == names
    for name, value in expected.items():
        assert pair[name] == (pytest.approx(value, abs=0.02) if "prob" in name else value), name


def test_folders_and_csv_files_are_batches(
    capsys: pytest.CaptureFixture[str], siamese: Path, digits: Path
) -> None:
    run = f"run={siamese}"
    by_folder = answered(capsys, run, digits)["pairs"]
    assert [(Path(each["first"]).name, Path(each["second"]).name) for each in by_folder] == [
        ("0.png", "1.png"),
        ("2.png", "3.png"),
    ]
    (digits / "pairs.csv").write_text("2.png,3.png\n0.png,1.png\n")
    assert answered(capsys, run, digits / "pairs.csv")["pairs"] == by_folder[::-1]


def test_best_is_chosen_by_validation_and_said(outputs: Path, digits: Path) -> None:
    end = type_command("project.predict", "best", f"paths.outputs={outputs}", str(digits))
    best = min(run_directories(outputs), key=lambda run: record(run)["metrics"]["val/error"])
    assert end.exit_code == 0
    assert end.errors.startswith(f"run={best}: the lowest validation error, ")
    assert "of 2 completed runs" in end.errors
    assert len(end.output.splitlines()) == 2


def test_a_net_that_names_no_digits_answers_without(
    capsys: pytest.CaptureFixture[str], outputs: Path, digits: Path
) -> None:
    (run,) = outputs.glob("runs/basic-*/seed_0")
    said = answered(capsys, f"run={run}", digits / "0.png", digits / "1.png")
    assert said["calibration"]["digit_temperature"] is None
    assert set(said["pairs"][0]) == {"first", "second", "answer", "probability"}


@pytest.mark.parametrize(
    ("facts", "text"),
    [
        ({}, "a.png <= b.png (97.3 %)"),
        (
            {"digits": [3, 7], "digit_probabilities": [0.99, 0.5], "digits_agree": True},
            "a.png <= b.png (97.3 %): 3 (99.0 %) and 7 (50.0 %)",
        ),
        (
            {"digits": [3, 3], "digit_probabilities": [1.0, 0.5], "digits_agree": True},
            "a.png <= b.png (97.3 %): 3 (99.9 %) and 3 (50.0 %), so they are equal",
        ),
        (
            {"digits": [7, 3], "digit_probabilities": [0.99, 0.5], "digits_agree": False},
            "a.png <= b.png (97.3 %): 7 (99.0 %) and 3 (50.0 %), which contradicts the answer",
        ),
    ],
)
def test_an_answer_is_a_line(facts: dict[str, Any], text: str) -> None:
    asked = {"first": "a.png", "second": "b.png", "answer": "<=", "probability": 0.9731}
    assert sentence(asked | facts) == text


def test_nothing_is_answered_if_an_image_is_bad(
    capsys: pytest.CaptureFixture[str], siamese: Path, digits: Path
) -> None:
    Image.fromarray(np.full((20, 20), 255, np.uint8)).save(digits / "3.png")
    with pytest.raises(ImageError, match=r"3\.png holds no ink"):
        predict([f"run={siamese}", str(digits)], as_json=False)
    assert capsys.readouterr().out == ""


def test_single_insists_that_an_image_holds_one_digit(siamese: Path, digits: Path) -> None:
    two = np.hstack([255 - IMAGES[0], 255 - IMAGES[1]])
    Image.fromarray(two).resize((560, 280), Image.Resampling.BOX).save(digits / "3.png")
    words = ("project.predict", f"run={siamese}", str(digits / "0.png"), str(digits / "3.png"))
    refused = type_command(*words)
    assert (refused.exit_code, refused.output) == (2, "")
    assert "3.png seems to hold more than one digit" in refused.errors
    assert "insist on one digit with --single" in refused.errors
    read = type_command(*words, "--single")
    assert (read.exit_code, len(read.output.splitlines())) == (0, 1)


def test_without_validation_pairs_it_says_that_nothing_is_calibrated(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, digits: Path
) -> None:
    outputs = tmp_path / "outputs"
    assert run_small(outputs, "data.val_pairs=0", "trainer.max_epochs=1").exit_code == 0
    (run,) = run_directories(outputs)
    capsys.readouterr()
    predict([f"run={run}", *[str(digits / f"{k}.png") for k in (0, 1)]], as_json=False)
    assert "no validation pairs, so the probabilities are not calibrated" in capsys.readouterr().err
    with pytest.raises(NoRunError, match="no completed run with a validation metric"):
        predict(["best", f"paths.outputs={outputs}", str(digits)], as_json=False)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["run=none", "{digits}"], "error: none holds no completed run"),
        (["run=none", "{digits}", "{digits}/none.png", "--json"], "error: images are compared two"),
        (["{digits}"], "error: name a run first"),
        (["run=a", "run=b", "{digits}"], "error: run= is given twice"),
        (["best", "{digits}/empty.png", "{digits}/0.png"], "empty.png is empty (0 bytes)"),
    ],
)
def test_bad_input_ends_with_exit_code_2(digits: Path, words: list[str], message: str) -> None:
    (digits / "empty.png").write_bytes(b"")
    if "empty" not in "".join(words):
        (digits / "empty.png").unlink()
    end = type_command("project.predict", *(word.format(digits=digits) for word in words))
    assert (end.exit_code, end.output) == (2, "")
    assert message in end.errors
