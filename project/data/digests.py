"""SHA-256 of examples, independent of their order and of how they are batched."""

import hashlib
from collections.abc import Iterable
from typing import Any

import numpy as np
import torch
from torch import Tensor

MODULUS = 2**256


class ExampleDigest:
    """Adds up a hash of every example: the sum is the same in any order and batch size."""

    def __init__(self) -> None:
        self._sum = 0
        self.count = 0

    def add(self, example: Iterable[bytes]) -> None:
        """Add an example, given by the bytes of its parts."""
        digest = hashlib.sha256()
        for part in example:
            digest.update(len(part).to_bytes(8, "big"))
            digest.update(part)
        self._sum = (self._sum + int.from_bytes(digest.digest(), "big")) % MODULUS
        self.count += 1

    def add_batch(self, batch: Any) -> None:
        """Add the examples of a batch: tensors, arrays, lists and texts in any nesting."""
        parts = list(_parts(batch))
        sizes = {len(part) for part in parts}
        if not parts:
            return
        if len(sizes) > 1:  # no batch of examples: it counts as one
            self.add(each for part in parts for each in part)
            return
        for example in zip(*parts, strict=True):
            self.add(example)

    def hexdigest(self) -> str | None:
        """Return the digest of all examples so far; None where there was none."""
        if not self.count:
            return None
        text = f"{self.count}:{self._sum:064x}"
        return hashlib.sha256(text.encode()).hexdigest()


def example_hashes(batch: Any) -> list[bytes]:
    """Return the SHA-256 of each example of a batch; empty where it is no batch of examples."""
    parts = list(_parts(batch))
    if len({len(part) for part in parts}) != 1:
        return []
    return [hashlib.sha256(b"".join(example)).digest() for example in zip(*parts, strict=True)]


def _parts(node: Any) -> Iterable[list[bytes]]:
    """Yield for each tensor of a batch the bytes of its rows."""
    if isinstance(node, Tensor):
        node = node.detach().cpu()
        if node.dtype == torch.bfloat16:
            node = node.float()
        node = node.numpy()
    if isinstance(node, np.ndarray):
        rows = np.ascontiguousarray(node)
        if rows.ndim == 0:
            yield [rows.tobytes()]
            return
        header = f"{rows.dtype}{rows.shape[1:]}".encode()
        yield [header + row.tobytes() for row in rows]
    elif isinstance(node, dict):
        for key in sorted(node, key=str):
            yield from _parts(node[key])
    elif isinstance(node, list | tuple):
        if node and all(isinstance(each, str | bytes | int | float) for each in node):
            yield [repr(each).encode() for each in node]
        else:
            for each in node:
                yield from _parts(each)
