"""From a section that names a class (`_target_`) to an object of the class that it must be.

Imports torch only by importing what the configuration names.
"""

import inspect
import json
import pydoc
import types
import typing
from typing import TYPE_CHECKING, Any, Union, get_args, get_origin

from pydantic import ConfigDict, TypeAdapter, ValidationError

from project.config.errors import ConfigurationError, suggest
from project.config.keys import SUPPLIED, arguments

if TYPE_CHECKING:
    from collections.abc import Callable

PLAIN = (bool, int, float, str, type(None))
CONTAINERS = (list, tuple, dict, typing.Sequence, typing.Mapping)


def locate(place: str, target: str) -> Any:
    """Import what `target` names.

    Args:
        place: Where it stands in the configuration, for messages.
        target: A dotted name.

    Raises:
        ConfigurationError: There is no such thing, or importing it fails.
    """
    try:
        found = pydoc.locate(target)
    except pydoc.ErrorDuringImport as error:
        cause = error.value
        raise ConfigurationError(
            f"{place}._target_={target}: importing it fails: {type(cause).__name__}: {cause}"
        ) from cause
    if found is None:
        raise ConfigurationError(
            f"{place}._target_={target}: there is no such class; a module of your own must lie in "
            "the working directory or on PYTHONPATH"
        )
    return found


def find_class(place: str, section: dict[str, Any], base: type) -> type:
    """Import the class that a section names, before anything is called.

    Raises:
        ConfigurationError: It is none, or no subclass of `base`.
    """
    target = section["_target_"]
    found = locate(place, target)
    if not (isinstance(found, type) and issubclass(found, base)):
        raise ConfigurationError(
            f"{place}._target_={target}: must be a subclass of {base.__module__}.{base.__name__}"
        )
    return found


def build(kind: str, place: str, section: dict[str, Any], base: type, given: dict[str, Any]) -> Any:
    """Build the object that a section describes.

    Args:
        kind: The kind of section: model, task, data, ...
        place: Its dotted place in the configuration.
        section: Its content.
        base: The class that it must be a subclass of.
        given: What the platform hands over to a constructor that names it.

    Raises:
        ConfigurationError: Naming the key and the rule that is broken.
    """
    target = find_class(place, section, base)
    return call(kind, place, target, arguments(kind, section), given)


def build_function(kind: str, place: str, section: dict[str, Any], given: dict[str, Any]) -> Any:
    """Build what a section describes where it may name a function as well as a class."""
    target = locate(place, section["_target_"])
    if not callable(target):
        raise ConfigurationError(f"{place}._target_={section['_target_']}: cannot be called")
    return call(kind, place, target, arguments(kind, section), given)


def call(
    kind: str, place: str, target: "Callable[..., Any]", keys: dict[str, Any], given: dict[str, Any]
) -> Any:
    """Call a constructor with the keys of its section and those of `given` that it names."""
    names, is_open = parameter_names(target)
    check_types(place, target, keys)
    values = {key: _nested(f"{place}.{key}", value) for key, value in keys.items()}
    handed = {key: value for key, value in given.items() if key in names}
    try:
        inspect.signature(target).bind(**(values | handed))
    except TypeError:
        _refuse_keys(kind, place, target, values, names, is_open)
    except ValueError:  # a class written in C has no signature
        pass
    try:
        return target(**(values | handed))
    except Exception as error:
        if hasattr(error, "exit_code"):
            raise
        raise ConfigurationError(_constructor_message(place, target, names, error)) from error


def parameter_names(target: "Callable[..., Any]") -> tuple[list[str], bool]:
    """Return the parameters of a constructor, and whether it takes any further keyword."""
    try:
        parameters = inspect.signature(target).parameters.values()
    except (TypeError, ValueError):
        return [], True
    is_open = any(each.kind is inspect.Parameter.VAR_KEYWORD for each in parameters)
    variable = (inspect.Parameter.VAR_KEYWORD, inspect.Parameter.VAR_POSITIONAL)
    return [each.name for each in parameters if each.kind not in variable], is_open


def _refuse_keys(
    kind: str,
    place: str,
    target: "Callable[..., Any]",
    values: dict[str, Any],
    names: list[str],
    is_open: bool,
) -> None:
    """Name the key that a constructor does not know, or that it lacks."""
    known = {f"{place}.{name}" for name in names if name not in SUPPLIED[kind]}
    name = getattr(target, "__name__", str(target))
    for key in values:
        if key not in names and not is_open:
            nearest = suggest(f"{place}.{key}", known)
            raise ConfigurationError(f"unknown key '{place}.{key}' for {name}{nearest}")
    for each in inspect.signature(target).parameters.values():
        required = each.default is inspect.Parameter.empty
        if required and each.name in names and each.name not in {*values, *SUPPLIED[kind]}:
            raise ConfigurationError(f"{place}.{each.name}: is missing ({name} needs it)")


def _constructor_message(place: str, target: Any, names: list[str], error: Exception) -> str:
    """Return `model.hidden must be at least 1, got 0`, or what was raised and where."""
    text = str(error)
    if isinstance(error, ValueError) and text.split(" ")[0] in names:
        return f"{place}.{text}"
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    where = ""
    if trace is not None:
        where = f" ({trace.tb_frame.f_code.co_filename}, line {trace.tb_lineno})"
    name = getattr(target, "__name__", str(target))
    return f"{place}: {name} raised {type(error).__name__}: {text}{where}"


def check_types(place: str, target: "Callable[..., Any]", keys: dict[str, Any]) -> None:
    """Refuse values that do not have the plain type that a constructor's annotation names.

    Annotations that name other classes are left to the constructor.

    Raises:
        ConfigurationError: Naming key, value and type.
    """
    function = target.__init__ if isinstance(target, type) else target
    try:
        hints = typing.get_type_hints(function)
    except Exception:  # names that exist for type checkers only
        return
    lines = []
    for key, value in keys.items():
        hint = _without_tensors(hints[key]) if key in hints else None
        if key not in hints or not _is_plain(hint):
            continue
        adapter = TypeAdapter(hint, config=ConfigDict(strict=True, allow_inf_nan=False))
        try:
            adapter.validate_json(json.dumps(value))
        except ValidationError as error:
            problem = error.errors()[-1]
            rule = problem["msg"].removeprefix("Value error, ").removeprefix("Input ")
            at = "".join(f".{part}" for part in problem["loc"] if isinstance(part, int))
            lines.append(f"{place}.{key}{at}={_shown(value, at)}: {rule}")
    if lines:
        raise ConfigurationError("\n".join(lines))


def _shown(value: Any, at: str) -> Any:
    for part in filter(None, at.split(".")):
        value = value[int(part)]
    return value


def _without_tensors(hint: Any) -> Any:
    """Leave torch.Tensor out of a union: no value of a configuration is one."""
    if get_origin(hint) not in (Union, types.UnionType):
        return hint
    kept = [each for each in get_args(hint) if getattr(each, "__name__", "") != "Tensor"]
    return Union[tuple(kept)] if kept else hint  # noqa: UP007 - made from a list


def _is_plain(hint: Any) -> bool:
    """Whether an annotation speaks of plain values only, which JSON can hold."""
    if hint in PLAIN or hint is None:
        return True
    origin = get_origin(hint)
    if origin is typing.Literal:
        return all(isinstance(each, PLAIN) for each in get_args(hint))
    if origin in (Union, types.UnionType):
        return all(map(_is_plain, get_args(hint)))
    if isinstance(origin, type) and issubclass(
        origin,
        (list, tuple, dict, typing.Sequence, typing.Mapping),  # type: ignore[arg-type]
    ):
        return all(each is Ellipsis or _is_plain(each) for each in get_args(hint))
    return False


def _nested(place: str, value: Any) -> Any:
    """Build the objects that arguments describe in their turn."""
    if isinstance(value, dict) and "_target_" in value:
        target = locate(place, value["_target_"])
        keys = {
            key: _nested(f"{place}.{key}", each) for key, each in value.items() if key != "_target_"
        }
        try:
            return target(**keys)
        except Exception as error:
            raise ConfigurationError(f"{place}: {type(error).__name__}: {error}") from error
    if isinstance(value, dict):
        return {key: _nested(f"{place}.{key}", each) for key, each in value.items()}
    if isinstance(value, list):
        return [_nested(f"{place}.{number}", each) for number, each in enumerate(value)]
    return value
