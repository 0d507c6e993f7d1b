"""The state of a module or an optimizer as named tensors, and its JSON file.

JSON runs no code. Python writes a float with enough digits to read back the same float, and every
float32 is also a float64, so saving and loading changes no bit of a number but of a NaN.
"""

import json
import os
from collections.abc import Mapping
from pathlib import Path

from torch import empty

from project.framework.torch_types import Tensor

# An empty tensor of each dtype that a state may hold: the source of new tensors of that dtype.
_EMPTY = {"float32": empty(0).float(), "float64": empty(0).double(), "int64": empty(0).long()}


def require(holds: bool, rule: str, value: object) -> None:
    """Raise ValueError unless a rule holds for a value."""
    if not holds:
        raise ValueError(f"{rule}, got {value}")


class Stateful:
    """Base class of objects whose state is a set of named tensors."""

    def tensors(self) -> dict[str, Tensor]:
        """Return the tensors that form the state, by name: the tensors themselves, not copies."""
        return {}

    def state(self) -> dict[str, Tensor]:
        """Return a copy of the state, by name, which later training does not change."""
        return {name: tensor.clone() for name, tensor in self.tensors().items()}

    def load_state(self, state: Mapping[str, Tensor]) -> None:
        """Copy a state into the own tensors, in place; one that does not fit changes nothing."""
        own = self.tensors()
        if own.keys() != state.keys():
            missing, unknown = sorted(own.keys() - state.keys()), sorted(state.keys() - own.keys())
            raise ValueError(f"the state's names must match: missing {missing}, unknown {unknown}")
        for name, tensor in own.items():
            given, shape = state[name], tuple(tensor.shape)
            if given.shape != shape:
                raise ValueError(f"{name} must be {shape}, got {tuple(given.shape)} in the state")
            if given.dtype != tensor.dtype:
                raise TypeError(f"{name} must be {tensor.dtype}, got {given.dtype} in the state")
        for name, tensor in own.items():
            tensor.copy_(state[name])


def save(state: Mapping[str, Tensor], path: str | os.PathLike[str]) -> None:
    """Write a state, of tensors of float32, float64 or int64, to a JSON file atomically."""
    content = {}
    for name, tensor in state.items():
        dtype = str(tensor.dtype).removeprefix("torch.")
        if dtype not in _EMPTY:
            raise TypeError(f"{name} must be one of {', '.join(_EMPTY)}, got {dtype}")
        values = tensor.flatten().tolist()
        content[name] = {"dtype": dtype, "shape": list(tensor.shape), "values": values}
    target = Path(path)
    partial = target.with_name(f"{target.name}.{os.getpid()}.partial")
    try:
        with partial.open("w", encoding="utf-8") as file:
            json.dump(content, file)
            file.flush()
            os.fsync(file.fileno())
        partial.replace(target)
    finally:
        partial.unlink(missing_ok=True)


def load(path: str | os.PathLike[str]) -> dict[str, Tensor]:
    """Return the state that `save` has written; raise ValueError if the file holds none."""
    try:
        content = json.loads(Path(path).read_text(encoding="utf-8"))
        return {
            name: _EMPTY[entry["dtype"]].new_tensor(entry["values"]).reshape(entry["shape"])
            for name, entry in content.items()
        }
    except (ValueError, KeyError, TypeError, AttributeError, RuntimeError) as error:
        raise ValueError(f"{path} is not a state written by save: {error!r}") from error
