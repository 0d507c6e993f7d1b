"""What `Module` promises, tested on every module there is."""

from collections.abc import Callable

import pytest
import torch

from project.framework import (
    BatchNorm1d,
    Dropout,
    Linear,
    Module,
    ReLU,
    Sequential,
    Sigmoid,
    Softmax,
    Tanh,
)
from tests.framework.batches import gaussian

MODULES: dict[str, Callable[[], Module]] = {
    "Linear": lambda: Linear(3, 3, dtype=torch.float64),
    "ReLU": ReLU,
    "Tanh": Tanh,
    "Sigmoid": Sigmoid,
    "Softmax": Softmax,
    "Dropout": lambda: Dropout(0.5),
    "BatchNorm1d": lambda: BatchNorm1d(3, dtype=torch.float64),
    "Sequential": lambda: Sequential(Linear(3, 3, dtype=torch.float64), Tanh()),
}


@pytest.fixture(params=MODULES)
def module(request: pytest.FixtureRequest) -> Module:
    return MODULES[request.param]()


def test_a_module_can_be_called(module):
    module.eval()
    x = gaussian(4, 3, seed=0)
    assert torch.equal(module(x), module.forward(x))


def test_backward_before_forward_is_refused(module):
    with pytest.raises(RuntimeError, match="backward needs a forward before it"):
        module.backward(gaussian(4, 3, seed=0))


def test_a_gradient_for_a_batch_of_another_size_is_refused(module):
    module.forward(gaussian(4, 3, seed=0))
    with pytest.raises(ValueError, match=r"last output's shape \(4, 3\), got \(5, 3\)"):
        module.backward(gaussian(5, 3, seed=0))


def test_a_gradient_of_another_dtype_is_refused(module):
    module.forward(gaussian(4, 3, seed=0))
    with pytest.raises(TypeError, match=r"dtype torch\.float64, got torch\.int64"):
        module.backward(torch.ones(4, 3, dtype=torch.int64))


def test_a_refused_gradient_leaves_the_accumulated_ones_alone(module):
    module.forward(gaussian(4, 3, seed=0))
    module.backward(gaussian(4, 3, seed=1))
    before = [gradient.clone() for _, gradient in module.param()]
    with pytest.raises(ValueError, match="shape"):
        module.backward(gaussian(5, 3, seed=0))
    torch.testing.assert_close([g for _, g in module.param()], before, rtol=0, atol=0)


def test_neither_pass_changes_its_argument(module):
    x, gradient = gaussian(4, 3, seed=0), gaussian(4, 3, seed=1)
    module.forward(x)
    module.backward(gradient)
    assert torch.equal(x, gaussian(4, 3, seed=0))
    assert torch.equal(gradient, gaussian(4, 3, seed=1))


def test_later_passes_overwrite_no_earlier_result(module):
    output = module.forward(gaussian(4, 3, seed=0))
    input_gradient = module.backward(gaussian(4, 3, seed=1))
    kept = [output.clone(), input_gradient.clone()]
    module.forward(gaussian(4, 3, seed=2))
    module.backward(gaussian(4, 3, seed=3))
    torch.testing.assert_close([output, input_gradient], kept, rtol=0, atol=0)


def test_of_two_forwards_the_backward_belongs_to_the_second(module):
    module.eval()  # where dropout and running statistics do not depend on what came before
    second, gradient = gaussian(4, 3, seed=1), gaussian(4, 3, seed=2)
    module.forward(second)
    expected = [module.backward(gradient), *(g.clone() for _, g in module.param())]
    module.gradient_reset()
    module.forward(gaussian(6, 3, seed=0))
    module.forward(second)
    actual = [module.backward(gradient), *(g for _, g in module.param())]
    torch.testing.assert_close(actual, expected, rtol=0, atol=0)


def test_parameters_are_always_the_same_tensors(module):
    before = [(id(parameter), id(gradient)) for parameter, gradient in module.param()]
    module.forward(gaussian(4, 3, seed=0))
    module.backward(gaussian(4, 3, seed=1))
    module.gradient_step(0.1)
    module.gradient_reset()
    assert [(id(parameter), id(gradient)) for parameter, gradient in module.param()] == before


def test_train_and_eval_switch_the_mode(module):
    assert module.training
    assert module.eval() is module
    assert not module.training
    assert module.train().training


def test_a_module_without_its_own_passes_says_so():
    with pytest.raises(NotImplementedError, match="Module has no forward"):
        Module().forward(torch.rand(1))
    with pytest.raises(NotImplementedError, match="Module has no backward"):
        Module().backward(torch.rand(1))
    assert Module().param() == []
