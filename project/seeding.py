"""Named random streams: every random number is a function of (seed, name, index) and nothing else.

A stream's state is the SHA-256 of its key, so two streams never overlap, none depends on how many
numbers another one drew, and each can be opened again at any moment. Two promises rest on that:
comparisons are paired (at one seed all models see the same pairs in the same order, and modules
of the same path start from the same weights), and a resumed run ends bit-identical to one that was
never touched.

Streams in use: `pairs/train`, `pairs/val`, `pairs/test`, `init/<module path>`, `order/<epoch>`,
`noise/<step>`; of part 2 `points/train`, `points/val`, `points/test`.
"""

import hashlib

import torch
from torch import nn

SEED_LIMIT = 2**32


def stream_key(seed: int, name: str, index: int | None = None) -> int:
    """The 63-bit integer that starts the stream `name` (or `name/index`) of `seed`.

    Raises ValueError unless seed is an integer in [0, 2^32).
    """
    if isinstance(seed, bool) or not isinstance(seed, int) or not 0 <= seed < SEED_LIMIT:
        raise ValueError(f"seed must be an integer in [0, 2^32), got {seed!r}")
    path = name if index is None else f"{name}/{index}"
    digest = hashlib.sha256(f"{seed}:{path}".encode()).digest()
    return int.from_bytes(digest[:8], "big") >> 1


def generator(seed: int, name: str, index: int | None = None) -> torch.Generator:
    """A CPU generator at the start of the stream."""
    return torch.Generator().manual_seed(stream_key(seed, name, index))


def seed_noise(seed: int, step: int) -> None:
    """Put torch's default generators at the start of `noise/<step>`.

    Dropout can only draw from the default generators, so they are set anew before every training
    step: what was drawn before, by whomever, does not matter.
    """
    _start_default_generators(stream_key(seed, "noise", step))


def _start_default_generators(key: int) -> None:
    # Not torch.manual_seed: on a machine without a GPU it keeps a formatted stack for each call,
    # for the day on which CUDA might be initialised: 2 ms a step, and a list without end.
    torch.default_generator.manual_seed(key)
    if torch.cuda.is_initialized():
        torch.cuda.manual_seed_all(key)


def initialise(net: nn.Module, seed: int) -> None:
    """Draw the weights of each module of `net` from the stream `init/<module path>`.

    Every module that owns parameters must have torch's `reset_parameters()`; raises TypeError
    naming the first that has none, because its weights would come from no stream.
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
