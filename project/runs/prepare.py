"""Preparation of a run: its configuration is checked, its data settled, and the run named."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from project.config.engine import check_engine, with_engine
from project.config.errors import ConfigurationError
from project.config.identity import IGNORED, deciding_callbacks, identify
from project.config.instantiate import locate
from project.config.keys import SETTLED, check_chosen, check_keys
from project.config.packages import check_loggers
from project.config.schema import TrainConfig
from project.runs.code import fingerprint, targets_of
from project.runs.initial import SENT_NAME, initial_checkpoint, settle_initial
from project.runs.spec import RunSpec

# Folder in the output folder for runs with `debug=...`: made anew each time, never listed.
DEBUG = "debug"
# Requests to one command, which a stored configuration must not repeat when it is used again.
NOT_STORED: dict[str, Any] = {"rerun": False, "verify": None, "code": None, "trust_code": False}


def prepare_run(config: dict[str, Any], typed: str = "", overrides: Sequence[str] = ()) -> RunSpec:
    """Check a resolved configuration, settle its data and initial weights, and return its run.

    The command as `typed` and the `overrides` that led to the configuration are for the record.

    Raises:
        ConfigurationError: A value breaks a rule.
        NoRunError: `init_from` names no completed run.
        CorruptRunError: The record of the run of `init_from` cannot be read.
        DataError: The data are not available.
    """
    check_chosen(config)
    checked = TrainConfig.checked(config)
    check_keys(config, settled=False)
    check_engine(config)
    check_loggers(config["logger"])
    config, facts = prepare_data(settle_initial(config))
    TrainConfig.checked(config)  # again: settled values are part of the run's name
    check_keys(config)
    targets = deciding_targets(config)
    outputs, is_scratch = Path(checked.paths.outputs), checked.debug is not None
    return RunSpec(
        command="train",
        config=config | NOT_STORED,
        run=identify(config),
        outputs=outputs / DEBUG if is_scratch else outputs,
        threads=checked.trainer.threads,
        data={"name": config["data"]["name"], **facts},
        code=fingerprint(targets),
        targets=tuple(targets),
        typed=typed,
        overrides=tuple(overrides),
        rerun=checked.rerun or is_scratch,
        accepts_code=checked.code == "accept" or is_scratch,
    )


def prepare_data(config: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the configuration with its data section settled, and facts about the data.

    The function that `data.prepare` names, if any, settles the section and returns facts for the
    run record: `dataset`, `fetched_from`, `source`. Null keys of the model (number of classes, size
    of the images) take the value of the same key in this section. Errors are those of
    `prepare_run`.
    """
    data, model = config["data"], config.get("model")
    facts: dict[str, Any] = {}
    if (prepare := data.get("prepare")) is not None:
        result = locate("data.prepare", prepare)(data)
        if not (isinstance(result, tuple) and [type(each) for each in result] == [dict, dict]):
            raise ConfigurationError(
                f"data.prepare={prepare}: must return the settled section and facts about the "
                f"data, two dictionaries, not {type(result).__name__}"
            )
        data, facts = result
    for key in sorted(SETTLED):
        if model is not None and model.get(key, "") is None:
            if data.get(key) is None:
                raise ConfigurationError(
                    f"model.{key}: is null, and data={data['name']} does not set it; give a number"
                )
            model = model | {key: data[key]}
    return config | {"data": data, "model": model}, facts


def deciding_targets(config: dict[str, Any]) -> list[str]:
    """Return the dotted names of what decides a run's result, sorted; raise as `with_engine`."""
    sections = {key: value for key, value in with_engine(config).items() if key not in IGNORED}
    sections["callbacks"] = deciding_callbacks(config.get("callbacks"))
    return targets_of(sections)


def files_to_send(config: dict[str, Any]) -> dict[str, bytes]:
    """Return the files that a run's data folder must hold on another machine, by path in it.

    They are those of the function `files_to_send` beside `data.prepare`, and of `init_from`. Errors
    are those of `prepare_run`.
    """
    files: dict[str, bytes] = {}
    if (prepare := config["data"].get("prepare")) is not None:
        module = locate("data.prepare", prepare.rpartition(".")[0])
        if (function := getattr(module, "files_to_send", None)) is not None:
            files |= function(config["data"])
    if config.get("init_from") is not None:
        files[SENT_NAME] = initial_checkpoint(config, None).read_bytes()
    return files
