"""Which GPUs jobs may use, found without torch: each job of a local sweep gets its own."""

import os
import subprocess
from collections.abc import Mapping, Sequence
from typing import Any

VISIBLE = "CUDA_VISIBLE_DEVICES"
GPU_ACCELERATORS = ("auto", "cuda", "gpu")


def visible_gpus(environment: Mapping[str, str] = os.environ) -> list[str]:
    """Return the names by which CUDA knows the GPUs that this process may use.

    Args:
        environment: Where CUDA_VISIBLE_DEVICES may stand, which leaves out the others.
    """
    if VISIBLE in environment:
        named = [name.strip() for name in environment[VISIBLE].split(",")]
        # As CUDA does: what follows a number that is none does not count.
        ends = [number for number, name in enumerate(named) if name in ("", "-1")]
        return named[: ends[0]] if ends else named
    try:
        asked = subprocess.run(
            ["nvidia-smi", "--query-gpu=index", "--format=csv,noheader"],
            capture_output=True,
            text=True,
            timeout=30,
        )
    except (OSError, subprocess.TimeoutExpired):
        return []
    return asked.stdout.split() if asked.returncode == 0 else []


def gpus_of_a_job(configs: Sequence[dict[str, Any]]) -> int:
    """Return how many GPUs a job needs; 0 where no job uses any."""
    needed = [
        trainer.get("devices", 1)
        for config in configs
        if (trainer := config.get("trainer") or {}).get("accelerator") in GPU_ACCELERATORS
    ]
    return max(needed, default=0)


def shares(gpus: Sequence[str], size: int) -> list[str]:
    """Return what CUDA_VISIBLE_DEVICES is for one job after the other: so many GPUs each.

    Args:
        gpus: All there are.
        size: How many a job needs.

    Returns:
        No two of them share a GPU. All GPUs where a job needs more than there are.
    """
    if not gpus:
        return []
    starts = range(0, len(gpus) - size + 1, size)
    return [",".join(gpus[start : start + size]) for start in starts] or [",".join(gpus)]
