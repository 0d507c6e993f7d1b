"""SHA-256 of sets of examples, independent of their order and batching."""

import hashlib
from collections.abc import Iterable
from itertools import chain
from typing import Any

import numpy as np
import torch
from torch import Tensor

MODULUS = 2**256


class ExampleDigest:
    """Digest of a set of examples: the sum of their hashes, the same for any order and batching."""

    def __init__(self) -> None:
        self._sum = 0
        self._count = 0

    def add_batch(self, batch: Any) -> None:
        """Add the examples of a batch of tensors, arrays, lists and strings, in any nesting.

        If the parts of the batch have different lengths, it is added as one example.
        """
        parts = list(_parts(batch))
        is_one = len({len(part) for part in parts}) > 1
        for example in [chain.from_iterable(parts)] if is_one else zip(*parts, strict=True):
            self._sum = (self._sum + int.from_bytes(_sha256(example), "big")) % MODULUS
            self._count += 1

    def hexdigest(self) -> str | None:
        """Return the digest of all examples added so far in hexadecimal; None if there are none."""
        if not self._count:
            return None
        text = f"{self._count}:{self._sum:064x}"
        return hashlib.sha256(text.encode()).hexdigest()


def digest_of(batch: Any) -> str | None:
    """Return the digest of the examples of one batch; None if there are none."""
    digest = ExampleDigest()
    digest.add_batch(batch)
    return digest.hexdigest()


def example_hashes(batch: Any) -> list[bytes]:
    """Return the SHA-256 of each example of a batch; empty if its parts differ in length."""
    parts = list(_parts(batch))
    if len({len(part) for part in parts}) != 1:
        return []
    return [_sha256(example) for example in zip(*parts, strict=True)]


def _sha256(example: Iterable[bytes]) -> bytes:
    digest = hashlib.sha256()
    for part in example:
        digest.update(len(part).to_bytes(8, "big") + part)
    return digest.digest()


def _parts(node: Any) -> Iterable[list[bytes]]:
    """Yield a list for each tensor, array or list of a batch: the bytes of its rows."""
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
