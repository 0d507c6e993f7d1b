"""Builds objects from sections that name a class (`_target_`), and checks the class."""

import functools
import importlib
import inspect
import json
import operator
import traceback
import types
import typing
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Union, get_args, get_origin

from pydantic import ConfigDict, TypeAdapter, ValidationError

from project.config.constructors import Parameters
from project.config.errors import ConfigurationError
from project.config.keys import arguments, check_arguments

# Kinds of sections that a function may build too.
BY_FUNCTION = ("scheduler", "augmentation")
SCALARS = (bool, int, float, str, type(None))
CONTAINERS = (list, tuple, dict, Sequence, Mapping)
TENSOR = "<class 'torch.Tensor'>"


def locate(place: str, target: str) -> Any:
    """Import the object named at `place`; raise ConfigurationError if that is not possible."""
    try:
        found = _import(target)
    except Exception as error:
        raise ConfigurationError(
            f"{place}={target}: importing it fails: {type(error).__name__}: {error}"
        ) from error
    if found is None:
        raise ConfigurationError(
            f"{place}={target}: nothing of this name can be imported; a module of your own must be "
            "in the working directory or on PYTHONPATH"
        )
    return found


def _import(target: str) -> Any:
    """Return the object with a dotted name; None if there is none."""
    parts = target.split(".")
    for split in range(len(parts), 0, -1):
        name = ".".join(parts[:split])
        try:
            module = importlib.import_module(name)
        except ModuleNotFoundError as error:
            if error.name and f"{name}.".startswith(f"{error.name}."):
                continue  # this part is no module, but a name in one
            raise
        except (TypeError, ValueError):  # an empty part, as in `a..b`
            return None
        try:
            return functools.reduce(getattr, parts[split:], module)
        except AttributeError:
            return None
    return None


def find_class(place: str, section: dict[str, Any], base: Any) -> type:
    """Import and return a section's class; raise ConfigurationError if it is none of `base`."""
    target = section["_target_"]
    found = locate(f"{place}._target_", target)
    if not (isinstance(found, type) and issubclass(found, base)):
        raise ConfigurationError(
            f"{place}._target_={target}: must be a subclass of {_dotted(base)}"
        )
    return found


def build(kind: str, place: str, section: dict[str, Any], base: Any, given: dict[str, Any]) -> Any:
    """Build the object that a section describes.

    Args:
        kind: The kind of section: model, task, data, ... For those in BY_FUNCTION `_target_` may
            also name a function, which returns the object.
        place: The section's dotted place in the configuration.
        section: The section's content.
        base: The required base class.
        given: Arguments from the platform, by name; a constructor gets those that it has as
            parameters.

    Raises:
        ConfigurationError: A rule is broken; the message names the key and the rule.
    """
    target = locate(f"{place}._target_", section["_target_"])
    if isinstance(target, type) or kind not in BY_FUNCTION:
        target = find_class(place, section, base)
    made = call(kind, place, target, arguments(kind, section), given) if callable(target) else None
    if not isinstance(made, base):
        raise ConfigurationError(
            f"{place}._target_={section['_target_']}: must be a subclass of {_dotted(base)}, or a "
            "function that returns such an object"
        )
    return made


def call(
    kind: str, place: str, target: Callable[..., Any], keys: dict[str, Any], given: dict[str, Any]
) -> Any:
    """Call a constructor or function with the arguments `keys` of a section; otherwise as `build`.

    Objects that they describe in turn are built first.

    Raises:
        ConfigurationError: A key or type is wrong, or `target` raised an error. Errors that have an
            `exit_code` are raised as they are.
    """
    parameters = _parameters(target)
    check_types(place, target, keys)
    values = {key: _nested(f"{place}.{key}", value) for key, value in keys.items()}
    values |= {key: value for key, value in given.items() if key in parameters.defaults}
    try:
        inspect.signature(target).bind(**values)
    except TypeError:
        check_arguments(kind, place, _name(target), keys, parameters)
    except ValueError:  # a class written in C has no signature
        pass
    try:
        return target(**values)
    except Exception as error:
        if hasattr(error, "exit_code"):
            raise
        raise ConfigurationError(_constructor_message(place, target, error)) from error


def _parameters(target: Callable[..., Any]) -> Parameters:
    """Return the parameters of a constructor; of a class written in C, that it accepts any."""
    try:
        parameters = inspect.signature(target).parameters
    except (TypeError, ValueError):
        return Parameters(open=True)
    kinds = {each.kind for each in parameters.values()}
    return Parameters(
        {
            name: each.default
            for name, each in parameters.items()
            if each.kind not in (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
        },
        open=inspect.Parameter.VAR_KEYWORD in kinds,
    )


def _constructor_message(place: str, target: Any, error: Exception) -> str:
    """Return a message about an error; a ValueError may begin with the name of a parameter."""
    text = str(error)
    if isinstance(error, ValueError) and text.split(" ")[0] in _parameters(target).defaults:
        return f"{place}.{text}"
    frame = traceback.extract_tb(error.__traceback__)[-1]
    return (
        f"{place}: {_name(target)} raised {type(error).__name__}: {text} ({frame.filename}, line "
        f"{frame.lineno})"
    )


def check_types(place: str, target: Callable[..., Any], keys: dict[str, Any]) -> None:
    """Check values, by parameter, against those annotations of a constructor that are plain types.

    Raises:
        ConfigurationError: Values have the wrong type; the message has a line for each.
    """
    function = target.__init__ if isinstance(target, type) else target
    try:
        hints = typing.get_type_hints(function)
    except Exception:  # annotations whose names exist for type checkers only
        return
    lines = []
    for key, value in keys.items():
        hint = _plain(hints[key]) if key in hints else None
        if hint is None:
            continue
        adapter = TypeAdapter(hint, config=ConfigDict(strict=True, allow_inf_nan=False))
        try:
            adapter.validate_json(json.dumps(value))
        except ValidationError as error:
            lines.append(_broken_rule(f"{place}.{key}", value, error))
    if lines:
        raise ConfigurationError("\n".join(lines))


def _broken_rule(place: str, value: Any, error: ValidationError) -> str:
    """Return a line about the innermost value in `value` that breaks a rule."""
    problem = error.errors()[-1]
    if problem["type"] == "missing":  # an item of a tuple
        return f"{place}={value}: has too few values"
    for part in problem["loc"]:
        if isinstance(part, int) and isinstance(value, list):
            place, value = f"{place}.{part}", value[part]
    rule = problem["msg"].removeprefix("Value error, ").removeprefix("Input ")
    return f"{place}={value}: {rule.replace('valid array', 'valid list')}"


def _plain(hint: Any) -> Any:
    """Return an annotation without tensors if JSON can hold all its types, else None."""
    if hint is None or hint in SCALARS:
        return hint or type(None)
    if hint in CONTAINERS:
        return hint
    origin = get_origin(hint)
    if origin is typing.Literal:
        return hint if all(isinstance(each, SCALARS) for each in get_args(hint)) else None
    if origin in (Union, types.UnionType):
        parts = [_plain(each) for each in get_args(hint) if str(each) != TENSOR]
        return None if not parts or None in parts else functools.reduce(operator.or_, parts)
    if origin in CONTAINERS:
        parts = tuple(each if each is Ellipsis else _plain(each) for each in get_args(hint))
        generic: Any = origin
        return None if None in parts else generic[parts]
    return None


def _nested(place: str, value: Any) -> Any:
    """Return a value with the dicts that have `_target_`, at any depth, replaced by objects."""
    if isinstance(value, dict) and "_target_" in value:
        target = locate(f"{place}._target_", value["_target_"])
        if not callable(target):
            raise ConfigurationError(f"{place}._target_={value['_target_']}: cannot be called")
        keys = {key: each for key, each in value.items() if key != "_target_"}
        return call("nested", place, target, keys, {})
    if isinstance(value, dict):
        return {key: _nested(f"{place}.{key}", each) for key, each in value.items()}
    if isinstance(value, list):
        return [_nested(f"{place}.{number}", each) for number, each in enumerate(value)]
    return value


def _name(thing: Any) -> str:
    return getattr(thing, "__name__", str(thing))


def _dotted(thing: type) -> str:
    return f"{thing.__module__}.{thing.__name__}"
