"""Assignment of this machine's GPUs to the jobs of a local sweep, without importing torch."""

import os
import subprocess
from collections.abc import Sequence
from itertools import takewhile
from typing import Any

VISIBLE = "CUDA_VISIBLE_DEVICES"
GPU_ACCELERATORS = ("auto", "cuda", "gpu")


def visible_gpus() -> list[str]:
    """Return the names of the GPUs that this process may use.

    They are the names in CUDA_VISIBLE_DEVICES if it is set, else the indices that nvidia-smi lists;
    none if nvidia-smi fails.
    """
    if VISIBLE in os.environ:
        named = [name.strip() for name in os.environ[VISIBLE].split(",")]
        # As in CUDA, an empty name or -1 ends the list.
        return list(takewhile(lambda name: name not in ("", "-1"), named))
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
    """Return the largest number of GPUs that a job with any of these configurations needs.

    A job with `accelerator=auto` counts as one that uses GPUs, even on a machine without any.
    """
    needed = [
        trainer.get("devices", 1)
        for config in configs
        if (trainer := config.get("trainer") or {}).get("accelerator") in GPU_ACCELERATORS
    ]
    return max(needed, default=0)


def shares(gpus: Sequence[str], size: int) -> list[str]:
    """Divide the GPUs into groups of `size`, each for one of the jobs that run at the same time.

    Returns:
        A value of CUDA_VISIBLE_DEVICES for each group; GPUs that fill no group are left out. One
        group with all GPUs if there are fewer than `size`; no group if there are none.
    """
    if not gpus:
        return []
    starts = range(0, len(gpus) - size + 1, size)
    return [",".join(gpus[start : start + size]) for start in starts] or [",".join(gpus)]
