"""What `Module` promises, tested on every module there is."""

from collections.abc import Callable
from dataclasses import dataclass

import pytest
import torch
from torch import Tensor

import project.framework
from project.framework import (
    AvgPool2d,
    BatchNorm1d,
    BatchNorm2d,
    Conv2d,
    Dropout,
    Dropout2d,
    Flatten,
    Linear,
    LossCrossEntropy,
    LossMSE,
    LossSum,
    MaxPool2d,
    Module,
    ReLU,
    Residual,
    Sequential,
    Shared,
    Sigmoid,
    Softmax,
    Tanh,
)
from tests.framework.batches import LAYOUTS, gaussian

F64 = torch.float64
FEATURES, MAPS = (3,), (3, 4, 5)

# How to build it, and the shapes of an example of its input and of its output.
MODULES: dict[str, tuple[Callable[[], Module], tuple[int, ...], tuple[int, ...]]] = {
    "Linear": (lambda: Linear(3, 3, dtype=F64), FEATURES, FEATURES),
    "ReLU": (ReLU, FEATURES, FEATURES),
    "Tanh": (Tanh, FEATURES, FEATURES),
    "Sigmoid": (Sigmoid, FEATURES, FEATURES),
    "Softmax": (Softmax, FEATURES, FEATURES),
    "Dropout": (lambda: Dropout(0.5), FEATURES, FEATURES),
    "BatchNorm1d": (lambda: BatchNorm1d(3, dtype=F64), FEATURES, FEATURES),
    "Sequential": (lambda: Sequential(Linear(3, 3, dtype=F64), Tanh()), FEATURES, FEATURES),
    "Residual": (lambda: Residual(Linear(3, 3, dtype=F64)), FEATURES, FEATURES),
    "Shared": (lambda: Shared(Linear(3, 3, dtype=F64)), (2, 3), (2, 3)),
    "Conv2d": (lambda: Conv2d(3, 2, 2, dtype=F64), MAPS, (2, 3, 4)),
    "Conv2d, padded": (lambda: Conv2d(3, 2, 3, padding=1, dtype=F64), MAPS, (2, 4, 5)),
    "MaxPool2d": (lambda: MaxPool2d(2), MAPS, (3, 2, 2)),
    "MaxPool2d of a pixel": (lambda: MaxPool2d(1), MAPS, MAPS),
    "AvgPool2d": (lambda: AvgPool2d(2), MAPS, (3, 2, 2)),
    "BatchNorm2d": (lambda: BatchNorm2d(3, dtype=F64), MAPS, MAPS),
    "Dropout2d": (lambda: Dropout2d(0.5), MAPS, MAPS),
    "Flatten": (Flatten, MAPS, (60,)),
}


@dataclass
class Example:
    """A module, and batches that it takes."""

    module: Module
    input_shape: tuple[int, ...]
    output_shape: tuple[int, ...]

    def input(self, rows: int, seed: int) -> Tensor:
        return gaussian(rows, *self.input_shape, seed=seed)

    def gradient(self, rows: int, seed: int) -> Tensor:
        return gaussian(rows, *self.output_shape, seed=seed)


@pytest.fixture(params=MODULES)
def example(request: pytest.FixtureRequest) -> Example:
    build, input_shape, output_shape = MODULES[request.param]
    return Example(build(), input_shape, output_shape)


def test_every_module_there_is_is_tested():
    exported = [getattr(project.framework, name) for name in project.framework.__all__]
    modules = {each for each in exported if isinstance(each, type) and issubclass(each, Module)}
    tested = {type(build()) for build, _, _ in MODULES.values()}
    losses = {LossCrossEntropy, LossMSE, LossSum}  # their backward takes nothing: test_losses.py
    assert tested == modules - {Module} - losses


def test_a_module_can_be_called(example):
    module, x = example.module.eval(), example.input(4, seed=0)
    assert torch.equal(module(x), module.forward(x))


def test_backward_before_forward_is_refused(example):
    with pytest.raises(RuntimeError, match="backward needs a forward before it"):
        example.module.backward(example.gradient(4, seed=0))


def test_a_gradient_for_a_batch_of_another_size_is_refused(example):
    example.module.forward(example.input(4, seed=0))
    with pytest.raises(ValueError, match=r"last output's shape \(\d+, .*got \(\d+, "):
        example.module.backward(example.gradient(5, seed=0))


def test_a_gradient_of_another_dtype_is_refused(example):
    example.module.forward(example.input(4, seed=0))
    with pytest.raises(TypeError, match=r"dtype torch\.float64, got torch\.int64"):
        example.module.backward(example.gradient(4, seed=0).long())


def test_integers_are_refused(example):
    with pytest.raises(TypeError, match=r"got torch\.int64"):
        example.module.forward(example.input(4, seed=0).long())


def test_a_missing_number_stays_visible(example):
    x = example.input(4, seed=0)
    x[(0,) * x.dim()] = torch.nan
    assert example.module.eval().forward(x)[0].isnan().any()


def test_a_refused_gradient_leaves_the_accumulated_ones_alone(example):
    module = example.module
    module.forward(example.input(4, seed=0))
    module.backward(example.gradient(4, seed=1))
    before = [gradient.clone() for _, gradient in module.param()]
    with pytest.raises(ValueError, match="shape"):
        module.backward(example.gradient(5, seed=0))
    torch.testing.assert_close([g for _, g in module.param()], before, rtol=0, atol=0)


def test_of_two_backwards_after_a_forward_the_gradients_add_up(example):
    module, gradient = example.module, example.gradient(4, seed=1)
    module.forward(example.input(4, seed=0))
    first = module.backward(gradient)
    once = [gradient.clone() for _, gradient in module.param()]
    assert torch.equal(module.backward(gradient), first)
    torch.testing.assert_close([g for _, g in module.param()], [2 * each for each in once])


def test_neither_pass_changes_its_argument(example):
    x, gradient = example.input(4, seed=0), example.gradient(4, seed=1)
    example.module.forward(x)
    example.module.backward(gradient)
    assert torch.equal(x, example.input(4, seed=0))
    assert torch.equal(gradient, example.gradient(4, seed=1))


def test_later_passes_overwrite_no_earlier_result(example):
    module = example.module
    output = module.forward(example.input(4, seed=0))
    input_gradient = module.backward(example.gradient(4, seed=1))
    kept = [output.clone(), input_gradient.clone()]
    module.forward(example.input(4, seed=2))
    module.backward(example.gradient(4, seed=3))
    torch.testing.assert_close([output, input_gradient], kept, rtol=0, atol=0)


def test_of_two_forwards_the_backward_belongs_to_the_second(example):
    module = example.module.eval()  # where nothing depends on what came before
    second, gradient = example.input(4, seed=1), example.gradient(4, seed=2)
    module.forward(second)
    expected = [module.backward(gradient), *(g.clone() for _, g in module.param())]
    module.gradient_reset()
    module.forward(example.input(6, seed=0))
    module.forward(second)
    actual = [module.backward(gradient), *(g for _, g in module.param())]
    torch.testing.assert_close(actual, expected, rtol=0, atol=0)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_where_the_numbers_lie_in_memory_does_not_matter(example, layout):
    module = example.module.eval()  # dropout's mask follows the layout, as torch's does
    x, gradient = example.input(4, seed=0), example.gradient(4, seed=1)

    def passes(x: Tensor, gradient: Tensor) -> list[Tensor]:
        module.gradient_reset()
        both = [module.forward(x), module.backward(gradient)]
        return [*both, *(g.clone() for _, g in module.param())]

    expected = passes(x, gradient)
    # The outputs' own layout may follow the input's; the numbers may not.
    actual = passes(LAYOUTS[layout](x), LAYOUTS[layout](gradient))
    torch.testing.assert_close(actual, expected, rtol=1e-12, atol=1e-12)


def test_parameters_are_always_the_same_tensors(example):
    module = example.module
    before = [(id(parameter), id(gradient)) for parameter, gradient in module.param()]
    module.forward(example.input(4, seed=0))
    module.backward(example.gradient(4, seed=1))
    module.gradient_step(0.1)
    module.gradient_reset()
    assert [(id(parameter), id(gradient)) for parameter, gradient in module.param()] == before


def test_train_and_eval_switch_the_mode(example):
    module = example.module
    assert module.training
    assert module.eval() is module
    assert not any(leaf.training for _, leaf in module.leaves())
    assert module.train().training


def test_a_module_without_its_own_passes_says_so():
    with pytest.raises(NotImplementedError, match="Module has no forward"):
        Module().forward(torch.rand(1))
    with pytest.raises(NotImplementedError, match="Module has no backward"):
        Module().backward(torch.rand(1))
    with pytest.raises(NotImplementedError, match="Module has no reset_parameters"):
        Module().reset_parameters()
    assert Module().param() == []
    assert Module().state() == {}


def test_two_tensors_of_one_name_are_refused():
    class Twice(Module):
        def children(self) -> list[tuple[str, Module]]:
            return [("", Linear(1, 1)), ("", Linear(1, 1))]

    with pytest.raises(ValueError, match="Twice has two tensors named 'weight'"):
        Twice().state()
