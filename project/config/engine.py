"""`engine=framework`: a net, its task and its optimizer are built of the mini framework.

Sections keep the names of torch's classes; `framework_target` beside them names their twins. Both
engines read the same keys, but for how torch computes, which changes no result.
"""

from typing import Any

from project.config.errors import ConfigurationError

SECTIONS = ("model", "task", "optimizer")
HOW_TORCH_COMPUTES = ("foreach", "fused")
# What the framework's twins cannot do, and what a run with them must have in its place.
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
    """Return whether a configuration asks for the mini framework."""
    return config.get("engine") == "framework"


def with_engine(config: dict[str, Any]) -> dict[str, Any]:
    """Return the configuration with the classes that its engine builds.

    Raises:
        ConfigurationError: A section names no twin of its class.
    """
    if not is_framework(config):
        return config
    return config | {name: _twin(name, config.get(name)) for name in SECTIONS}


def _twin(name: str, section: dict[str, Any] | None) -> dict[str, Any]:
    target = (section or {}).get("framework_target")
    if section is None or target is None:
        chosen = f"{name}={section['name']}" if section and "name" in section else name
        raise ConfigurationError(
            f"engine=framework: {chosen} names no {name}.framework_target, a class of the mini "
            "framework that does the same; the six nets of study=epfl_table do"
        )
    kept = {key: value for key, value in section.items() if key not in HOW_TORCH_COMPUTES}
    return kept | {"_target_": target}


def check_engine(config: dict[str, Any]) -> None:
    """Refuse what the mini framework would silently leave out.

    Raises:
        ConfigurationError: Naming the key, and the value that it must have.
    """
    if not is_framework(config):
        return
    with_engine(config)
    if config.get("scheduler") is not None:
        raise ConfigurationError("engine=framework: has no schedules; use scheduler=constant")
    for name, needed in NEEDED.items():
        for key, value in needed.items():
            given = config[name].get(key, value)
            if given not in (value, None) and str(given) not in ("32", str(value)):
                raise ConfigurationError(
                    f"engine=framework: {name}.{key}={given} is not possible; leave it out"
                )
