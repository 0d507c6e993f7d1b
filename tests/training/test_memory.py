"""A step touches no new page of memory: faults are counted, not seconds."""

import platform
import subprocess
import sys

import pytest

from project.training import fit
from tests.commands import ROOT
from tests.training.small_runs import Train

FAULTS = """
import resource, torch
from project.models import Siamese
from project.training.memory import keep_freed_memory
torch.set_num_threads(1)
net = Siamese([32, 64], 200, 100, True, 0.1, 0.0, "late", "logits")
net = net.to(memory_format=torch.channels_last)
pairs = torch.randn(100, 2, 14, 14)
def faults(steps):
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(steps):
        net.zero_grad()
        prediction = net(pairs)
        (prediction.comparison.sum() + prediction.digits[0].sum()).backward()
    return (resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before) // steps
faults(5)
without = max(faults(10) for _ in range(3))
keep_freed_memory()
print(without, min(faults(10) for _ in range(3)))
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="is about glibc's malloc")
def test_a_step_touches_no_new_page() -> None:
    counted = subprocess.run(
        [sys.executable, "-c", FAULTS], capture_output=True, text=True, cwd=ROOT, check=True
    )
    without, kept = map(int, counted.stdout.split())
    assert without > 100  # else this is not needed any more
    assert kept < 10


def test_training_keeps_its_memory(monkeypatch: pytest.MonkeyPatch, train: Train) -> None:
    kept: list[bool] = []
    monkeypatch.setattr(fit, "keep_freed_memory", lambda: kept.append(True))
    train("one", max_epochs=1)
    assert kept
