"""Test a trained run on other data than its own, without changing the run's own record."""

import hashlib
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import torch
from pytorch_lightning import LightningDataModule, Trainer

from project import seeding
from project.config.errors import ConfigurationError
from project.config.identity import canonical, identity_settings, seeds_of
from project.config.keys import check_keys
from project.config.schema import TrainConfig
from project.runs.atomic import write_text
from project.runs.directory import EVALUATIONS
from project.runs.prepare import prepare_data
from project.runs.provenance import PACKAGES, package_version
from project.training.components import build_data
from project.training.facts import machine_facts, require_metric, scalar_metrics
from project.training.lightning_messages import quiet_trainer
from project.training.load_run import LoadedRun
from project.training.observed import DataDigests, source_digest
from project.training.processes import check_devices
from project.training.streams import named_streams

SCHEMA = 1


def evaluate(
    trained: LoadedRun, section: dict[str, Any], data_folder: str | None, typed: str
) -> dict[str, Any]:
    """Test a run's net on the data of another section `data`; write the result to its directory.

    The other data are normalised as the run's own, which are in `data_folder`. The command line as
    `typed` is for the record, which is returned with the `path` that it was written to:
    `<run>/evaluations/<data>-<hash>.json`.

    Raises:
        ConfigurationError: The data do not fit the run's task; the message says why.
        DataError, CheckpointError: The data or the run's weights cannot be loaded.
    """
    config, facts = prepare_data(trained.config | {"data": section, "logger": {}, "callbacks": {}})
    check_keys(config)
    computing = TrainConfig.checked(config).trainer
    check_devices(computing)
    torch.set_num_threads(computing.threads)
    data = build_data(config)
    if callable(like := getattr(data, "normalise_like", None)):
        like(trained.data(data_folder))  # the net expects the normalisation of its training
    digests = DataDigests(data)
    trainer = _test(trained, config, data, digests)
    test = digests.facts()["test"]
    source = facts.get("source") or source_digest(data)
    own = trained.record["provenance"]["data"]
    record = {
        "schema": SCHEMA,
        "run": trained.name,
        "weights_sha256": trained.record.get("weights_sha256"),
        "metric": trained.record["metric"],
        "data": config["data"],
        "metrics": scalar_metrics(trainer),
        # The same files do not imply the same examples: other ones may be drawn from them, among
        # them examples that the run was trained on.
        "same_files": source is not None and source == own.get("source"),
        "same_examples": test is not None and test == own.get("test"),
        "provenance": {
            "data": {"name": config["data"]["name"], **facts, "source": source, "test": test},
            "versions": {package: package_version(package) for package in PACKAGES},
            **machine_facts(trainer),
        },
        "evaluated": datetime.now(UTC).isoformat(timespec="seconds"),
        "typed": typed,
    }
    return record | {"path": str(_write(trained.directory / EVALUATIONS, record))}


def _test(
    trained: LoadedRun, config: dict[str, Any], data: LightningDataModule, digests: DataDigests
) -> Trainer:
    section, seeds = TrainConfig.checked(config).trainer, seeds_of(config)
    precision = {key: each for key, each in section.arguments.items() if key == "precision"}
    callbacks = [named_streams(seeds["order"]), digests]
    trainer = quiet_trainer(**precision, accelerator=section.accelerator, callbacks=callbacks)
    task = trained.task()
    seeding.start(seeds["data"], "data")
    try:
        trainer.test(task, datamodule=data, verbose=False)
    except Exception as error:
        if hasattr(error, "exit_code"):
            raise
        reason = " ".join(str(error).split())
        raise ConfigurationError(
            f"{trained.directory} does not work on a batch of data={config['data']['name']}: "
            f"{type(error).__name__}: {reason}"
        ) from error
    name = f"test/{trained.record['metric']['name']}"
    logged = trainer.callback_metrics
    require_metric(f"data={config['data']['name']}", name, logged, trained.record["task"])
    return trainer


def _write(folder: Path, record: dict[str, Any]) -> Path:
    """Write the record to a file named by the data and by a hash of their settings and examples."""
    data, test = record["data"], record["provenance"]["data"]["test"]
    settings = canonical([identity_settings({"data": data}), test])
    digest = hashlib.sha256(json.dumps(settings, sort_keys=True).encode()).hexdigest()[:8]
    folder.mkdir(exist_ok=True)
    path = folder / f"{data['name']}-{digest}.json"
    write_text(path, json.dumps(record, indent=2) + "\n")
    return path
