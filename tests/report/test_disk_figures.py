"""The figures show the runs' numbers, equal runs give equal bytes, and nothing imports torch."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from matplotlib.collections import PathCollection
from matplotlib.figure import Figure

from project.report.disk_figures import (
    CENTRE,
    RADIUS,
    draw_all,
    draw_epochs,
    draw_learning_rates,
    draw_predictions,
    main,
)
from project.report.disk_runs import Arm, read_arms
from tests.commands import command
from tests.report.disk_runs_on_disk import write_run

NAMES = ("disk_epochs", "disk_learning_rate_relu", "disk_learning_rate_tanh", "disk_predictions")
FILES = [f"{name}.{suffix}" for name in NAMES for suffix in ("png", "svg")]


def arms_of(outputs: Path, activation: str = "tanh") -> dict[float, Arm]:
    return {lr: arm for (name, lr), arm in read_arms(outputs)[0].items() if name == activation}


def test_the_accuracy_figure_shows_mean_and_deviation_of_every_learning_rate(
    tmp_path: Path,
) -> None:
    for seed, accuracy in enumerate((0.8, 0.9, 1.0)):
        write_run(tmp_path, accuracy, seed=seed)
        write_run(tmp_path, accuracy / 2, seed=seed, lr=0.01)
    figure = Figure()
    draw_learning_rates(figure, "tanh", arms_of(tmp_path))
    (axes,) = figure.axes
    ((line, _, (bars,)),) = axes.containers
    assert np.asarray(line.get_xydata()) == pytest.approx(np.array([[0.01, 45], [0.1, 90]]))
    ends = [[point[1] for point in segment] for segment in bars.get_segments()]
    assert np.array(ends) == pytest.approx(np.array([[40, 50], [80, 100]]))
    assert axes.get_xscale() == "log"
    assert axes.get_xlabel() == "learning rate (log scale)"
    assert axes.get_ylabel() == "test accuracy (%)"
    assert "n = 3 runs each" in axes.get_title()
    assert [text.get_text() for text in axes.texts] == ["45.00\n± 5.00", "90.00\n± 10.00"]


def test_the_accuracy_figure_says_how_many_runs_failed(tmp_path: Path) -> None:
    write_run(tmp_path)
    write_run(tmp_path, seed=1, status="failed")
    write_run(tmp_path, lr=1.0, status="failed")
    figure = Figure()
    draw_learning_rates(figure, "tanh", arms_of(tmp_path))
    texts = [text.get_text() for text in figure.axes[0].texts]
    assert texts == ["90.00\n± 0.00\n1 of 2\nfailed", "1 of 1\nfailed"]


def test_the_prediction_figure_tells_classes_and_mistakes_by_shape_and_shows_the_circle(
    tmp_path: Path,
) -> None:
    write_run(tmp_path)
    figure = Figure()
    draw_predictions(figure, arms_of(tmp_path)[0.1])
    (axes,) = figure.axes
    drawn = {
        str(each.get_label()): np.asarray(each.get_offsets()).tolist()
        for each in axes.collections
        if isinstance(each, PathCollection)
    }
    assert drawn == {
        "predicted inside": [[0.5, 0.5], [0.1, 0.9]],
        "predicted outside": [[0.1, 0.1], [0.5, 0.89]],
        "misclassified (2 of 4)": [[0.5, 0.89], [0.1, 0.9]],
    }
    marks = [each for each in axes.collections if isinstance(each, PathCollection)]
    shapes = {np.asarray(each.get_paths()[0].vertices).tobytes() for each in marks}
    assert len(shapes) == 3
    circle = np.asarray(axes.lines[0].get_xydata())
    assert np.hypot(*(circle - CENTRE).T) == pytest.approx(RADIUS)


def test_the_circle_is_that_of_the_points() -> None:
    from project.points import data

    assert (CENTRE, RADIUS) == (data.CENTRE, data.RADIUS)


def test_the_epoch_figure_shows_training_and_validation_over_all_seeds(tmp_path: Path) -> None:
    write_run(tmp_path)
    write_run(tmp_path, seed=1)
    figure = Figure()
    draw_epochs(figure, arms_of(tmp_path)[0.1])
    accuracy, loss = figure.axes
    lines = {
        (axes.get_ylabel().split()[0], str(line.get_label())): np.asarray(line.get_ydata()).tolist()
        for axes in (accuracy, loss)
        for line in axes.lines
    }
    assert lines == {
        ("accuracy", "training"): [50.0, 80.0],
        ("accuracy", "validation"): [50.0, 70.0],
        ("loss", "training"): [0.3, 0.1],
        ("loss", "validation"): [0.4, 0.2],
    }
    assert len({line.get_linestyle() for line in accuracy.lines}) == 2
    assert "n = 2 runs" in figure.get_suptitle()


def test_a_sweep_becomes_four_figures_with_the_same_bytes_each_time(tmp_path: Path) -> None:
    words = ["-m", "activation=tanh,relu", "lr=0.1,0.5", "seed=range(2)", "max_epochs=3"]
    words += ["train_points=40", "val_points=20", "test_points=30", "batch_size=20"]
    subprocess.run(command("project.disk", tmp_path, *words), check=True, timeout=240)
    first = {path.name: path.read_bytes() for path in draw_all(tmp_path)}
    again = {path.name: path.read_bytes() for path in draw_all(tmp_path)}
    assert sorted(first) == FILES
    assert first == again
    assert all(first[name].startswith(b"\x89PNG") for name in FILES if name.endswith("png"))
    assert b"<dc:date>" not in b"".join(first.values())
    folder = tmp_path / "report/figures"
    assert sorted(path.name for path in folder.iterdir()) == FILES


def test_without_tanh_at_01_the_figures_that_need_it_are_left_out_and_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_run(tmp_path, activation="relu")
    assert sorted({path.stem for path in draw_all(tmp_path)}) == ["disk_learning_rate_relu"]
    assert "predictions and epochs, which need runs of tanh at lr 0.1" in capsys.readouterr().err


@pytest.mark.parametrize(("damage", "exit_code"), [(None, 2), ("run.json", 3)])
def test_errors_are_messages_with_an_exit_code(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    damage: str | None,
    exit_code: int,
) -> None:
    if damage:
        (write_run(tmp_path) / damage).write_text("{")
    monkeypatch.setattr(sys, "argv", ["disk_figures", str(tmp_path)])
    with pytest.raises(SystemExit) as raised:
        main()
    assert raised.value.code == exit_code
    assert capsys.readouterr().err.startswith("error: ")


def test_the_command_draws_without_torch(tmp_path: Path) -> None:
    write_run(tmp_path)
    code = (
        "import sys; from project.report.disk_figures import main; "
        f"sys.argv = ['disk_figures', {str(tmp_path)!r}]; main(); "
        "print('TORCH' if 'torch' in sys.modules else 'NONE')"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=120
    )
    lines = done.stdout.splitlines()
    assert lines[-1] == "NONE"
    assert len(lines) == 1 + 2 * 3
