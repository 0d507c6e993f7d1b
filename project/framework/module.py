"""The contract that all layers and losses share, so that any of them can be chained with any other.

A module is a function y = f(x; parameters). `forward` computes y and remembers what `backward` will
need; `backward` takes dL/dy, adds dL/dparameter to each parameter's gradient, and returns dL/dx. A
module with several outputs returns a tuple of them, and its `backward` takes a tuple of gradients.

What is remembered is the last forward, and only that:

- Several backward passes after one forward are fine; their gradients add up.
- Of two forwards before a backward, the backward belongs to the second.
- Outputs and input gradients are new tensors, never a buffer that a later pass overwrites (only
  `Flatten` and a dropout that drops nothing pass their argument on). No pass changes its argument.
- In return, inputs, outputs and parameters must not be changed in place between a forward and its
  backward: the module remembers the tensors themselves, not copies.

A module has either parameters of its own or other modules inside it, its `children`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from project.framework.state import Stateful

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from typing import Self

    from torch import Generator, Tensor


class Module(Stateful):
    """A differentiable function with parameters (possibly none)."""

    training = True  # the mode; `train` and `eval` change it
    _output: Tensor | None = None
    _outputs: tuple[Tensor, ...] | None = None

    def __call__(self, *inputs: Any) -> Any:
        return self.forward(*inputs)

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """x to y = f(x)."""
        raise NotImplementedError(f"{type(self).__name__} has no forward")

    def backward(self, *args: Any, **kwargs: Any) -> Any:
        """dL/dy, in the shape of y, to dL/dx, in the shape of x; parameter gradients accumulate."""
        raise NotImplementedError(f"{type(self).__name__} has no backward")

    def children(self) -> list[tuple[str, Module]]:
        """The modules inside, each with the name that its tensors' names begin with.

        An empty name adds nothing: the tensors are named as if they were this module's own.
        """
        return []

    def leaves(self) -> Iterator[tuple[str, Module]]:
        """The modules inside that contain no others, by their path, as in "blocks.0.conv1"."""
        children = self.children()
        if not children:
            yield "", self
        for name, child in children:
            for path, leaf in child.leaves():
                yield _join(name, path), leaf

    def param(self) -> list[tuple[Tensor, Tensor]]:
        """(parameter, gradient) pairs: always the same tensors, which training changes in place."""
        return [pair for _, child in self.children() for pair in child.param()]

    def tensors(self) -> dict[str, Tensor]:
        """The tensors of the state by their path, as in "blocks.0.conv1.weight"."""
        tensors: dict[str, Tensor] = {}
        for name, child in self.children():
            for path, tensor in child.tensors().items():
                joined = _join(name, path)
                if joined in tensors:
                    raise ValueError(f"{type(self).__name__} has two tensors named {joined!r}")
                tensors[joined] = tensor
        return tensors

    def initialise(self, streams: Callable[[str], Generator]) -> None:
        """Draw all parameters anew, those of the module at a path from `streams(path)`."""
        for path, leaf in self.leaves():
            if leaf.param():
                leaf.reset_parameters(streams(path))

    def reset_parameters(self, generator: Generator | None = None) -> None:
        """Draw this module's own parameters anew."""
        raise NotImplementedError(f"{type(self).__name__} has no reset_parameters")

    def draw_from(self, generator: Generator | None) -> None:
        """Let every dropout inside draw its masks from `generator`; None is torch's default one."""
        for _, child in self.children():
            child.draw_from(generator)

    def gradient_step(self, lr: float) -> None:
        """Plain gradient descent: parameter <- parameter - lr * gradient."""
        for parameter, gradient in self.param():
            parameter.add_(gradient, alpha=-lr)

    def gradient_reset(self) -> None:
        """Set the accumulated gradients to zero."""
        for _, gradient in self.param():
            gradient.zero_()

    def train(self, mode: bool = True) -> Self:
        """Switch to training mode, which matters to dropout and batch normalisation."""
        self.training = mode
        for _, child in self.children():
            child.train(mode)
        return self

    def eval(self) -> Self:
        """Switch to evaluation mode."""
        return self.train(False)

    def remember(self, output: Tensor) -> Tensor:
        """Keep the output of a forward for its backward, and pass it on."""
        self._output = output
        return output

    def recall(self, output_gradient: Tensor) -> Tensor:
        """The output of the last forward, if dL/doutput fits it; an error that says why, if not."""
        output = self._output
        if output is None:
            raise self.forward_missing()
        if output_gradient.shape != output.shape or output_gradient.dtype != output.dtype:
            raise self._misfit(output_gradient, output)
        return output

    def remember_all(self, outputs: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        """`remember` for several outputs."""
        self._outputs = outputs
        return outputs

    def recall_all(self, output_gradients: Sequence[Tensor]) -> tuple[Tensor, ...]:
        """`recall` for several outputs: a gradient must fit each."""
        outputs = self._outputs
        if outputs is None:
            raise self.forward_missing()
        if len(output_gradients) != len(outputs):
            raise ValueError(
                f"{type(self).__name__}.backward needs a gradient for each of its {len(outputs)} "
                f"outputs, got {len(output_gradients)}"
            )
        for gradient, output in zip(output_gradients, outputs, strict=True):
            if gradient.shape != output.shape or gradient.dtype != output.dtype:
                raise self._misfit(gradient, output)
        return outputs

    def _misfit(self, gradient: Tensor, output: Tensor) -> Exception:
        """The error of a gradient that cannot be the output's."""
        if gradient.shape != output.shape:
            return ValueError(
                f"{type(self).__name__}.backward: the gradient must have the last output's shape "
                f"{tuple(output.shape)}, got {tuple(gradient.shape)}"
            )
        return TypeError(
            f"{type(self).__name__}.backward: the gradient must have the last output's dtype "
            f"{output.dtype}, got {gradient.dtype}"
        )

    def forward_missing(self) -> RuntimeError:
        """The error of a backward that has no forward to refer to."""
        return RuntimeError(f"{type(self).__name__}.backward needs a forward before it")

    def check_each_once(self) -> None:
        """Refuse a module that stands in two places, because it remembers one forward only."""
        leaves = [id(leaf) for _, leaf in self.leaves()]
        if len(set(leaves)) < len(leaves):
            raise ValueError(
                f"a module may appear once in a {type(self).__name__}, got {len(leaves)} places "
                f"for {len(set(leaves))} modules"
            )

    def check_float(self, x: Tensor) -> None:
        """Refuse integers, on which derivatives make no sense."""
        if not x.is_floating_point():
            raise TypeError(f"{type(self).__name__} needs floating-point values, got {x.dtype}")

    def check_columns(self, x: Tensor, like: Tensor) -> None:
        """Refuse all but a batch (N, C) of a parameter's dtype, C being its last dimension."""
        if x.dim() != 2 or x.shape[1] != like.shape[-1]:
            raise ValueError(
                f"{type(self).__name__}: the input must be (N, {like.shape[-1]}), "
                f"got {tuple(x.shape)}"
            )
        self._check_dtype(x, like)

    def check_maps(
        self, x: Tensor, channels: int | None = None, like: Tensor | None = None
    ) -> None:
        """Refuse all but maps (N, C, H, W); channels and a parameter's dtype must fit if given."""
        if x.dim() != 4 or channels not in (None, x.shape[1]):
            raise ValueError(
                f"{type(self).__name__}: the input must be (N, {channels or 'C'}, H, W), "
                f"got {tuple(x.shape)}"
            )
        if like is None:
            self.check_float(x)
        else:
            self._check_dtype(x, like)

    def _check_dtype(self, x: Tensor, like: Tensor) -> None:
        if x.dtype != like.dtype:
            raise TypeError(
                f"{type(self).__name__}: the input must have the parameters' dtype {like.dtype}, "
                f"got {x.dtype}"
            )


def _join(name: str, path: str) -> str:
    """Two parts of a path to "name.path"; either may be empty."""
    return f"{name}.{path}" if name and path else name or path
