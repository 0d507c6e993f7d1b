"""Named random streams: every random number depends only on the seed and on a name and index.

A stream's state is the SHA-256 of its key, so that none depends on how many numbers another drew.

Streams in use: `init` and `init/<module path>`, `data`, `order/<epoch>`, `fetch/<epoch>/<batch>`,
`train_start`, `epoch/<epoch>`, `noise/<batch>`, `epoch_end/<epoch>`; for the MNIST pairs
`pairs/train`, `pairs/val`, `pairs/test`, for image sets the same with `images/`, for the disk
experiment with `points/`. Loaders of other stages than training put `val/` or `test/` in front.
"""

import hashlib
import random

import numpy as np
import torch
from torch import nn

SEED_LIMIT = 2**32


def stream_key(seed: int, name: str, index: int | None = None) -> int:
    """Return the 63-bit integer that seeds the generators of the stream `name` or `name/index`."""
    if isinstance(seed, bool) or not isinstance(seed, int) or not 0 <= seed < SEED_LIMIT:
        raise ValueError(f"seed must be an integer in [0, 2^32), got {seed!r}")
    path = name if index is None else f"{name}/{index}"
    digest = hashlib.sha256(f"{seed}:{path}".encode()).digest()
    return int.from_bytes(digest[:8], "big") >> 1


def generator(seed: int, name: str, index: int | None = None) -> torch.Generator:
    """Return a CPU generator at the start of a stream; the arguments are those of `stream_key`."""
    return torch.Generator().manual_seed(stream_key(seed, name, index))


def start(seed: int, name: str, index: int | None = None) -> None:
    """Set the global generators of torch, numpy and Python to the start of a stream."""
    key = stream_key(seed, name, index)
    # Not torch.manual_seed: while CUDA is not initialised, it stores a formatted stack trace with
    # each call, which takes 2 ms a step and a growing list.
    torch.default_generator.manual_seed(key)
    if torch.cuda.is_initialized():
        torch.cuda.manual_seed_all(key)
    if torch.backends.mps.is_available():
        torch.mps.manual_seed(key)
    np.random.seed([key & 0xFFFFFFFF, key >> 32])
    random.seed(key)


def initialise(net: nn.Module, seed: int) -> None:
    """Draw the weights of each module of `net`, in place, from the stream `init/<module path>`.

    So a module with the same path starts with the same weights in every net. The global generators
    end in the state that they had before.

    Raises:
        TypeError: A module with parameters of its own has no method `reset_parameters()`.
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
