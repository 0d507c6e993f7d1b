"""Named random streams: every random number is a function of (seed, name, index) and nothing else.

A stream's state is the SHA-256 of its key, so two streams never overlap, none depends on how many
numbers another one drew, and each can be opened again at any moment. Two promises rest on that:
comparisons are paired (at one seed all models see the same data in the same order, and nets that
share modules start alike), and a resumed run ends bit-identical to one that was left alone.

Code that draws from the global generators (torch's, numpy's, Python's) draws from a stream too:
`start` puts all of them at the beginning of one.

Streams in use: `init` and `init/<module path>`, `data`, `order/<epoch>`, `fetch/<epoch>/<batch>`,
`train_start`, `epoch/<epoch>`, `noise/<batch>`, `epoch_end/<epoch>`; of the MNIST pairs
`pairs/train`, `pairs/val`, `pairs/test`; of the disk experiment `points/train`, `points/val`,
`points/test`.
"""

import hashlib
import random

import numpy as np
import torch
from torch import nn

SEED_LIMIT = 2**32


def stream_key(seed: int, name: str, index: int | None = None) -> int:
    """Return the 63-bit integer that starts the stream `name` (or `name/index`) of `seed`.

    Raises:
        ValueError: `seed` is no integer in [0, 2^32).
    """
    if isinstance(seed, bool) or not isinstance(seed, int) or not 0 <= seed < SEED_LIMIT:
        raise ValueError(f"seed must be an integer in [0, 2^32), got {seed!r}")
    path = name if index is None else f"{name}/{index}"
    digest = hashlib.sha256(f"{seed}:{path}".encode()).digest()
    return int.from_bytes(digest[:8], "big") >> 1


def generator(seed: int, name: str, index: int | None = None) -> torch.Generator:
    """Return a CPU generator at the start of the stream."""
    return torch.Generator().manual_seed(stream_key(seed, name, index))


def start(seed: int, name: str, index: int | None = None) -> None:
    """Put the global generators of torch, numpy and Python at the start of the stream."""
    key = stream_key(seed, name, index)
    _start_torch(key)
    np.random.seed([key & 0xFFFFFFFF, key >> 32])
    random.seed(key)


def _start_torch(key: int) -> None:
    # Not torch.manual_seed: on a machine without a GPU it keeps a formatted stack for each call,
    # for the day on which CUDA might be initialised: 2 ms a step, and a list without end.
    torch.default_generator.manual_seed(key)
    if torch.cuda.is_initialized():
        torch.cuda.manual_seed_all(key)
    if torch.backends.mps.is_available():
        torch.mps.manual_seed(key)


def initialise(net: nn.Module, seed: int) -> None:
    """Draw the weights of each module of `net` from the stream `init/<module path>`.

    So modules of the same path start alike in every net that has them.

    Args:
        net: Every module that owns parameters must have torch's `reset_parameters()`.
        seed: The seed of the streams.

    Raises:
        TypeError: Naming the first module that owns parameters and cannot be drawn.
    """
    with torch.random.fork_rng(devices=[]):
        for path, module in net.named_modules():
            reset = getattr(module, "reset_parameters", None)
            if callable(reset):
                torch.default_generator.manual_seed(stream_key(seed, f"init/{path}"))
                reset()
            elif any(True for _ in module.parameters(recurse=False)):
                raise TypeError(
                    f"{type(module).__name__} at {path or 'the top'!r} owns parameters but has no "
                    "reset_parameters() to draw them from its random stream"
                )
