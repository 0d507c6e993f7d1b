"""One training step of the report's net: the framework against torch.nn, autograd and torch.optim.

    python -m tests.benchmarks.framework_step

Forward, loss, backward, update, gradient reset of the 2-25-25-25-2 Tanh net at batch 100 with SGD,
on one thread. Blocks of steps alternate between the two, so that whatever else the machine does
falls on both alike; a ratio is taken within each pair of blocks, and the median is quoted.
"""

import gc
import statistics
import time
from collections.abc import Callable
from itertools import pairwise

import torch

from project.framework import SGD, Linear, LossMSE, Sequential, Tanh

WIDTHS = (2, 25, 25, 25, 2)
BATCH = 100
LR = 0.1
PAIRS = 501
STEPS = 10
LIMIT = 0.45


def framework_step(x: torch.Tensor, target: torch.Tensor) -> Callable[[], None]:
    """A function that makes one step of the framework's net."""
    net = Sequential(*_layers(Linear, Tanh))
    loss, optimizer = LossMSE(), SGD(net.param(), LR)

    def step() -> None:
        loss.forward(net.forward(x), target)
        net.backward(loss.backward())
        optimizer.step()
        optimizer.gradient_reset()

    return step


def torch_step(x: torch.Tensor, target: torch.Tensor) -> Callable[[], None]:
    """A function that makes one step of the same net in torch.nn."""
    net = torch.nn.Sequential(*_layers(torch.nn.Linear, torch.nn.Tanh))
    loss, optimizer = torch.nn.MSELoss(), torch.optim.SGD(net.parameters(), LR)

    def step() -> None:
        loss(net(x), target).backward()
        optimizer.step()
        optimizer.zero_grad()

    return step


def _layers(linear: Callable, tanh: Callable) -> list:
    layers = [linear(WIDTHS[0], WIDTHS[1])]
    for fan_in, fan_out in pairwise(WIDTHS[1:]):
        layers += [tanh(), linear(fan_in, fan_out)]
    return layers


def seconds_per_step(step: Callable[[], None], grad_enabled: bool) -> float:
    """The mean time of one step over a block of them."""
    with torch.set_grad_enabled(grad_enabled):
        start = time.perf_counter()
        for _ in range(STEPS):
            step()
        return (time.perf_counter() - start) / STEPS


def measure() -> tuple[list[float], list[float]]:
    """Seconds per step in each pair of blocks: the framework's and torch's."""
    torch.set_num_threads(1)
    torch.manual_seed(0)
    x, target = torch.rand(BATCH, 2), torch.rand(BATCH, 2)
    ours, theirs = framework_step(x, target), torch_step(x, target)
    seconds_per_step(ours, False), seconds_per_step(theirs, True)  # warm up
    gc.collect()
    gc.disable()
    pairs = [(seconds_per_step(ours, False), seconds_per_step(theirs, True)) for _ in range(PAIRS)]
    gc.enable()
    return [pair[0] for pair in pairs], [pair[1] for pair in pairs]


def main() -> None:
    ours, theirs = measure()
    ratios = [a / b for a, b in zip(ours, theirs, strict=True)]
    low, median, high = statistics.quantiles(ratios, n=4)
    print(f"torch {torch.__version__}, 1 thread, {PAIRS} pairs of blocks of {STEPS} steps")
    print(f"framework  {statistics.median(ours) * 1e6:7.1f} us per step (median)")
    print(f"torch.nn   {statistics.median(theirs) * 1e6:7.1f} us per step (median)")
    print(
        f"ratio      {median:.3f} (median; quartiles {low:.3f} to {high:.3f}, "
        f"range {min(ratios):.3f} to {max(ratios):.3f}; limit {LIMIT})"
    )


if __name__ == "__main__":
    main()
