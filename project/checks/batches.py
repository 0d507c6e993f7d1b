"""Functions that take apart batches of nested tensors, dicts, lists and tuples."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from lightning_utilities.core.apply_func import apply_to_collection
from torch import Tensor

INPUT_NAMES = ("input", "inputs", "x", "image", "images", "features", "pixel_values", "input_ids")
TARGET_NAMES = ("target", "targets", "y", "label", "labels")


def tensors_of(batch: Any) -> list[Tensor]:
    """Return the tensors of a batch in their order."""
    found: list[Tensor] = []
    apply_to_collection(batch, Tensor, found.append)
    return found


def example_count(batch: Any) -> int:
    """Return the length of a batch's first tensor that is no scalar; 0 if there is none."""
    return next((len(each) for each in tensors_of(batch) if each.dim()), 0)


def take(batch: Any, places: Sequence[int], count: int) -> Any:
    """Return a batch of the examples at `places` of a batch of `count`, which is not changed.

    Tensors, arrays and lists of plain values of another length hold no examples: they stay whole.
    """

    def taken(part: Any) -> Any:
        is_list = isinstance(part, list)
        if is_list and not all(isinstance(each, str | int | float) for each in part):
            return [take(each, places, count) for each in part]
        if (not is_list and part.ndim == 0) or len(part) != count:
            return part
        return [part[place] for place in places] if is_list else part[list(places)]

    return apply_to_collection(batch, (Tensor, np.ndarray, list), taken)


def clone(batch: Any) -> Any:
    """Return a copy of a batch with detached copies of its tensors."""
    return apply_to_collection(batch, Tensor, lambda tensor: tensor.detach().clone())


def inputs_of(batch: Any) -> Any:
    """Return the part of a batch that is the net's input.

    Of a dict, this is the value at the first of INPUT_NAMES that it has, else its first value (None
    if it is empty); of a list or tuple the first element; and anything else as it is.
    """
    if isinstance(batch, dict):
        named = [batch[name] for name in INPUT_NAMES if name in batch]
        return named[0] if named else next(iter(batch.values()), None)
    return batch[0] if isinstance(batch, list | tuple) and batch else batch


def classes_of(batch: Any) -> Tensor | None:
    """Return the class labels of a batch, (N,) int64 on the CPU; None if it has none.

    The labels are a dict's value at the first key of TARGET_NAMES that it has, or the second
    element of a list or tuple: a tensor of whole numbers, (N,) or (N, 1).
    """
    if isinstance(batch, dict):
        found = next((batch[name] for name in TARGET_NAMES if name in batch), None)
    else:
        found = batch[1] if isinstance(batch, list | tuple) and len(batch) > 1 else None
    if not isinstance(found, Tensor) or found.is_complex():
        return None
    if found.dim() == 2 and found.shape[1] == 1:
        found = found.squeeze(1)
    if found.dim() != 1 or (found.is_floating_point() and not torch.equal(found, found.round())):
        return None
    return found.detach().cpu().to(torch.int64)
