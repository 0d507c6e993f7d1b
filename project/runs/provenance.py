"""Where a run's numbers come from: code, versions, machine."""

import json
import os
import platform
import subprocess
from collections import Counter
from collections.abc import Iterable
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

PACKAGES = ("torch", "torchvision", "pytorch-lightning", "hydra-core", "omegaconf", "numpy")


# Lies beside a copy of the code that was sent to another machine, where there is no git.
SENT_FROM = "sent_from.json"


def git_state(repository: Path) -> dict[str, Any]:
    """`{"commit": 40 hex or None, "dirty": bool or None}`; None where there is no git.

    repository: a folder in it. Of a copy that was sent: the state of what it was copied from.
    """
    sent_from = repository.parent / SENT_FROM
    if sent_from.exists():
        return json.loads(sent_from.read_text())

    def git(*arguments: str) -> str:
        return subprocess.run(
            ["git", "-C", str(repository), *arguments],
            capture_output=True,
            text=True,
            check=True,
            timeout=30,
        ).stdout.strip()

    try:
        changes = git("status", "--porcelain", "--untracked-files=no")
        return {"commit": git("rev-parse", "HEAD"), "dirty": bool(changes)}
    except (OSError, subprocess.SubprocessError):
        return {"commit": None, "dirty": None}


def other_versions(records: Iterable[dict[str, Any]]) -> str | None:
    """One line about completed runs that another version of the code has made; None without any.

    records: their run.json. What ran or stands here outside git is of no known version.
    """
    code = git_state(Path(__file__).parent)
    made_by: Counter[str] = Counter()
    for record in records:
        version = record.get("provenance", {}).get("git", {})
        if None in (code["commit"], version.get("commit")) or version == code:
            continue
        changed = " with uncommitted changes" if version["dirty"] else ""
        made_by[version["commit"][:7] + changed] += 1
    if not made_by:
        return None
    count = made_by.total()
    were, they_are = ("run was", "it is") if count == 1 else ("runs were", "they are")
    return (
        f"{count} {were} made by another version of the code ({', '.join(sorted(made_by))}); "
        f"{they_are} kept and counted"
    )


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _processor() -> str:
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()


def provenance(threads: int) -> dict[str, Any]:
    """Everything but the data's origin, which the data module knows."""
    return {
        "git": git_state(Path(__file__).parent),
        "versions": {"python": platform.python_version()}
        | {package: _version(package) for package in PACKAGES},
        "machine": {
            "system": platform.platform(),
            "processor": _processor(),
            "cores": os.cpu_count(),
        },
        "threads": threads,
    }
