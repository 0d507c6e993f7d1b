"""Counts in place of seconds: what makes a step or a start slow, on whatever machine it is counted.

The seconds themselves are measured by hand (`make bench`).
"""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
import yaml
from torch import nn
from torch.nn.functional import cross_entropy
from torch.profiler import ProfilerActivity, profile

from project.building import optimizer_factory
from project.data.pairs import PairsDataModule
from project.models import Siamese
from project.seeding import initialise, seed_noise
from project.training.module import PairClassifier
from tests.commands import ROOT, SMALL, command, train

ADADELTA = {"_target_": "torch.optim.Adadelta", "lr": 1.0}


def siamese() -> nn.Module:
    net = Siamese([8, 16], 20, 20, True, 0.0, 0.0, "late", "probabilities")
    initialise(net, seed=0)
    return net


def plain_step(net: nn.Module, data: PairsDataModule) -> Callable[[], torch.Tensor]:
    """A step as a student writes it."""
    optimizer = torch.optim.Adadelta(net.parameters(), lr=1.0)
    images, target, digits = data.train[torch.arange(40)]

    def step() -> torch.Tensor:
        prediction = net(images)
        loss = cross_entropy(prediction.comparison, target)
        for position in range(2):
            loss = loss + cross_entropy(prediction.digits[0][:, position], digits[:, position])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return loss.detach()

    return step


def our_step(net: nn.Module, data: PairsDataModule) -> Callable[[], torch.Tensor]:
    """The step of a run."""
    module = PairClassifier(net, optimizer_factory(ADADELTA), auxiliary_weight=1.0, seed=0)
    optimizer = module.configure_optimizers()
    batch = data.train[torch.arange(40)]

    def step() -> torch.Tensor:
        seed_noise(0, 0)
        loss = module.training_step(batch, 0)
        module.optimizer_zero_grad(0, 0, optimizer)
        loss.backward()
        module.on_before_optimizer_step(optimizer)
        optimizer.step()
        return loss.detach()

    return step


@pytest.fixture
def pairs(make_pairs: Callable[..., PairsDataModule]) -> PairsDataModule:
    data = make_pairs()
    data.setup()
    return data


def test_the_fast_step_gives_the_plain_steps_numbers(pairs: PairsDataModule) -> None:
    """In float64, so that a difference could not hide in the rounding."""
    pairs.train.images = pairs.train.images.double()
    ours, plain = siamese().double(), siamese().double()
    fast, slow = our_step(ours, pairs), plain_step(plain, pairs)
    losses = [(fast(), slow()) for _ in range(10)]
    for mine, other in losses:
        torch.testing.assert_close(mine, other, rtol=1e-9, atol=0)
    assert losses[-1][0] < losses[0][0]
    for mine, other in zip(ours.parameters(), plain.parameters(), strict=True):
        torch.testing.assert_close(mine, other.contiguous(), rtol=1e-7, atol=1e-9)


def operator_calls(step: Callable[[], torch.Tensor]) -> int:
    step()  # the optimizer's state is made in the first step
    with profile(activities=[ProfilerActivity.CPU]) as profiled:
        step()
    return sum(event.count for event in profiled.key_averages() if event.key.startswith("aten::"))


def test_a_step_calls_far_fewer_operators_than_the_plain_one(pairs: PairsDataModule) -> None:
    """The optimizer sees one vector in place of twenty parameters."""
    ours, plain = (operator_calls(make(siamese(), pairs)) for make in (our_step, plain_step))
    assert 0.3 * plain < ours < 0.6 * plain


def test_a_step_does_not_look_for_gpus(
    pairs: PairsDataModule, monkeypatch: pytest.MonkeyPatch
) -> None:
    """torch's optimizers would, 0.1 to 0.4 ms each time."""
    looked: list[str] = []
    monkeypatch.setattr(torch.cuda, "is_available", lambda: bool(looked.append("?")))
    our_step(siamese(), pairs)()
    assert not looked
    plain_step(siamese(), pairs)()
    assert looked


COUNT = """
import atexit, copy, sys
opened, copied, copies = [], [], copy.deepcopy
copy.deepcopy = lambda *words, **named: copied.append(None) or copies(*words, **named)
sys.addaudithook(lambda event, arguments: opened.append(arguments[0]) if event == "open" else None)
atexit.register(lambda: print(
    "COUNTS", sum(1 for name in opened if str(name).endswith((".yaml", ".py", ".pyc"))),
    len(sys.modules), len(copied)
))
import runpy
sys.argv = sys.argv[1:]
runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
"""


def counts_of(words: list[str]) -> tuple[int, int, int]:
    """Of a command: source and configuration files opened, modules imported, objects copied."""
    arguments = words[2:]  # without the interpreter and -m
    done = subprocess.run(
        [sys.executable, "-c", COUNT, *arguments],
        cwd=ROOT, check=True, capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    files, modules, copied = map(int, done.stdout.rpartition("COUNTS")[2].split())
    return files, modules, copied


def test_help_opens_few_files_imports_few_modules_and_copies_little(tmp_path: Path) -> None:
    """`import torch` alone brings more than 1,000 modules; Hydra would copy 24,000 objects."""
    files, modules, copied = counts_of(command("project.train", tmp_path, "--help"))
    assert 100 < files < 420
    assert 100 < modules < 520
    assert 100 < copied < 3000


def test_skipping_a_finished_run_imports_few_modules(tmp_path: Path) -> None:
    assert train(tmp_path, "model=basic").returncode == 0
    done = train(tmp_path, "model=basic")
    assert "already completed" in done.stdout
    _, modules, _ = counts_of(command("project.train", tmp_path, "model=basic", *SMALL))
    assert 100 < modules < 620


def test_the_process_of_a_sweep_leaves_torch_to_its_jobs(tmp_path: Path) -> None:
    words = command("project.train", tmp_path, "model=basic", "-m", "seed=0,1", *SMALL)
    _, modules, _ = counts_of(words)
    assert len(list(tmp_path.glob("runs/*/seed=*/run.json"))) == 2
    assert 100 < modules < 720


STARTED = """
import importlib, os, sys, torch
for name in sys.argv[1:]:
    importlib.import_module(name)
threads = lambda: len(os.listdir("/proc/self/task"))
before = threads()
torch.ones(10, 10).triu()
print(threads() - before)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="counts threads in /proc")
@pytest.mark.skipif(torch.get_num_threads() == 1, reason="torch has no threads to start")
def test_importing_what_jobs_are_forked_from_starts_no_threads_of_torch() -> None:
    """OpenMP's are gone after a fork, and a job of more than one thread would wait for them."""
    launcher = yaml.safe_load((ROOT / "conf/hydra/launcher/local.yaml").read_text())
    words = [sys.executable, "-c", STARTED, *launcher["preload"], "project.models"]
    done = subprocess.run(words, cwd=ROOT, check=True, capture_output=True, text=True)
    assert int(done.stdout) > 0  # it is the first operator that starts them
