"""An experiment from outside: trained, killed, resumed, repeated, swept, as a user types it."""

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from project.config.compose import compose, options
from tests.small_runs import CommandEnd, only_run, record, run_directories, type_command
from tests.training.runs import kill_at_each_checkpoint, result

pytest.importorskip("sklearn")

ROOT = Path(__file__).parents[2]
FOLDER = Path(__file__).with_name("own_experiment")
WORDS = ("task=tumours", "trainer.max_epochs=2", "checkpoints.max_overhead=1", "logger=none")


@pytest.fixture(autouse=True)
def in_its_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(FOLDER)
    monkeypatch.syspath_prepend(str(FOLDER))


def train(outputs: Path, *words: str) -> CommandEnd:
    return type_command(
        "project.train", "--config-dir", "conf", *WORDS, f"paths.outputs={outputs}", *words
    )


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A completed run with the callback, left alone."""
    outputs = tmp_path_factory.mktemp("whole")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(FOLDER)
        patch.syspath_prepend(str(FOLDER))
        end = train(outputs, "callbacks=input_noise", "logger=tensorboard")
    assert end.exit_code == 0, end.errors
    return only_run(outputs)


def test_its_runs_are_named_by_task_and_data_and_judged_by_its_metric(whole: Path) -> None:
    facts = record(whole)
    assert re.fullmatch(r"tumours-breast_cancer-[0-9a-f]{8}", whole.parent.name)
    assert facts["metric"] == {"name": "auc", "direction": "max"}
    assert 0.5 < facts["metrics"]["test/auc"] <= 1
    assert facts["parameters"] == 30 * 16 + 16 + 16 + 1
    definitions = facts["provenance"]["code"]["definitions"]
    assert {"tumours:Tumours", "tumours:BreastCancer", "tumours:InputNoise"} <= set(definitions)
    assert facts["provenance"]["data"].keys() >= {"source", "test"}
    header = (whole / "history.csv").read_text().splitlines()[0]
    assert header == "epoch,lr,train/loss,val/auc,val/loss"


def test_killed_at_each_epoch_it_ends_as_the_run_left_alone(whole: Path, tmp_path: Path) -> None:
    """With two worker processes, a net and an optimizer that the platform has not built."""
    words = [*WORDS, "callbacks=input_noise", f"paths.outputs={tmp_path}"]
    assert kill_at_each_checkpoint(compose("train", words, ["conf"])) == 2
    assert result(only_run(tmp_path)) == result(whole)


def test_it_is_the_same_when_it_is_repeated(whole: Path) -> None:
    end = type_command("project.train", f"verify={whole}")
    assert end.exit_code == 0, end.errors
    assert "the same bits when repeated" in end.output


def test_another_seed_has_other_data_and_another_result(whole: Path, tmp_path: Path) -> None:
    assert train(tmp_path, "callbacks=input_noise", "seed=1").exit_code == 0
    one, two = record(whole), record(only_run(tmp_path))
    assert one["variant"] == two["variant"]
    assert one["weights_sha256"] != two["weights_sha256"]
    digests = [each["provenance"]["data"]["test"] for each in (one, two)]
    assert digests[0] != digests[1]
    sources = [each["provenance"]["data"]["source"] for each in (one, two)]
    assert sources[0] == sources[1]


def test_tensorboard_shows_its_curves(whole: Path) -> None:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    events = EventAccumulator(str(whole))
    events.Reload()
    tags: Any = events.Tags()["scalars"]
    assert {"auc/val", "auc/test", "loss/train", "loss/val"} <= set(tags)
    values = [event.value for event in events.Scalars("auc/val")]
    assert len(values) == 2
    assert values[-1] == pytest.approx(record(whole)["metrics"]["val/auc"])


def test_a_net_that_the_task_keeps_to_itself_is_not_exported(whole: Path) -> None:
    end = type_command("project.export", f"run={whole}")
    assert (end.exit_code, end.output) == (2, "")
    assert end.errors == (
        f"error: {whole}: task=tumours brings its own net, which is not a torch.nn.Module by "
        "itself\n"
    )


def test_a_key_that_its_constructor_lacks_is_refused(tmp_path: Path) -> None:
    for word, message in (
        ("task.hiden=3", "unknown key 'task.hiden' for Tumours; did you mean 'task.hidden'?"),
        ("task.hidden=wide", "task.hidden=wide: should be a valid integer"),
        ("data.examples=3", "unknown key 'data.examples' for BreastCancer"),
        ("callbacks.input_noise._target_=tumours.InputNoise", "callbacks.input_noise.std: is miss"),
        ("model=mlp", "model.channels: is null, and data=breast_cancer does not set it"),
        ("model=basic", "model is given, but task=tumours takes none: its file can say"),
    ):
        end = train(tmp_path, word)
        assert (end.exit_code, end.output) == (2, "")
        assert end.errors.startswith(f"error: {message}")
        assert end.errors.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


def test_a_file_named_like_one_of_the_platforms_is_refused(tmp_path: Path) -> None:
    (tmp_path / "conf" / "data").mkdir(parents=True)
    (tmp_path / "conf" / "data" / "mnist_pairs.yaml").write_text("_target_: mine.Data\n")
    end = type_command("project.train", "--config-dir", str(tmp_path / "conf"))
    assert end.exit_code == 2
    assert "has the same name as a file of the platform" in end.errors


def commands() -> list[str]:
    """Return the commands of the example's README."""
    text = (FOLDER / "README.md").read_text()
    block = text[text.index("```bash\n") + 8 : text.rindex("\n```")]
    return [line.partition("#")[0].strip() for line in block.splitlines()]


def test_the_main_readme_shows_files_of_the_example() -> None:
    text = (ROOT / "README.md").read_text()
    section = text[text.index("## Adding your own") :]
    blocks = re.findall(r"```yaml\n# (\S+)\n(.*?)```", section, re.DOTALL)
    assert [place for place, _ in blocks] == ["conf/task/tumours.yaml", "conf/study/width.yaml"]
    for place, block in blocks:
        shown, there = (yaml.safe_load(each) for each in (block, (FOLDER / place).read_text()))
        for key, value in shown.items():
            if isinstance(value, dict):
                assert value.items() <= there[key].items(), place
            else:
                assert value == there[key], place


def test_the_readme_names_what_there_is() -> None:
    assert len(commands()) == 4
    for group, name in re.findall(r"(task|study|callbacks|data)=(\w+)", " ".join(commands())):
        assert name in options(group, [FOLDER / "conf"])


def typed(command: str, outputs: Path) -> subprocess.CompletedProcess[str]:
    """Type a command in the example's folder, with two epochs."""
    line = command.replace("python", sys.executable, 1)
    return subprocess.run(
        f"{line} paths.outputs={outputs} trainer.max_epochs=2 logger=none",
        cwd=FOLDER,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        shell=True,
        capture_output=True,
        text=True,
        timeout=280,
    )


@pytest.mark.slow
def test_a_sweep_trains_what_the_study_says(tmp_path: Path) -> None:
    end = typed("python -m project.train --config-dir conf study=width seed=0,1", tmp_path)
    assert end.returncode == 0, end.stderr
    directories = run_directories(tmp_path)
    assert len(directories) == 6
    assert len({each.parent for each in directories}) == 3
    assert "mean val auc" in end.stdout + end.stderr
    again = typed("python -m project.train --config-dir conf study=width seed=0,1", tmp_path)
    assert again.returncode == 0
    assert "0 done, 6 skipped" in again.stdout
