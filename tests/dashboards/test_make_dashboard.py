"""`make dashboard`: an address is printed, the page is there, Ctrl-C ends it."""

import os
import re
import shutil
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from tests.commands import ROOT

pytestmark = [
    pytest.mark.cluster,
    pytest.mark.skipif(
        not shutil.which("make") or not Path(sys.prefix, "bin", "tensorboard").exists(),
        reason="needs make and an environment with TensorBoard",
    ),
]


def test_it_prints_an_address_serves_the_page_and_ends_quietly_with_ctrl_c() -> None:
    process = subprocess.Popen(
        # --old-file: the environment is this one, and is not to be set up again.
        ["make", "dashboard", f"VENV={sys.prefix}", f"--old-file={sys.prefix}/.ready"],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    assert process.stdout is not None
    try:
        said = ""
        for line in process.stdout:
            said += line
            if address := re.search(r"http://127\.0\.0\.1:(\d+)/", line):
                break
        else:
            raise AssertionError(f"no address:\n{said}")
        assert int(address.group(1)) > 1023
        with urllib.request.urlopen(address.group(), timeout=60) as page:
            assert "<title>TensorBoard</title>" in page.read().decode()
        os.killpg(process.pid, signal.SIGINT)  # a terminal sends it to all of its processes
        rest, _ = process.communicate(timeout=60)
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
    assert "Traceback" not in rest
    assert "Error" not in rest
    with pytest.raises(urllib.error.URLError):
        urllib.request.urlopen(address.group(), timeout=5)
