"""One training step of the framework's nets beside torch.nn, autograd and torch.optim.

    python -m tests.benchmarks.framework_step

Forward, loss, backward, update, gradient reset at batch 100, float32, one thread:

- the disk's 2-25-25-25-2 Tanh net with SGD;
- the report's six nets with Adadelta, the auxiliary loss included, beside torch's eager step as one
  writes it (NCHW, torch's defaults) and, for information, in torch's faster layout channels_last.

Times are the process's own (CPU time of its one thread), so that it does not count when it has to
wait for others. Blocks of steps alternate between the sides, so that what else the machine does to
caches and clock rates falls on all alike; a ratio is taken within each round of blocks, and the
median is quoted.
"""

import gc
import time
from collections.abc import Callable
from itertools import pairwise

import torch

from project.framework import SGD, Adadelta, Linear, LossMSE, Sequential, Tanh
from project.seeding import generator, start
from tests.benchmarks.timing import Ratio
from tests.framework.nets.report_nets import (
    REPORT,
    both_nets,
    outputs_of,
    report_loss,
    torch_loss,
)

WIDTHS = (2, 25, 25, 25, 2)
BATCH = 100
DISK_LIMIT = 0.40
NET_LIMIT = 3.0

# Makes a step, and returns its loss.
Step = Callable[[], float]


def framework_disk_step(x: torch.Tensor, target: torch.Tensor) -> Step:
    """A function that makes one step of the framework's net for the disk."""
    net = Sequential(*_layers(Linear, Tanh))
    loss, optimizer = LossMSE(), SGD(net.param(), 0.1)

    def step() -> float:
        value = loss.forward(net.forward(x), target)
        net.backward(loss.backward())
        optimizer.step()
        optimizer.gradient_reset()
        return value.item()

    return step


def torch_disk_step(x: torch.Tensor, target: torch.Tensor) -> Step:
    """A function that makes one step of the same net in torch.nn."""
    net = torch.nn.Sequential(*_layers(torch.nn.Linear, torch.nn.Tanh))
    loss, optimizer = torch.nn.MSELoss(), torch.optim.SGD(net.parameters(), 0.1)

    def step() -> float:
        value = loss(net(x), target)
        value.backward()
        optimizer.step()
        optimizer.zero_grad()
        return value.item()

    return step


def _layers(linear: Callable, tanh: Callable) -> list:
    layers = [linear(WIDTHS[0], WIDTHS[1])]
    for fan_in, fan_out in pairwise(WIDTHS[1:]):
        layers += [tanh(), linear(fan_in, fan_out)]
    return layers


def net_steps(name: str) -> list[Step]:
    """One step of a net of the report: the framework's, torch's, torch's in channels_last."""
    ours, plain = both_nets(name, seed=0, dtype=torch.float32)
    _, faster = both_nets(name, seed=0, dtype=torch.float32)
    pairs = torch.randn(BATCH, 2, 14, 14, generator=generator(0, "pairs"))
    digits = torch.randint(10, (BATCH, 2), generator=generator(0, "digits"))
    target = (digits[:, 0] <= digits[:, 1]).long()
    outputs = len(ours.forward(pairs[:2]))
    loss, optimizer = report_loss(outputs), Adadelta(ours.param(), 1.0)
    targets = [target, *[digits] * (outputs - 1)]

    def framework_step() -> float:
        ours.draw_from(generator(0, "noise", 0))
        value = loss.forward(ours.forward(pairs), targets)
        ours.backward(loss.backward())
        optimizer.step()
        optimizer.gradient_reset()
        return value.item()

    def torch_step(net: torch.nn.Module) -> Step:
        torch_optimizer = torch.optim.Adadelta(net.parameters(), 1.0)

        def step() -> float:
            start(0, "noise", 0)
            value = torch_loss(outputs_of(net, pairs), target, digits)
            value.backward()
            torch_optimizer.step()
            torch_optimizer.zero_grad()
            return value.item()

        return step

    faster.to(memory_format=torch.channels_last)
    return [framework_step, torch_step(plain), torch_step(faster)]


def seconds_per_step(step: Step, steps: int, grad_enabled: bool) -> float:
    """The mean CPU time of one step over a block of them."""
    with torch.set_grad_enabled(grad_enabled):
        start = time.process_time()
        for _ in range(steps):
            step()
        return (time.process_time() - start) / steps


def measure(ours: Step, *theirs: Step, rounds: int, steps: int) -> list[list[float]]:
    """Microseconds per step of each side, ours without and theirs with autograd, in every round."""
    torch.set_num_threads(1)
    sides = [(ours, False), *((each, True) for each in theirs)]
    for step, grad_enabled in sides:
        seconds_per_step(step, steps, grad_enabled)  # warm up
    gc.collect()
    gc.disable()
    measured = [
        [1e6 * seconds_per_step(step, steps, grad_enabled) for step, grad_enabled in sides]
        for _ in range(rounds)
    ]
    gc.enable()
    return [list(each) for each in zip(*measured, strict=True)]


def disk_ratio(rounds: int = 501, steps: int = 10) -> Ratio:
    """The disk's step."""
    x, target = torch.rand(2, BATCH, 2, generator=generator(0, "points"))
    ours, theirs = measure(
        framework_disk_step(x, target), torch_disk_step(x, target), rounds=rounds, steps=steps
    )
    return Ratio.of("framework's step, disk", ours, theirs, "us", DISK_LIMIT)


def net_ratios(name: str, rounds: int = 15, steps: int = 5) -> list[Ratio]:
    """A net's step, beside torch's eager step as one writes it and in channels_last."""
    ours, plain, faster = measure(*net_steps(name), rounds=rounds, steps=steps)
    limit = NET_LIMIT if name == "ws_al_bn_do" else None
    title = f"framework's step, {name}"
    return [
        Ratio.of(title, ours, plain, "us", limit),
        Ratio.of(f"{title}, beside channels_last", ours, faster, "us", None),
    ]


def ratios(rounds: int = 5) -> list[Ratio]:
    """All of them; the residual net, whose step takes half a second, in fewer rounds."""
    found = [disk_ratio(100 * rounds + 1)]
    for name in REPORT:
        more = {"rounds": rounds, "steps": 1} if name == "resnet" else {"rounds": 3 * rounds}
        found += net_ratios(name, **more)
    return found


def main() -> None:
    print(f"torch {torch.__version__}, 1 thread, medians; lowest to highest ratio of a round")
    for each in ratios():
        limit = "" if each.limit is None else f"; limit {each.limit}"
        print(
            f"{each.name:48} {each.ours:9.0f} us {each.theirs:9.0f} us  {each.median:.3f} "
            f"({min(each.ratios):.3f} to {max(each.ratios):.3f}{limit})"
        )


if __name__ == "__main__":
    main()
