"""Other tools get what TensorBoard gets, and a resumed run continues in each of them."""

import csv
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from project.config import packages
from project.config.errors import ConfigurationError
from project.config.packages import check_loggers
from project.training.loggers import RunCSVLogger
from tests.small_runs import only_run, record, run_small, type_command
from tests.training.runs import EPOCHS, classify_config, kill_at_each_checkpoint, train

CSV = {"csv": {"_target_": "project.training.loggers.RunCSVLogger"}}
LR_MONITOR = {
    "_target_": "pytorch_lightning.callbacks.LearningRateMonitor",
    "logging_interval": "step",
}
SECONDS = "training/seconds_per_epoch"


def rows(directory: Path) -> list[dict[str, str]]:
    with open(directory / "metrics.csv", newline="") as file:
        return [row | {SECONDS: ""} for row in csv.DictReader(file)]


def history(directory: Path) -> list[dict[str, str]]:
    with open(directory / "history.csv", newline="") as file:
        return list(csv.DictReader(file))


def csv_config(outputs: Path) -> dict[str, Any]:
    trainer = {"log_every_n_steps": 1}
    return classify_config(
        outputs, logger=CSV, callbacks={"lr_monitor": LR_MONITOR}, trainer=trainer
    )


def test_metrics_csv_has_a_row_for_each_step_and_the_epochs_metrics(tmp_path: Path) -> None:
    directory = train(csv_config(tmp_path))
    found = rows(directory)
    # The test is logged after the last step.
    assert [int(row["step"]) for row in found] == list(range(3 * EPOCHS + 1))
    assert {row["lr-Adam"] for row in found[:-1]} == {"0.05"}
    for row, epoch in zip(found[2::3], history(directory), strict=True):
        for name in ("train/loss", "train/error", "val/loss", "val/error"):
            assert row[name] == epoch[name]
    assert float(found[-1]["test/error"]) == record(directory)["metrics"]["test/error"]
    assert not (directory / "hparams.yaml").exists()


@pytest.mark.parametrize("after", [True, False])
def test_killed_at_each_epoch_the_file_is_that_of_a_run_left_alone(
    tmp_path: Path, after: bool
) -> None:
    whole = rows(train(csv_config(tmp_path / "whole")))
    assert kill_at_each_checkpoint(csv_config(tmp_path / "killed"), after) == EPOCHS
    assert rows(only_run(tmp_path / "killed")) == whole


def test_a_run_that_begins_anew_keeps_nothing_of_an_earlier_one(tmp_path: Path) -> None:
    logger = RunCSVLogger(tmp_path)
    for step in range(4):
        logger.log_metrics({"a": step}, step)
    logger.flush()
    assert [row["step"] for row in rows(tmp_path)] == ["0", "1", "2", "3"]
    RunCSVLogger(tmp_path, first_step=2).finalize("success")
    assert [row["step"] for row in rows(tmp_path)] == ["0", "1"]
    RunCSVLogger(tmp_path).finalize("success")
    assert rows(tmp_path) == []


@pytest.mark.parametrize(
    ("name", "package"), [("wandb", "wandb"), ("mlflow", "mlflow")], ids=["wandb", "mlflow"]
)
def test_a_missing_package_is_named_with_the_command_that_installs_it(
    name: str, package: str, tmp_path: Path, small_mnist: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = find_spec
    monkeypatch.setattr(
        packages.importlib.util, "find_spec", lambda each: None if each == package else found(each)
    )
    end = run_small(tmp_path, f"logger={name}")
    assert (end.exit_code, end.output) == (2, "")
    assert end.errors == (
        f"error: logger.{name} needs {package}: pip install -c .ci/constraints.txt -e '.[{name}]'\n"
    )
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(ConfigurationError):
        check_loggers({"mine": {"_target_": next(iter(packages.LOGGERS))}, "none": None} | {
            "other": {"_target_": list(packages.LOGGERS)[1]}
        })  # fmt: skip


def test_two_loggers_or_callbacks_of_one_name_are_refused(tmp_path: Path) -> None:
    own = tmp_path / "conf"
    for group in ("logger", "callbacks"):
        (own / group).mkdir(parents=True)
    (own / "logger" / "table.yaml").write_text("csv:\n  _target_: my.Logger\n")
    (own / "callbacks" / "patient.yaml").write_text("early_stopping:\n  _target_: my.Callback\n")
    for word, message in (
        ("logger=[csv,table]", f"have the same key 'csv'; rename it in {own}/logger/table"),
        ("logger=[csv, csv]", "logger=csv and logger=csv have the same key 'csv'"),
        ("callbacks=[early_stopping,patient]", "have the same key 'early_stopping'"),
    ):
        end = type_command("project.train", "--config-dir", str(own), word)
        assert (end.exit_code, end.output) == (2, "")
        assert end.errors.startswith(f"error: {word}: ")
        assert message in end.errors
        assert end.errors.count("\n") == 1


@pytest.mark.slow
def test_wandb_gets_the_metrics_offline_and_a_resumed_run_is_one_run_there(tmp_path: Path) -> None:
    pytest.importorskip("wandb")
    from tests.training import wandb_files

    section = {"_target_": "project.training.loggers.RunWandbLogger", "save_dir": str(tmp_path)}
    config = classify_config(tmp_path, logger={"wandb": section})
    assert kill_at_each_checkpoint(config) == EPOCHS
    directory = only_run(tmp_path)
    run_id = (directory / "wandb.id").read_text().strip()
    files = sorted((tmp_path / "wandb").glob(f"offline-run-*-{run_id}*/run-{run_id}.wandb"))
    assert len(files) == len(list((tmp_path / "wandb").glob("offline-run-*"))) >= 1
    logged: dict[int, dict[str, Any]] = {}
    for file in files:
        for row in wandb_files.history(file):
            seen = logged.setdefault(row["trainer/global_step"], {})
            for name, value in row.items():
                if name in ("train/loss", "val/loss", "test/error"):
                    assert seen.setdefault(name, value) == value
    epochs = history(directory)
    assert sorted(logged) == [2, 5, 8, 9]
    for values, epoch in zip((logged[step] for step in (2, 5, 8)), epochs, strict=True):
        assert values["train/loss"] == float(epoch["train/loss"])
        assert values["val/loss"] == float(epoch["val/loss"])
    metrics = record(directory)["metrics"]
    assert logged[9]["test/error"] == metrics["test/error"]
    assert wandb_files.values(files[-1], "config")["seed"] == 0
    summary = wandb_files.values(files[-1], "summary")
    assert {name: summary[name] for name in metrics} == metrics


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # of MLflow's own libraries
def test_mlflow_gets_the_metrics_and_a_resumed_run_is_one_run_there(tmp_path: Path) -> None:
    mlflow = pytest.importorskip("mlflow")
    uri = f"sqlite:///{tmp_path}/mlflow.db"
    section = {"_target_": "project.training.loggers.RunMLFlowLogger", "tracking_uri": uri}
    config = classify_config(tmp_path, logger={"mlflow": section} | CSV)
    assert kill_at_each_checkpoint(config) == EPOCHS
    directory = only_run(tmp_path)
    client = mlflow.MlflowClient(uri)
    experiment = client.get_experiment_by_name("honest-ablations")
    (run,) = client.search_runs([experiment.experiment_id])
    assert run.info.run_id == (directory / "mlflow.id").read_text().strip()
    assert (run.info.run_name, run.info.status) == (record(directory)["name"], "FINISHED")
    assert run.data.params["seed"] == "0"
    for name in ("train/loss", "val/error"):
        values = {
            each.step: each.value for each in client.get_metric_history(run.info.run_id, name)
        }
        assert values == {
            step: float(epoch[name])
            for step, epoch in zip((2, 5, 8), history(directory), strict=True)
        }
    assert run.data.metrics["test/error"] == record(directory)["metrics"]["test/error"]
    assert len(rows(directory)) == EPOCHS + 1


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # of MLflow's own libraries
def test_a_run_that_is_made_anew_is_another_run_there(tmp_path: Path) -> None:
    mlflow = pytest.importorskip("mlflow")
    uri = f"sqlite:///{tmp_path}/mlflow.db"
    section = {"_target_": "project.training.loggers.RunMLFlowLogger", "tracking_uri": uri}
    config = classify_config(tmp_path, logger={"mlflow": section}, trainer={"max_epochs": 1})
    first = (train(config) / "mlflow.id").read_text()
    second = (train(config | {"rerun": True}) / "mlflow.id").read_text()
    assert first != second
    assert len(mlflow.MlflowClient(uri).search_runs(["1"])) == 2
