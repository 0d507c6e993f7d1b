"""A valid configuration of project.train, and changes of it."""

import copy
from typing import Any

CONFIG: dict[str, Any] = {
    "seed": 3,
    "seeds": {"data": None, "init": None, "order": None},
    "metric": {"name": "error", "direction": "min"},
    "task": {
        "name": "digit_pairs",
        "_target_": "project.tasks.digit_pairs.DigitPairs",
        "auxiliary_weight": 1.0,
        "label_smoothing": 0.0,
    },
    "data": {
        "name": "epfl_pairs",
        "_target_": "project.data.mnist_pairs.MnistPairs",
        "prepare": "project.data.mnist.prepare_pairs",
        "dataset": "mnist",
        "root": "outputs/data",
        "source": "auto",
        "train_pairs": 1000,
        "val_pairs": 1000,
        "test_pairs": 1000,
        "batch_size": 100,
        "shuffle": False,
        "resample_pairs": False,
        "normalise": False,
    },
    "model": {
        "name": "ws_al",
        "_target_": "project.models.Siamese",
        "init": "by_module",
        "channels": [32, 64],
        "hidden_digit": 50,
        "hidden_comparison": 20,
        "batch_norm": False,
        "dropout_conv": 0.0,
        "dropout_linear": 0.0,
        "auxiliary": "late",
        "auxiliary_input": "probabilities",
    },
    "optimizer": {"_target_": "torch.optim.Adam", "lr": 1.0, "betas": [0.9, 0.999]},
    "scheduler": None,
    "augmentation": None,
    "callbacks": {},
    "logger": {},
    "trainer": {"max_epochs": 25, "accelerator": "cpu", "devices": 1, "threads": 1},
    "checkpoints": {"max_overhead": 0.01},
    "paths": {"outputs": "outputs", "data": "outputs/data"},
    "tags": [],
    "notes": "",
    "debug": None,
    "rerun": False,
    "verify": None,
    "code": None,
    "trust_code": False,
}


def changed(*changes: tuple[str, Any], base: dict[str, Any] = CONFIG) -> dict[str, Any]:
    """Return the configuration with `("section.key", value)` put in."""
    config = copy.deepcopy(base)
    for path, value in changes:
        *sections, key = path.split(".")
        place = config
        for section in sections:
            if place.get(section) is None:
                place[section] = {}
            place = place[section]
        place[key] = value
    return config
