"""The layers that couple the pairs of a batch, for ranks that hold a part of the batch each."""

from dataclasses import dataclass
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.modules.dropout import _DropoutNd

CHANNEL_DROPOUTS = nn.Dropout1d | nn.Dropout2d | nn.Dropout3d


class NotDistributableError(Exception):
    """A layer of the net has no form for several devices."""

    exit_code = 2


@dataclass
class Share:
    """Which pairs of the batch at hand belong to this rank: [start, stop) of `pairs`.

    The parts differ by one pair at most; in a batch smaller than `ranks` some are empty.
    """

    rank: int
    ranks: int
    pairs: int = 0
    start: int = 0
    stop: int = 0

    def split(self, pairs: int) -> slice:
        """Begin a batch of `pairs`; returns this rank's part of it."""
        self.pairs = pairs
        self.start = self.rank * pairs // self.ranks
        self.stop = (self.rank + 1) * pairs // self.ranks
        return slice(self.start, self.stop)


class _SumOverRanks(torch.autograd.Function):
    """y = x_1 + ... + x_R on every rank, so dL/dx_r = dL_1/dy + ... + dL_R/dy."""

    @staticmethod
    def forward(ctx: Any, values: Tensor) -> Tensor:
        return summed(values)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:
        return summed(gradients[0])


def summed(values: Tensor) -> Tensor:
    """The sum over all ranks: the same bits on each of them."""
    total = values.clone(memory_format=torch.contiguous_format)
    dist.all_reduce(total)
    return total


class GlobalBatchNorm(_BatchNorm):
    """Batch normalisation with mean and variance over the batch of all ranks.

    torch's SyncBatchNorm is for GPUs only. Sums are taken in float64, as torch does on CPUs.
    Maps (N, C, ...) to the same shape.
    """

    def _check_input_dim(self, input: Tensor) -> None:  # noqa: A002 - torch's name
        if input.dim() < 2:
            raise ValueError(f"batch norm needs (N, C, ...), got {tuple(input.shape)}")

    def forward(self, input: Tensor) -> Tensor:  # noqa: A002 - torch's name
        self._check_input_dim(input)
        if not self.training and self.running_mean is not None:
            return super().forward(input)
        channels = input.shape[1]
        others = [dim for dim in range(input.dim()) if dim != 1]
        shape = [1, channels] + [1] * (input.dim() - 2)
        # A rank may hold fewer pairs than another: the count is summed as well.
        count = input.new_full((1,), input[:, 0].numel(), dtype=torch.float64)
        *sums, count = _SumOverRanks.apply(
            torch.cat([input.sum(others, dtype=torch.float64), count])
        ).split([channels, 1])
        if count.item() <= 1:
            raise ValueError("batch norm needs more than one value per channel when training")
        mean = sums[0] / count
        centred = input - mean.to(input.dtype).view(shape)
        squares = _SumOverRanks.apply(centred.square().sum(others, dtype=torch.float64))
        variance = squares / count
        self._track(mean.detach(), (squares / (count - 1)).detach())
        normalised = centred * (variance + self.eps).rsqrt().to(input.dtype).view(shape)
        if self.weight is None:
            return normalised
        return normalised * self.weight.view(shape) + self.bias.view(shape)

    def _track(self, mean: Tensor, unbiased_variance: Tensor) -> None:
        if not self.training or self.num_batches_tracked is None:
            return
        self.num_batches_tracked.add_(1)
        factor = self.momentum
        if factor is None:  # the plain mean over all batches
            factor = 1 / self.num_batches_tracked.item()
        assert self.running_mean is not None
        assert self.running_var is not None
        self.running_mean.lerp_(mean.to(self.running_mean.dtype), factor)
        self.running_var.lerp_(unbiased_variance.to(self.running_var.dtype), factor)


class GlobalDropout(nn.Module):
    """Dropout that draws the noise for the batch of all ranks and applies this rank's part of it.

    All ranks stand at the same place of the same stream (`noise/<step>`), so every pair meets the
    noise that it would meet in one process.
    """

    def __init__(self, dropout: nn.Module, share: Share) -> None:
        super().__init__()
        self.dropout = dropout
        self.share = share

    def forward(self, values: Tensor) -> Tensor:
        """Maps (rows per pair * pairs of this rank, ...) to the same shape."""
        own = self.share.stop - self.share.start
        if not self.training or not own:
            return values
        rows = len(values) // own  # two images of a pair may follow each other
        shape = list(values.shape)
        shape[0] = rows * self.share.pairs
        if isinstance(self.dropout, CHANNEL_DROPOUTS):
            shape[2:] = [1] * (values.dim() - 2)
        noise = self.dropout(values.new_ones(shape))
        return values * noise[rows * self.share.start : rows * self.share.stop]


def distribute(net: nn.Module, share: Share) -> nn.Module:
    """`net` with its batch norms and dropouts exchanged, in place; names and weights stay.

    Raises NotDistributableError naming a layer that would not work as in one process.
    """
    for path, module in list(net.named_modules()):
        if isinstance(module, GlobalDropout):  # of a training before
            module.share = share
            continue
        for name, child in list(module.named_children()):
            if isinstance(child, _BatchNorm) and not isinstance(child, GlobalBatchNorm):
                setattr(module, name, _global_batch_norm(child))
            elif isinstance(child, nn.Dropout | CHANNEL_DROPOUTS):
                setattr(module, name, GlobalDropout(child, share))
            elif isinstance(child, _DropoutNd):
                place = ".".join(filter(None, (path, name)))
                raise NotDistributableError(
                    f"trainer.devices={share.ranks}: {type(child).__name__} at '{place}' draws its "
                    "noise for one process only; use nn.Dropout, or trainer.devices=1"
                )
    return net


def _global_batch_norm(norm: _BatchNorm) -> GlobalBatchNorm:
    """The same parameters and running statistics, the very tensors."""
    exchanged = GlobalBatchNorm(
        norm.num_features, norm.eps, norm.momentum, norm.affine, norm.track_running_stats
    )
    exchanged.weight, exchanged.bias = norm.weight, norm.bias
    exchanged.running_mean, exchanged.running_var = norm.running_mean, norm.running_var
    exchanged.num_batches_tracked = norm.num_batches_tracked
    exchanged.training = norm.training
    return exchanged
