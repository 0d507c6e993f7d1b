"""`engine=framework`: net, task and optimizer come from the mini framework instead of torch.

`_target_` names the torch class, `framework_target` its twin in `project.framework`. Both take the
same keys, except those that choose how torch computes and change no result: they are dropped.
"""

from typing import Any

from project.config.errors import ConfigurationError

SECTIONS = ("model", "task", "optimizer")
HOW_TORCH_COMPUTES = ("foreach", "fused")
# The values of settings that the mini framework cannot change.
NEEDED: dict[str, dict[str, Any]] = {
    "trainer": {
        "accelerator": "cpu",
        "devices": 1,
        "accumulate_grad_batches": 1,
        "gradient_clip_val": None,
        "precision": "32-true",
    },
    "optimizer": {"no_weight_decay": []},
}


def is_framework(config: dict[str, Any]) -> bool:
    """Return whether a configuration has `engine=framework`."""
    return config.get("engine") == "framework"


def with_engine(config: dict[str, Any]) -> dict[str, Any]:
    """Return the configuration with `_target_`s of the engine that it asks for.

    Raises:
        ConfigurationError: With `engine=framework`, a section has no `framework_target`.
    """
    if not is_framework(config):
        return config
    twins = {}
    for name in SECTIONS:
        section = config.get(name) or {}
        if (target := section.get("framework_target")) is None:
            chosen = f"{name}={section['name']}" if "name" in section else name
            raise ConfigurationError(
                f"engine=framework: {chosen} has no {name}.framework_target (the class of the mini "
                "framework to use in its place); the six nets of study=epfl_table have one"
            )
        kept = {key: value for key, value in section.items() if key not in HOW_TORCH_COMPUTES}
        twins[name] = kept | {"_target_": target}
    return config | twins


def check_engine(config: dict[str, Any]) -> None:
    """Raise ConfigurationError if `engine=framework` lacks a class, or would ignore a setting."""
    if not is_framework(config):
        return
    with_engine(config)
    if config.get("scheduler") is not None:
        raise ConfigurationError(
            "engine=framework has no learning rate schedules; use scheduler=constant"
        )
    for name, needed in NEEDED.items():
        for key, value in needed.items():
            given = config[name].get(key, value)
            if given not in (value, None) and str(given) not in ("32", str(value)):
                raise ConfigurationError(
                    f"engine=framework: {name}.{key}={given} is not supported; leave it out"
                )
