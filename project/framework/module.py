"""The base class of all layers and losses, whose interface lets them be chained in any order.

A module is a function y = f(x; parameters). `forward` computes y and stores what `backward` needs;
`backward` takes dL/dy, adds dL/dparameter to each parameter's gradient, and returns dL/dx. A module
with several outputs returns a tuple of them, and its `backward` takes a tuple of gradients.

Only the last forward is stored:

- Several backward passes after one forward are allowed; their parameter gradients add up.
- After two forwards, a backward belongs to the second.
- Outputs and input gradients are new tensors, never a buffer that a later pass overwrites (only
  `Flatten` and a dropout that drops nothing return their argument or a view of it). No pass changes
  its argument.
- In return, inputs, outputs and parameters must not be changed in place between a forward and its
  backward: the module stores the tensors themselves, not copies.

A module has either parameters of its own or other modules inside it, its `children`. What does not
fit is refused: numbers, names and shapes by ValueError, dtypes by TypeError, and a backward without
a forward by RuntimeError.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Self, TypeVar

from torch import empty

from project.framework.state import Stateful
from project.framework.torch_types import Generator, Tensor, torch_dtype

Output = TypeVar("Output", Tensor, tuple[Tensor, ...])


class Module(Stateful):
    """A differentiable function with parameters (possibly none), in training or evaluation mode."""

    training = True
    _own: Mapping[str, tuple[Tensor, Tensor]] = {}
    _remembered: Tensor | tuple[Tensor, ...] | None = None

    def __call__(self, *inputs: Any) -> Any:
        return self.forward(*inputs)

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """Return y = f(x)."""
        raise NotImplementedError(f"{type(self).__name__} has no forward")

    def backward(self, *args: Any, **kwargs: Any) -> Any:
        """Return dL/dx, in x's shape, from dL/dy, in y's shape; accumulate parameter gradients."""
        raise NotImplementedError(f"{type(self).__name__} has no backward")

    def children(self) -> list[tuple[str, Module]]:
        """Return the modules inside this one, each with the prefix, perhaps "", of its tensors."""
        return []

    def leaves(self) -> Iterator[tuple[str, Module]]:
        """Yield the modules without children, perhaps itself, by path, as in "blocks.0.conv1"."""
        children = self.children()
        if not children:
            yield "", self
        for name, child in children:
            for path, leaf in child.leaves():
                yield _join(name, path), leaf

    def new_parameter(
        self, name: str, *shape: int, dtype: torch_dtype | None = None
    ) -> tuple[Tensor, Tensor]:
        """Return a parameter, not yet drawn, and its gradient, 0; the state has it by its name."""
        parameter = empty(shape, dtype=dtype)
        self.check_float(parameter)
        self._own = {**self._own, name: (parameter, parameter.clone().zero_())}
        return self._own[name]

    def param(self) -> list[tuple[Tensor, Tensor]]:
        """Return (parameter, gradient) pairs: always the same tensors, trained in place."""
        inside = [pair for _, child in self.children() for pair in child.param()]
        return [*self._own.values(), *inside]

    def tensors(self) -> dict[str, Tensor]:
        """Return the tensors of the state by path, as in "blocks.0.conv1.weight"; not copies."""
        tensors = {name: parameter for name, (parameter, _) in self._own.items()}
        for name, child in self.children():
            for path, tensor in child.tensors().items():
                joined = _join(name, path)
                if joined in tensors:
                    raise ValueError(f"{type(self).__name__} has two tensors named {joined!r}")
                tensors[joined] = tensor
        return tensors

    def initialise(self, streams: Callable[[str], Generator]) -> None:
        """Draw all parameters anew, those of the module at each path from `streams(path)`."""
        for path, leaf in self.leaves():
            if leaf.param():
                leaf.reset_parameters(streams(path))

    def reset_parameters(self, generator: Generator | None = None) -> None:
        """Draw this module's own parameters anew, in place."""
        raise NotImplementedError(f"{type(self).__name__} has no reset_parameters")

    def draw_from(self, generator: Generator | None) -> None:
        """Make every inner dropout draw its masks from `generator`; None for torch's default."""
        for _, child in self.children():
            child.draw_from(generator)

    def gradient_step(self, lr: float) -> None:
        """Make a step of plain gradient descent: parameter <- parameter - lr * gradient."""
        for parameter, gradient in self.param():
            parameter.add_(gradient, alpha=-lr)

    def gradient_reset(self) -> None:
        """Set the accumulated gradients to zero."""
        for _, gradient in self.param():
            gradient.zero_()

    def train(self, mode: bool = True) -> Self:
        """Set the mode, which dropout and batch norm heed, here and in all inner modules."""
        self.training = mode
        for _, child in self.children():
            child.train(mode)
        return self

    def eval(self) -> Self:
        """Set evaluation mode; return the module."""
        return self.train(False)

    def remember(self, output: Output) -> Output:
        """Store the output, or what else `backward` starts from; return it."""
        self._remembered = output
        return output

    def remembered(self) -> Any:
        """Return what the last forward stored."""
        if self._remembered is None:
            raise RuntimeError(f"{type(self).__name__}.backward needs a forward before it")
        return self._remembered

    def recall(self, output_gradient: Any) -> Any:
        """Return the last forward's output, after checking that the gradient fits it."""
        output = self.remembered()
        if not isinstance(output, tuple):
            self._check_fits(output_gradient, output)
            return output
        if len(output_gradient) != len(output):
            raise ValueError(
                f"{type(self).__name__}.backward needs a gradient for each of its {len(output)} "
                f"outputs, got {len(output_gradient)}"
            )
        for gradient, each in zip(output_gradient, output, strict=True):
            self._check_fits(gradient, each)
        return output

    def _check_fits(self, gradient: Tensor, output: Tensor) -> None:
        if gradient.shape != output.shape:
            raise ValueError(
                f"{type(self).__name__}.backward: the gradient must have the last output's shape "
                f"{tuple(output.shape)}, got {tuple(gradient.shape)}"
            )
        if gradient.dtype != output.dtype:
            raise TypeError(
                f"{type(self).__name__}.backward: the gradient must have the last output's dtype "
                f"{output.dtype}, got {gradient.dtype}"
            )

    def check_each_once(self) -> None:
        """Raise ValueError if a module occurs twice inside, because it stores one forward only."""
        leaves = [id(leaf) for _, leaf in self.leaves()]
        if len(set(leaves)) < len(leaves):
            raise ValueError(
                f"a module may appear once in a {type(self).__name__}, got {len(leaves)} places "
                f"for {len(set(leaves))} modules"
            )

    def check_float(self, x: Tensor, like: Tensor | None = None) -> None:
        """Raise TypeError unless x is floating-point, with the dtype of the parameter `like`."""
        if like is None and not x.is_floating_point():
            raise TypeError(f"{type(self).__name__} needs floating-point values, got {x.dtype}")
        if like is not None and x.dtype != like.dtype:
            raise TypeError(
                f"{type(self).__name__}: the input must have the parameters' dtype {like.dtype}, "
                f"got {x.dtype}"
            )

    def check_columns(self, x: Tensor, like: Tensor) -> None:
        """Raise an error unless x is a batch (N, C) for a parameter (..., C), and of its dtype."""
        if x.dim() != 2 or x.shape[1] != like.shape[-1]:
            raise self.wrong_shape(x, f"(N, {like.shape[-1]})")
        self.check_float(x, like)

    def check_maps(self, x: Tensor, channels: int | str = "C", like: Tensor | None = None) -> None:
        """Raise an error unless x is (N, C, H, W), of a given C and the dtype of `like`, if any."""
        if x.dim() != 4 or channels not in ("C", x.shape[1]):
            raise self.wrong_shape(x, f"(N, {channels}, H, W)")
        self.check_float(x, like)

    def wrong_shape(self, x: Tensor, shape: str) -> ValueError:
        """Return the exception for an input x that has not the shape it must have."""
        return ValueError(f"{type(self).__name__}: the input must be {shape}, got {tuple(x.shape)}")


def _join(name: str, path: str) -> str:
    """Return two parts of a path as "name.path"; either may be empty."""
    return f"{name}.{path}" if name and path else name or path
