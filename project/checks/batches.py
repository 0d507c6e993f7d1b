"""Taking batches apart: whatever tensors they hold, in whatever nesting."""

from typing import Any

import numpy as np
import torch
from torch import Tensor

INPUT_NAMES = ("input", "inputs", "x", "image", "images", "features", "pixel_values", "input_ids")
TARGET_NAMES = ("target", "targets", "y", "label", "labels")


def tensors_of(node: Any) -> list[Tensor]:
    """Return the tensors in a nested structure, in their order."""
    if isinstance(node, Tensor):
        return [node]
    children = node.values() if isinstance(node, dict) else node
    if isinstance(node, dict | list | tuple):
        return [tensor for child in children for tensor in tensors_of(child)]
    return []


def example_count(batch: Any) -> int:
    """Return the number of examples of a batch: the length of its first tensor; 0 if unknown."""
    first = next((each for each in tensors_of(batch) if each.dim()), None)
    return 0 if first is None else len(first)


def take(node: Any, index: Tensor, count: int) -> Any:
    """Return the batch of the examples at `index`.

    Args:
        node: A batch of `count` examples, or a part of it.
        index: Places of examples.
        count: How many there are; what is not so long is no list of examples and stays.
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
    """Return a copy of a batch that no in-place operation reaches."""
    if isinstance(node, Tensor):
        return node.detach().clone()
    if isinstance(node, dict):
        return type(node)((key, clone(each)) for key, each in node.items())
    if isinstance(node, list | tuple):
        parts = [clone(each) for each in node]
        return type(node)(*parts) if hasattr(node, "_fields") else type(node)(parts)
    return node


def inputs_of(batch: Any) -> Any:
    """Return what a net is given of a batch: its first part, or what is named like inputs."""
    if isinstance(batch, dict):
        named = [batch[name] for name in INPUT_NAMES if name in batch]
        return named[0] if named else next(iter(batch.values()), None)
    return batch[0] if isinstance(batch, list | tuple) and batch else batch


def classes_of(batch: Any) -> Tensor | None:
    """Return the classes of a batch's examples, (N,) integers; None where nothing looks like it."""
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
