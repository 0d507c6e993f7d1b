"""Functions that take apart batches of nested tensors, dicts, lists and tuples."""

from typing import Any

import numpy as np
import torch
from torch import Tensor

INPUT_NAMES = ("input", "inputs", "x", "image", "images", "features", "pixel_values", "input_ids")
TARGET_NAMES = ("target", "targets", "y", "label", "labels")


def tensors_of(node: Any) -> list[Tensor]:
    """Return the tensors in nested dicts, lists and tuples, in their order."""
    if isinstance(node, Tensor):
        return [node]
    children = node.values() if isinstance(node, dict) else node
    if isinstance(node, dict | list | tuple):
        return [tensor for child in children for tensor in tensors_of(child)]
    return []


def example_count(batch: Any) -> int:
    """Return the length of a batch's first tensor that is no scalar; 0 if there is none."""
    first = next((each for each in tensors_of(batch) if each.dim()), None)
    return 0 if first is None else len(first)


def take(node: Any, index: Tensor, count: int) -> Any:
    """Return a batch of the examples at `index`; the given batch is not changed.

    Args:
        node: A batch of `count` examples, or a part of it.
        index: Positions of the examples, (K,) integers.
        count: The number of examples in the batch. Tensors, arrays and lists of any other length
            hold no examples and are kept whole.
    """
    if isinstance(node, Tensor):
        return node[index.to(node.device)] if node.dim() and len(node) == count else node
    if isinstance(node, np.ndarray):
        return node[index.numpy()] if node.ndim and len(node) == count else node
    if isinstance(node, dict):
        return type(node)((key, take(each, index, count)) for key, each in node.items())
    if isinstance(node, list | tuple):
        if len(node) == count and all(isinstance(each, str | int | float) for each in node):
            return type(node)(node[place] for place in index.tolist())
        parts = [take(each, index, count) for each in node]
        return type(node)(*parts) if hasattr(node, "_fields") else type(node)(parts)
    return node


def clone(node: Any) -> Any:
    """Return a copy of a batch with detached copies of its tensors."""
    if isinstance(node, Tensor):
        return node.detach().clone()
    if isinstance(node, dict):
        return type(node)((key, clone(each)) for key, each in node.items())
    if isinstance(node, list | tuple):
        parts = [clone(each) for each in node]
        return type(node)(*parts) if hasattr(node, "_fields") else type(node)(parts)
    return node


def inputs_of(batch: Any) -> Any:
    """Return the part of a batch that is the net's input.

    This is a dict's value at the first key of INPUT_NAMES that it has, else its first value (None
    if it is empty); the first element of a list or tuple; and anything else as it is.
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
    if not isinstance(found, Tensor):
        return None
    if found.dim() == 2 and found.shape[1] == 1:
        found = found.squeeze(1)
    is_whole = not found.is_floating_point() or bool((found == found.round()).all())
    if found.dim() != 1 or found.is_complex() or not is_whole:
        return None
    return found.detach().cpu().to(torch.int64)
