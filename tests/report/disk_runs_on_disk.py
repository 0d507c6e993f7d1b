"""Run directories as `project.disk` leaves them, written by hand with numbers of one's choice."""

import json
from pathlib import Path
from typing import Any

import yaml

CONFIG = {
    "seed": 0,
    "activation": "tanh",
    "lr": 0.1,
    "max_epochs": 2,
    "loss": "mse",
    "paths": {"outputs": "somewhere"},
    "rerun": False,
}


def write_run(
    outputs: Path, accuracy: float = 0.9, status: str = "completed", **config: Any
) -> Path:
    """A run of `config` with a test accuracy, three epochs' history and four test points."""
    config = CONFIG | config
    arm = f"disk_{config['activation']}-{config['lr']}-{config['max_epochs']}"
    directory = outputs / "runs" / arm / f"seed={config['seed']}"
    directory.mkdir(parents=True)
    (directory / "config.yaml").write_text(yaml.safe_dump(config))
    record: dict[str, Any] = {"schema": 1, "status": status}
    if status == "completed":
        record["metrics"] = {"test/accuracy": accuracy, "test/error": 1 - accuracy}
        (directory / "history.csv").write_text(
            "epoch,lr,train/accuracy,train/loss,val/accuracy,val/loss\n"
            "1,0.1,0.5,0.3,0.5,0.4\n2,0.1,0.8,0.1,0.7,0.2\n"
        )
        (directory / "predictions.csv").write_text(
            "x,y,label,prediction\n0.5,0.5,1,1\n0.1,0.1,0,0\n0.5,0.89,1,0\n0.1,0.9,0,1\n"
        )
    (directory / "run.json").write_text(json.dumps(record))
    return directory
