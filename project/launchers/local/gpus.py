"""Assignment of this machine's GPUs to the jobs of a local sweep, without importing torch."""

import os
import subprocess
from collections.abc import Mapping, Sequence
from typing import Any

VISIBLE = "CUDA_VISIBLE_DEVICES"
GPU_ACCELERATORS = ("auto", "cuda", "gpu")


def visible_gpus(environment: Mapping[str, str] = os.environ) -> list[str]:
    """Return the names of the GPUs that this process may use.

    Args:
        environment: Environment variables; CUDA_VISIBLE_DEVICES may restrict the GPUs.

    Returns:
        The names in CUDA_VISIBLE_DEVICES if it is set, else the indices that nvidia-smi lists.
        Empty if there is no GPU or nvidia-smi fails.
    """
    if VISIBLE in environment:
        named = [name.strip() for name in environment[VISIBLE].split(",")]
        # As in CUDA, an empty name or -1 ends the list.
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
    """Return the largest number of GPUs that any of the jobs needs; 0 if none uses a GPU.

    A job with `accelerator=auto` counts as one that uses GPUs, even on a machine without any.

    Args:
        configs: The configuration of each job.
    """
    needed = [
        trainer.get("devices", 1)
        for config in configs
        if (trainer := config.get("trainer") or {}).get("accelerator") in GPU_ACCELERATORS
    ]
    return max(needed, default=0)


def shares(gpus: Sequence[str], size: int) -> list[str]:
    """Divide the GPUs into disjoint groups, each for one of the jobs that run at the same time.

    Args:
        gpus: The names of all GPUs.
        size: How many GPUs a job needs; at least 1.

    Returns:
        A value of CUDA_VISIBLE_DEVICES for each group; GPUs that fill no group are left out. One
        group with all GPUs if there are fewer than `size`; no group if there are none.
    """
    if not gpus:
        return []
    starts = range(0, len(gpus) - size + 1, size)
    return [",".join(gpus[start : start + size]) for start in starts] or [",".join(gpus)]
