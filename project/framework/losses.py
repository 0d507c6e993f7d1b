"""Losses: `forward` returns L, without dimensions; `backward` starts the way back."""

from collections.abc import Sequence
from math import isfinite

from project.framework.module import Module
from project.framework.state import require
from project.framework.torch_types import Tensor


class LossMSE(Module):
    """Mean squared error L = mean((prediction - target)^2) over all elements, for any shape."""

    def forward(self, prediction: Tensor, target: Tensor) -> Tensor:
        """Return the loss of a prediction and a target of one shape and dtype."""
        self.check_float(prediction)
        if target.shape != prediction.shape or prediction.numel() == 0:
            raise ValueError(
                "LossMSE: prediction and target must have one shape, not empty, "
                f"got {tuple(prediction.shape)} and {tuple(target.shape)}"
            )
        if target.dtype != prediction.dtype:
            raise TypeError(
                f"LossMSE: the target must have the prediction's dtype {prediction.dtype}, "
                f"got {target.dtype}"
            )
        difference = self.remember(prediction - target)
        return difference.square().mean()

    def backward(self) -> Tensor:
        """Return dL/dprediction = 2 (prediction - target) / number of elements, in their shape."""
        difference = self.remembered()
        return difference * (2 / difference.numel())


class LossCrossEntropy(Module):
    """Cross-entropy L = -mean_n log softmax(logits_n)[target_n] of logits (N, ..., C).

    Targets are class indices (N, ...), int64, in 0 .. C - 1. The mean is over all rows of C logits:
    with logits (N, 2, 10), over 2 N digits.
    """

    def forward(self, logits: Tensor, target: Tensor) -> Tensor:
        """Return the loss of logits (N, ..., C) and classes (N, ...).

        log softmax(z)_i = z_i - log sum_j exp(z_j), where z are the logits minus the maximum of
        their row: so exp cannot overflow and the logarithm's argument is never 0.
        """
        self._check(logits, target)
        shifted = logits - logits.amax(-1, keepdim=True)
        log_p = shifted - shifted.exp().sum(-1, keepdim=True).log_()
        places = target.unsqueeze(-1)
        self.remember((log_p, places))
        return log_p.gather(-1, places).mean().neg_()

    def backward(self) -> Tensor:
        """Return dL/dlogits = (softmax(logits) - onehot(target)) / number of rows, (N, ..., C)."""
        log_p, places = self.remembered()
        p = log_p.exp()
        at_target = p.gather(-1, places).sub_(1)
        return p.scatter_(-1, places, at_target).div_(places.numel())

    def _check(self, logits: Tensor, target: Tensor) -> None:
        self.check_float(logits)
        if logits.dim() < 2 or logits.numel() == 0 or target.shape != logits.shape[:-1]:
            raise ValueError(
                "LossCrossEntropy: logits must be (N, ..., C), not empty, and classes (N, ...), "
                f"got {tuple(logits.shape)} and {tuple(target.shape)}"
            )
        if target.dtype != target.long().dtype:
            raise TypeError(f"LossCrossEntropy: classes must be torch.int64, got {target.dtype}")
        low, high = (bound.item() for bound in target.aminmax())
        if low < 0 or high >= logits.shape[-1]:
            raise ValueError(
                f"LossCrossEntropy: classes must be in 0 .. {logits.shape[-1] - 1}, "
                f"got {low} .. {high}"
            )


class LossSum(Module):
    """Weighted sum of losses L = sum_k weight_k * L_k(output_k, target_k), one for each output.

    It combines the main loss of a net with auxiliary losses. The net adds each gradient to that
    from the later layers at the point where the output leaves.

    Attributes:
        values: The unweighted losses L_k of the last forward; empty before the first.
    """

    def __init__(self, losses: Sequence[Module], weights: Sequence[float]) -> None:
        enough = 0 < len(losses) == len(weights)
        given = f"{len(losses)} losses and {len(weights)} weights"
        require(enough, "LossSum needs at least 1 loss and a weight for each", given)
        require(all(map(isfinite, weights)), "LossSum: weights must be finite", list(weights))
        self.losses = tuple(losses)
        self.weights = tuple(weights)
        self.values: tuple[Tensor, ...] = ()
        self.check_each_once()

    def forward(self, outputs: Sequence[Tensor], targets: Sequence[Tensor]) -> Tensor:
        """Return L of one output and one target for each loss."""
        if len(outputs) != len(self.losses) or len(targets) != len(self.losses):
            raise ValueError(
                f"LossSum: {len(self.losses)} losses need as many outputs and targets, "
                f"got {len(outputs)} and {len(targets)}"
            )
        places = zip(self.losses, outputs, targets, strict=True)
        values = tuple(loss.forward(output, target) for loss, output, target in places)
        self.values = self.remember(values)
        total = self.values[0] * self.weights[0]
        for value, weight in zip(self.values[1:], self.weights[1:], strict=True):
            total.add_(value, alpha=weight)
        return total

    def backward(self) -> tuple[Tensor, ...]:
        """Return dL/doutput_k = weight_k * dL_k/doutput_k for each output, in its shape."""
        self.remembered()
        pairs = zip(self.losses, self.weights, strict=True)
        return tuple(loss.backward() * weight for loss, weight in pairs)

    def children(self) -> list[tuple[str, Module]]:
        return [(str(place), loss) for place, loss in enumerate(self.losses)]
