"""Python processes that have imported nothing yet."""

import subprocess
import sys

from tests.commands import ROOT


def modules_after(*lines: str) -> set[str]:
    """The modules that a new Python has imported after `lines`."""
    code = "\n".join(["import sys", *lines, "print(*sys.modules)"])
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return set(done.stdout.split())
