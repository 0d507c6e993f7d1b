"""Provenance of a run's results: state of the code, package versions, machine and threads."""

import json
import os
import platform
import subprocess
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from project.config.source import PROJECT

PACKAGES = (
    "torch", "torchvision", "pytorch-lightning", "torchmetrics", "hydra-core", "omegaconf", "numpy",
)  # fmt: skip
# File with the git state in a copy of the code that was sent to another machine.
SENT_FROM = "sent_from.json"
# Environment variables that change how numbers are computed.
NUMERIC_VARIABLES = (
    "ATEN_", "BLIS_", "CUBLAS_", "DNNL_", "KMP_", "MKL_", "NPY_", "NVIDIA_TF32", "OMP_", "ONEDNN_",
    "OPENBLAS_", "PYTORCH_", "TORCH_",
)  # fmt: skip
# What Lightning sets itself: when it is imported, and before it computes on a GPU.
SET_BY_LIGHTNING = {"PYTORCH_NVML_BASED_CUDA_CHECK": "1", "CUBLAS_WORKSPACE_CONFIG": ":4096:8"}
MAX_DIFF_BYTES = 1_000_000


def available_cores() -> int:
    """Return the number of CPU cores that this process may use."""
    affinity = getattr(os, "sched_getaffinity", None)  # only Linux has it
    return len(affinity(0)) if affinity is not None else os.cpu_count() or 1


def _git(repository: Path, *arguments: str) -> str | None:
    """Return what a git command prints; None if it fails or there is no git."""
    command = ["git", "-C", str(repository), *arguments]
    try:
        return subprocess.run(
            command, capture_output=True, text=True, errors="replace", check=True, timeout=30
        ).stdout
    except (OSError, subprocess.SubprocessError):
        return None


def git_state(repository: Path = PROJECT) -> dict[str, Any]:
    """Return the git state of the code: `{"commit": 40 hex digits, "dirty": bool}`.

    Both values are None if git is missing or the code is in no repository. Of a copy of the code
    that was sent to another machine, it is the state of the original.
    """
    sent_from = repository / SENT_FROM
    if sent_from.exists():
        return json.loads(sent_from.read_text())
    changes = _git(repository, "status", "--porcelain", "--untracked-files=no")
    commit = _git(repository, "rev-parse", "HEAD")
    if changes is None or commit is None:
        return {"commit": None, "dirty": None}
    return {"commit": commit.strip(), "dirty": bool(changes.strip())}


def uncommitted_changes(repository: Path = PROJECT) -> str:
    """Return `git diff HEAD` of the code; empty without git, or if longer than MAX_DIFF_BYTES."""
    diff = _git(repository, "diff", "HEAD", "--", ".") or ""
    return diff if len(diff) <= MAX_DIFF_BYTES else ""


def package_version(package: str) -> str | None:
    """Return the version of an installed package; None if it is not installed."""
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _processor() -> str:
    with suppress(OSError):  # only Linux has this file
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.processor() or platform.machine()


def provenance(threads: int) -> dict[str, Any]:
    """Return the provenance that is known before a run begins: git, versions, machine, threads."""
    environment = {
        name: value
        for name, value in sorted(os.environ.items())
        if name.startswith(NUMERIC_VARIABLES) and SET_BY_LIGHTNING.get(name) != value
    }
    versions = {package: package_version(package) for package in PACKAGES}
    return {
        "git": git_state(),
        "versions": {"python": platform.python_version()} | versions,
        "machine": {
            "system": platform.platform(),
            "processor": _processor(),
            "cores": os.cpu_count(),
            "environment": environment,
        },
        "threads": threads,
    }
