"""Optimizers: rules that change parameters by their accumulated gradients.

An optimizer works on one vector p of all parameters and one vector g of their gradients. Its
constructor creates these vectors and turns the modules' tensors into views of them, so that a step
needs only a few tensor operations, however many layers there are. With weight decay g stands for
g + weight_decay * p (the gradient of an L2 penalty), except in AdamW.
"""

from collections.abc import Iterable
from dataclasses import InitVar, dataclass
from math import inf, sqrt
from typing import ClassVar

from torch import empty

from project.framework.state import Stateful, require
from project.framework.torch_types import Tensor

Parameters = Iterable[tuple[Tensor, Tensor]]


@dataclass(eq=False, repr=False)
class Optimizer(Stateful):
    """Base class of optimizers.

    Once another optimizer has taken over the parameters, the methods raise RuntimeError.

    Args:
        parameters: (parameter, gradient) pairs, as `Module.param` returns them; the tensors become
            views of the optimizer's vectors.
        lr: The learning rate.
        weight_decay: The factor of the L2 penalty.

    Attributes:
        quantities: The names of the vectors, zeros at first, that it keeps from step to step.
    """

    quantities: ClassVar[tuple[str, ...]] = ()
    parameters: InitVar[Parameters]
    lr: float
    weight_decay: float = 0.0

    def __post_init__(self, parameters: Parameters) -> None:
        for name, value in (("lr", self.lr), ("weight_decay", self.weight_decay)):
            require(0 <= value < inf, f"{name} must be at least 0 and finite", value)
        pairs = list(parameters)
        for parameter, gradient in pairs:
            shapes = f"{tuple(parameter.shape)} and {tuple(gradient.shape)}"
            same = parameter.shape == gradient.shape
            require(same, "a parameter and its gradient must have one shape", shapes)
        distinct = len({id(parameter) for parameter, _ in pairs})
        require(0 < distinct == len(pairs), "parameters must be given, each once", len(pairs))
        self._parameter, self._parameter_views = _gather([parameter for parameter, _ in pairs])
        self._gradient, _ = _gather([gradient for _, gradient in pairs])
        self._memory = {name: self._parameter.clone().zero_() for name in self.quantities}

    def step(self) -> None:
        """Update every parameter in place by its accumulated gradient."""
        raise NotImplementedError(f"{type(self).__name__} has no step")

    def gradient_reset(self) -> None:
        """Set the accumulated gradients to zero."""
        self._check_ownership()
        self._gradient.zero_()

    def tensors(self) -> dict[str, Tensor]:
        """Return what the optimizer stores about past steps, by name; not copies."""
        return self._memory

    def _vectors(self) -> tuple[Tensor, Tensor]:
        """Return the parameters p, to be changed in place, and the gradient g, read-only."""
        self._check_ownership()
        if self.weight_decay == 0:
            return self._parameter, self._gradient
        return self._parameter, self._gradient.add(self._parameter, alpha=self.weight_decay)

    def _check_ownership(self) -> None:
        for tensor, view in self._parameter_views:
            if not tensor.is_set_to(view):
                raise RuntimeError(
                    f"this {type(self).__name__} no longer holds its parameters: "
                    "an optimizer built later has taken them over"
                )


def _gather(tensors: list[Tensor]) -> tuple[Tensor, list[tuple[Tensor, Tensor]]]:
    """Turn tensors, in place, into views of one new vector; return it and (tensor, view) pairs."""
    dtypes = {tensor.dtype for tensor in tensors}
    if len(dtypes) > 1:
        raise TypeError(f"parameters and gradients must have one dtype, got {dtypes}")
    sizes = [tensor.numel() for tensor in tensors]
    vector = empty(sum(sizes), dtype=dtypes.pop())
    pairs = []
    for tensor, part in zip(tensors, vector.split(sizes), strict=True):
        view = part.view(tensor.shape).copy_(tensor)
        tensor.set_(vector.untyped_storage(), view.storage_offset(), view.shape, view.stride())
        pairs.append((tensor, view))
    return vector, pairs


@dataclass(eq=False, repr=False)
class SGD(Optimizer):
    """Gradient descent with momentum: v <- momentum * v + g;  p <- p - lr * v.

    With nesterov, p <- p - lr * (g + momentum * v).
    """

    quantities = ("velocity",)
    momentum: float = 0.0
    nesterov: bool = False

    def __post_init__(self, parameters: Parameters) -> None:
        super().__post_init__(parameters)
        momentum = self.momentum
        require(0 <= momentum < inf, "momentum must be at least 0 and finite", momentum)
        require(not self.nesterov or momentum > 0, "nesterov needs a momentum above 0", momentum)

    def step(self) -> None:
        p, g = self._vectors()
        if self.momentum != 0:
            v = self._memory["velocity"].mul_(self.momentum).add_(g)
            g = g.add(v, alpha=self.momentum) if self.nesterov else v
        p.add_(g, alpha=-self.lr)


@dataclass(eq=False, repr=False)
class Adadelta(Optimizer):
    """Adadelta: the gradient times the RMS of past steps over the RMS of past gradients.

    s <- rho * s + (1 - rho) * g^2;  d = g * sqrt(u + eps) / sqrt(s + eps);
    u <- rho * u + (1 - rho) * d^2;  p <- p - lr * d (Zeiler 2012, arXiv 1212.5701).
    """

    quantities = ("square_gradient", "square_step")
    lr: float = 1.0
    rho: float = 0.9
    eps: float = 1e-6

    def __post_init__(self, parameters: Parameters) -> None:
        super().__post_init__(parameters)
        require(0 <= self.rho <= 1, "rho must be in [0, 1]", self.rho)
        require(0 < self.eps < inf, "eps must be greater than 0 and finite", self.eps)

    def step(self) -> None:
        p, g = self._vectors()
        s, u = self._memory.values()
        s.mul_(self.rho).addcmul_(g, g, value=1 - self.rho)
        d = (u + self.eps).sqrt_().div_((s + self.eps).sqrt_()).mul_(g)
        u.mul_(self.rho).addcmul_(d, d, value=1 - self.rho)
        p.add_(d, alpha=-self.lr)


@dataclass(eq=False, repr=False)
class Adam(Optimizer):
    """Adam: the mean gradient over its root mean square (Kingma and Ba 2015, arXiv 1412.6980).

    m <- b1 * m + (1 - b1) * g;  v <- b2 * v + (1 - b2) * g^2;
    at step t, p <- p - lr * m / (1 - b1^t) / (sqrt(v / (1 - b2^t)) + eps).
    """

    quantities = ("mean", "square")
    lr: float = 1e-3
    betas: tuple[float, float] = (0.9, 0.999)
    eps: float = 1e-8

    def __post_init__(self, parameters: Parameters) -> None:
        super().__post_init__(parameters)
        require(all(0 <= beta < 1 for beta in self.betas), "betas must be in [0, 1)", self.betas)
        require(0 < self.eps < inf, "eps must be greater than 0 and finite", self.eps)
        self._memory["steps"] = empty(()).zero_().long()

    def step(self) -> None:
        p, g = self._vectors()
        beta1, beta2 = self.betas
        mean, square, steps = self._memory.values()
        t = steps.add_(1).item()
        m = mean.lerp_(g, 1 - beta1)
        v = square.mul_(beta2).addcmul_(g, g, value=1 - beta2)
        root = v.sqrt().div_(sqrt(1 - beta2**t)).add_(self.eps)
        p.addcdiv_(m, root, value=-self.lr / (1 - beta1**t))


@dataclass(eq=False, repr=False)
class AdamW(Adam):
    """Adam with decoupled weight decay (Loshchilov and Hutter 2019, arXiv 1711.05101).

    p <- p - lr * weight_decay * p, then Adam's step with the plain gradient: so the decay is not
    divided by the root mean square.
    """

    weight_decay: float = 1e-2

    def _vectors(self) -> tuple[Tensor, Tensor]:
        self._check_ownership()
        return self._parameter.mul_(1 - self.lr * self.weight_decay), self._gradient
