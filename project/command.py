"""What the commands share: Hydra's command line, errors as messages, exit codes.

0 all done; 1 a job failed; 2 bad input; 3 data or disk; 4 refused; 130 / 143 interrupted.
An exception that carries an `exit_code` is a message for the user; any other is a bug and keeps its
traceback.
"""

import difflib
import functools
import os
import re
import shlex
import signal
import sys
from collections.abc import Callable, Sequence
from types import FrameType
from typing import Any

from project.composition import CONFIGURATION_FOLDER, compose, options, spare_hydras_copies
from project.runs.identity import OPTIONAL_SECTIONS

# Values that may hold what Hydra has no place for: paths, globs and names of arms.
PATH_KEYS = ("paths.outputs", "paths.data", "verify", "runs", "baseline")


def flags_first(arguments: Sequence[str]) -> list[str]:
    """`model=resnet -m seed=1` as Hydra can read it: `-m model=resnet seed=1`.

    Hydra 1.3.8 refuses overrides on both sides of `-m` (its issue 3053, mended in 1.4), because
    argparse takes positional arguments from one place only. This is the one place that knows.
    """
    flags = [argument for argument in arguments if argument in ("-m", "--multirun")]
    return flags + [argument for argument in arguments if argument not in flags]


def paths_quoted(arguments: Sequence[str]) -> list[str]:
    """`verify=a/seed=0` as Hydra can read it: `verify='a/seed=0'`.

    Its grammar has no place for a second '=', a space or a letter beyond ASCII outside of quotes.
    """
    return [_path_quoted(argument) for argument in arguments]


def _path_quoted(argument: str) -> str:
    key, _, value = argument.partition("=")
    plain = re.fullmatch(r"[\w/.,+@%$*?-]*|'.*'|\".*\"", value, re.ASCII | re.DOTALL)
    if key not in PATH_KEYS or plain or "\\" in value:
        return argument
    quote = '"' if "'" in value else "'"
    return argument if quote in value else f"{key}={quote}{value}{quote}"


def known_keys(config_name: str, overrides: Sequence[str], hydras_own: bool = False) -> set[str]:
    """Every dotted key of the configuration that `overrides` lead to; or of its section hydra."""
    from omegaconf import DictConfig, OmegaConf

    config = compose(config_name, overrides, hydras_own)
    if hydras_own:
        config = OmegaConf.masked_copy(config, "hydra")

    def walk(node: DictConfig, prefix: str) -> set[str]:
        keys = set()
        for name in node:
            value = OmegaConf.to_container(node)[name]  # type: ignore[index]
            path = f"{prefix}{name}"
            keys |= {path} | (walk(node[name], f"{path}.") if isinstance(value, dict) else set())
        return keys

    return walk(config, "")


# What Hydra says, as a plain ValueError, where the name of a file is none: `model=3`, `model=null`.
NO_NAME = "Config group override must be a string or a list"
ONE_FLAG = "Only one of --run"  # likewise, of `-m --cfg job`
NO_NAMES = re.compile(r"null|true|false|nan|[-+]?(inf|[\d.][\d.e+-]*)|", re.IGNORECASE)
GROUPS = ("model", "data", "optimizer", "trainer", "seeds", *OPTIONAL_SECTIONS)
GROUP_WORD = re.compile(rf"({'|'.join(GROUPS)})=(.*)")
HYDRAS_WORD = re.compile(r"hydra/\w+=\w+")


def composition_message(error: BaseException, config_name: str, arguments: Sequence[str]) -> str:
    """Hydra's own refusal, with the nearest known key or choice."""
    text = str(error)
    override = re.match(r"Could not override '([^']+)'", text)
    foreign_group = "No match in the defaults list" in text
    unknown = re.search(r"not in (struct|'HydraConf')", str(error.__cause__))
    if override and (foreign_group or unknown):
        return _unknown_key(override.group(1), foreign_group, config_name, arguments)
    if NO_NAME in text:
        # Hydra does not say which: the first that is no name.
        words = [word.partition("=") for word in arguments]
        key, value = next(
            (key, choice)
            for key, _, values in words
            if _choices(key.lstrip("+"))
            for choice in values.split(",")
            if NO_NAMES.fullmatch(choice)
        )
        group = key.lstrip("+")
        if key == group and "/" not in group and group not in known_keys(config_name, []):
            return _unknown_key(group, True, config_name, arguments)
        return _unknown_choice(group, value)
    choice = re.match(r"(?:In '[^']+': )?Could not find '([^']+)'", text)
    if choice:
        group, _, name = choice.group(1).rpartition("/")
        if group and _choices(group):
            return _unknown_choice(group, name)
    return text if error.__cause__ is None else f"{text}\n{error.__cause__}"


def _unknown_key(key: str, foreign_group: bool, config_name: str, arguments: Sequence[str]) -> str:
    from project.refusing import suggestion

    hydras = key.startswith("hydra.")
    groups = [word for word in arguments if (HYDRAS_WORD if hydras else GROUP_WORD).fullmatch(word)]
    groups = [] if foreign_group else [word.partition(",")[0] for word in groups]
    known = known_keys(config_name, groups, hydras)
    if key in known:
        own = ", ".join(sorted(each for each in known if each.startswith(f"{key}.")))
        return f"'{key}' is a section, of which one sets the keys: {own}"
    section = key.partition(".")[0]
    chosen = any(word.startswith((f"{section}=", "+study=")) for word in arguments)
    if section in OPTIONAL_SECTIONS and section in known and not chosen:
        ways = [f"{section}={name}" for name in options(section, f"{section}: null", holds=False)]
        if ways := [way for way in ways if key in known_keys(config_name, [*groups, way])]:
            return f"'{key}' belongs to a choice that is off: add {' or '.join(ways)}"
    message = f"unknown key '{key}'{suggestion(key, known)}"
    study = next((word for word in arguments if re.match(r"\+study=", word)), None)
    if study and not any(word.startswith(f"{key}=") for word in arguments):
        message += f"\n'{key}' comes from {study}: is it a study of another command?"
    return message


def _choices(group: str) -> list[str]:
    """The names of the files in conf/`group`, if there is such a folder."""
    return sorted(path.stem for path in (CONFIGURATION_FOLDER / group).glob("*.yaml"))


def _unknown_choice(group: str, name: str) -> str:
    from project.refusing import suggestion

    names = _choices(group)
    nearest = suggestion(name, names) if difflib.get_close_matches(name, names) else ""
    return f"unknown {group} '{name}'{nearest}\navailable: {', '.join(names)}"


class Terminated(BaseException):
    """SIGTERM, at a moment when nothing is being trained."""

    exit_code = 143


def _terminate(number: int, frame: FrameType | None) -> None:
    raise Terminated("interrupted by SIGTERM")


def is_sweep(arguments: Sequence[str]) -> bool:
    """Whether `-m` stands among the arguments."""
    return not {"-m", "--multirun"}.isdisjoint(arguments)


def command_to_go_on(typed: Sequence[str], arguments: Sequence[str]) -> str:
    """What to type to go on with an interrupted command.

    typed: what was typed, with the program (`python -m project.train`); arguments: without it.
    An interrupted rerun has moved the old run aside already: `rerun=true` would begin once more.
    """
    if not is_sweep(arguments):
        typed = [word for word in typed if not word.startswith("rerun=")]
    return shlex.join(typed)


def report_and_exit(error: BaseException, config_name: str, arguments: Sequence[str]) -> int:
    """Print what the user can act on; return the exit code. A bug is raised again."""
    from hydra.errors import HydraException
    from omegaconf.errors import OmegaConfBaseException

    code = getattr(error, "exit_code", None)
    if isinstance(code, int):
        message = str(error)
    elif isinstance(error, HydraException | OmegaConfBaseException) or (
        isinstance(error, ValueError) and str(error).startswith((NO_NAME, ONE_FLAG))
    ):
        code, message = 2, composition_message(error, config_name, arguments)
    elif isinstance(error, KeyboardInterrupt):
        code, message = 130, "interrupted by SIGINT"
    elif isinstance(error, OSError) and error.errno is not None:
        place = f" ({error.filename})" if error.filename else ""
        code = 3
        message = (
            f"{error.strerror}{place}; check the folder's rights and its free space, or choose "
            "another paths.outputs or paths.data"
        )
    else:
        raise error
    if code in (130, 143):
        if is_sweep(arguments) and "rerun=true" in arguments:
            message += "; but rerun=true makes all of its runs anew: name only those that are left"
        message += f"\nto go on: {command_to_go_on(sys.orig_argv, arguments)}"
    else:
        message = f"error: {message}"
    print(message, file=sys.stderr)
    return code


def run(task: Callable[[Any], Any], config_name: str, prepare: Callable[[], None]) -> None:
    """Run `task` under Hydra with this process's arguments, then exit with the right code.

    prepare: registers the command's Hydra plugins.
    """
    # Errors come to us as exceptions; Hydra would print them and always exit with 1.
    os.environ["HYDRA_FULL_ERROR"] = "1"
    signal.signal(signal.SIGTERM, _terminate)
    import hydra

    arguments = paths_quoted(flags_first(sys.argv[1:]))
    sys.argv[1:] = arguments
    prepare()
    spare_hydras_copies()
    raised: list[Exception] = []

    @functools.wraps(task)
    def single_run(config: Any) -> Any:
        # Hydra would put a line of its own in front of an error that comes through it.
        try:
            return task(config)
        except Exception as error:
            raised.append(error)

    try:
        hydra.main(
            config_path=str(CONFIGURATION_FOLDER), config_name=config_name, version_base="1.3"
        )(task if is_sweep(arguments) else single_run)()
        if raised:
            raise raised[0]
    except SystemExit:
        raise
    except BaseException as error:
        sys.exit(report_and_exit(error, config_name, arguments))


def run_plain(task: Callable[[], None]) -> None:
    """Run a command that has no configuration of its own; an error ends it with the right code."""
    signal.signal(signal.SIGTERM, _terminate)
    try:
        task()
    except SystemExit:
        raise
    except BaseException as error:
        sys.exit(report_and_exit(error, "train", sys.argv[1:]))
