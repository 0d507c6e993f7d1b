"""Learning-rate schedules made from torch's: one-cycle, and cosine with warm-up."""

import math

from torch.optim import Optimizer
from torch.optim.lr_scheduler import LambdaLR, LRScheduler, OneCycleLR


def one_cycle(
    optimizer: Optimizer,
    total_steps: int,
    pct_start: float,
    div_factor: float,
    final_div_factor: float,
) -> LRScheduler:
    """Return torch's OneCycleLR with the optimizer's learning rate as its maximum.

    The rate rises to that maximum and falls to almost nothing, both along cosines (Smith and Topin
    2018, arXiv 1708.07120). Momentum does not change. Any number of steps works.

    Args:
        optimizer: The optimizer.
        total_steps: The number of steps of the training.
        pct_start: The share of the steps in which the rate rises, in (0, 1).
        div_factor: The rate starts at lr / div_factor; at least 1.
        final_div_factor: The rate ends at lr / div_factor / final_div_factor; at least 1.
    """
    for name, value in (("div_factor", div_factor), ("final_div_factor", final_div_factor)):
        if value < 1:
            raise ValueError(f"{name} must be at least 1, got {value}")
    if not 0 < pct_start < 1:
        raise ValueError(f"pct_start must be above 0 and below 1, got {pct_start}")
    if pct_start * total_steps == 1:
        # torch would divide by zero, the length of a rise that consists of one step.
        pct_start = math.nextafter(pct_start, 0)
    return OneCycleLR(
        optimizer,
        max_lr=[group["lr"] for group in optimizer.param_groups],
        total_steps=total_steps,
        pct_start=pct_start,
        div_factor=div_factor,
        final_div_factor=final_div_factor,
        cycle_momentum=False,
    )


def cosine(
    optimizer: Optimizer, total_steps: int, warmup_share: float = 0.0, min_share: float = 0.0
) -> LRScheduler:
    """Return a schedule that falls along half a cosine, optionally after a linear warm-up.

    Args:
        optimizer: The optimizer.
        total_steps: The number of steps of the training.
        warmup_share: The share of the steps in which the rate rises linearly to lr, in [0, 1).
        min_share: The final rate as a share of lr, in [0, 1].
    """
    if not 0 <= warmup_share < 1:
        raise ValueError(f"warmup_share must be at least 0 and below 1, got {warmup_share}")
    if not 0 <= min_share <= 1:
        raise ValueError(f"min_share must be in [0, 1], got {min_share}")
    warmup = round(warmup_share * total_steps)

    def factor(step: int) -> float:
        if step < warmup:
            return (step + 1) / warmup
        progress = min(1.0, (step - warmup) / max(1, total_steps - warmup))
        return min_share + (1 - min_share) * (1 + math.cos(math.pi * progress)) / 2

    return LambdaLR(optimizer, factor)
