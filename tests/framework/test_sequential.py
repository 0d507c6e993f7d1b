from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

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
from tests.framework.batches import gaussian, moderate, seeds
from tests.framework.finite_differences import assert_slopes_match
from tests.framework.parity import CLAIM, assert_parity, assert_same_as_torch

KINDS = ["linear", "batchnorm", "relu", "tanh", "sigmoid", "softmax", "dropout"]


def build(kind: str, fan_in: int, fan_out: int, generator: torch.Generator) -> Module:
    """A float64 module of a kind; only a linear one may change the number of features."""
    if kind == "linear":
        return Linear(fan_in, fan_out, generator=generator, dtype=torch.float64)
    if kind == "batchnorm":
        return BatchNorm1d(fan_in, dtype=torch.float64)
    plain = {"relu": ReLU, "tanh": Tanh, "sigmoid": Sigmoid, "softmax": Softmax}
    return Dropout(0.0) if kind == "dropout" else plain[kind]()


@st.composite
def stacks(draw: st.DrawFn) -> tuple[Sequential, int, int]:
    """A net of 1 to 8 modules, and the numbers of its input and output features."""
    generator = torch.Generator().manual_seed(draw(seeds))
    fan_in = features = draw(st.integers(1, 9))
    modules = []
    for kind in draw(st.lists(st.sampled_from(KINDS), min_size=1, max_size=8)):
        fan_out = draw(st.integers(1, 9)) if kind == "linear" else features
        modules.append(build(kind, features, fan_out, generator))
        features = fan_out
    return Sequential(*modules), fan_in, features


@CLAIM
@given(stack=stacks(), rows=st.integers(2, 9), training=st.booleans(), seed=seeds)
def test_random_stacks_and_their_gradients_equal_torch(stack, rows, training, seed):
    net, fan_in, fan_out = stack
    gradients = [gaussian(rows, fan_out, seed=seed + i) for i in (1, 2)]
    assert_same_as_torch(net.train(training), gaussian(rows, fan_in, seed=seed), *gradients)


@CLAIM
@given(stack=stacks(), rows=st.integers(2, 9), seed=seeds)
def test_backward_is_the_product_of_the_modules_jacobians(stack, rows, seed):
    net, fan_in, fan_out = stack
    net.eval()
    x, gradient = gaussian(rows, fan_in, seed=seed), gaussian(rows, fan_out, seed=seed + 1)
    net.forward(x)
    actual = net.backward(gradient)
    product = torch.eye(x.numel(), dtype=torch.float64)
    for module in net.modules:
        product = _jacobian(module, x) @ product
        x = module.forward(x)
    expected = (gradient.flatten() @ product).reshape(rows, fan_in)
    torch.testing.assert_close(actual, expected, rtol=1e-9, atol=1e-12)


def _jacobian(module: Module, x: torch.Tensor) -> torch.Tensor:
    """d output / d input, row by row from backward: (output elements, input elements)."""
    output = module.forward(x)
    units = torch.eye(output.numel(), dtype=torch.float64)
    return torch.stack([module.backward(unit.view_as(output)).flatten() for unit in units])


@CLAIM
@given(stack=stacks(), rows=st.integers(2, 9), a=moderate, b=moderate, seed=seeds)
def test_backward_is_linear_in_the_gradient(stack, rows, a, b, seed):
    net, fan_in, fan_out = stack
    net.forward(gaussian(rows, fan_in, seed=seed))
    g, h = gaussian(rows, fan_out, seed=seed + 1), gaussian(rows, fan_out, seed=seed + 2)

    def gradients(output_gradient: torch.Tensor) -> list[torch.Tensor]:
        net.gradient_reset()
        return [net.backward(output_gradient), *(grad.clone() for _, grad in net.param())]

    combined = [a * u + b * v for u, v in zip(gradients(g), gradients(h), strict=True)]
    torch.testing.assert_close(gradients(a * g + b * h), combined, rtol=1e-9, atol=1e-9)


@CLAIM
@given(stack=stacks(), rows=st.integers(2, 9), seed=seeds, split=st.integers(1, 7))
def test_nesting_changes_nothing(stack, rows, seed, split):
    net, fan_in, fan_out = stack
    parts = [part for part in (net.modules[:split], net.modules[split:]) if part]
    nested = Sequential(*(Sequential(*part) for part in parts)).eval()
    x, gradient = gaussian(rows, fan_in, seed=seed), gaussian(rows, fan_out, seed=seed + 1)
    flat = [net.forward(x), net.backward(gradient)]
    assert_parity(nested.forward(x), flat[0])
    assert_parity(nested.backward(gradient), flat[1])
    assert_same_as_torch(nested, x, gradient)


def test_slopes_of_the_reports_net_match_finite_differences():
    generator = torch.Generator().manual_seed(0)
    linears = [build("linear", *size, generator) for size in ((2, 25), (25, 25), (25, 25), (25, 2))]
    net = Sequential(linears[0], Tanh(), linears[1], Tanh(), linears[2], Tanh(), linears[3])
    assert_slopes_match(net, gaussian(3, 2, seed=0), gaussian(3, 2, seed=1))


def test_parameters_and_state_are_those_of_the_modules_in_order():
    first, norm, last = Linear(2, 3), BatchNorm1d(3), Linear(3, 1)
    net = Sequential(first, Sequential(norm, Tanh()), last)
    pairs = [*first.param(), *norm.param(), *last.param()]
    assert [(id(p), id(g)) for p, g in net.param()] == [(id(p), id(g)) for p, g in pairs]
    assert list(net.state()) == [
        *("0.weight", "0.bias"),
        *("1.0.weight", "1.0.bias", "1.0.running_mean", "1.0.running_var"),
        "1.0.num_batches_tracked",
        *("2.weight", "2.bias"),
    ]


def test_modules_can_be_given_by_name():
    first, last = Linear(2, 3, dtype=torch.float64), Linear(3, 1, dtype=torch.float64)
    named = Sequential(first=first, between=Sequential(act=Tanh()), last=last)
    assert list(named.state()) == ["first.weight", "first.bias", "last.weight", "last.bias"]
    assert [path for path, _ in named.leaves()] == ["first", "between.act", "last"]
    x, gradient = gaussian(4, 2, seed=0), gaussian(4, 1, seed=1)
    by_name = [named.forward(x), named.backward(gradient)]
    by_position = Sequential(first, Tanh(), last)
    assert torch.equal(by_position.forward(x), by_name[0])
    assert torch.equal(by_position.backward(gradient), by_name[1])


def test_each_module_is_initialised_from_the_stream_of_its_path():
    def stream(path: str) -> torch.Generator:
        return torch.Generator().manual_seed(sum(map(ord, path)))

    net = Sequential(a=Linear(2, 3), b=Sequential(Tanh(), BatchNorm1d(3), Linear(3, 1)))
    net.forward(torch.rand(4, 2))
    net.initialise(stream)
    for path, fan_in, fan_out in (("a", 2, 3), ("b.2", 3, 1)):
        expected = Linear(fan_in, fan_out, generator=stream(path)).weight
        assert torch.equal(net.state()[f"{path}.weight"], expected)
    norm = BatchNorm1d(3).state()
    assert all(torch.equal(net.state()[f"b.1.{name}"], tensor) for name, tensor in norm.items())


def test_every_dropout_inside_draws_from_the_generator_that_is_set():
    net, x = Sequential(Dropout(0.5), Sequential(Dropout(0.5))), torch.ones(20, 20)
    outputs = []
    for _ in range(2):
        net.draw_from(torch.Generator().manual_seed(5))
        outputs.append(net.forward(x))
    assert torch.equal(*outputs)
    generator = torch.Generator().manual_seed(5)
    for _ in range(2):
        x = x * 2 * torch.empty(20, 20).bernoulli_(0.5, generator=generator)
    assert torch.equal(outputs[0], x)


def test_the_mode_reaches_every_module():
    dropout, norm = Dropout(), BatchNorm1d(2)
    net = Sequential(Sequential(dropout), norm).eval()
    assert [m.training for m in (net, net.modules[0], dropout, norm)] == [False] * 4
    net.train()
    assert [m.training for m in (net, net.modules[0], dropout, norm)] == [True] * 4


def test_a_module_that_appears_twice_is_refused():
    shared = Tanh()
    with pytest.raises(ValueError, match="once in a Sequential, got 3 places for 2 modules"):
        Sequential(shared, Sequential(Linear(1, 1), shared))


def test_what_is_no_chain_of_modules_is_refused():
    no_module: Any = "tanh"
    with pytest.raises(ValueError, match="at least 1 module, got none"):
        Sequential()
    with pytest.raises(TypeError, match="chains modules, got 'tanh'"):
        Sequential(Linear(1, 1), no_module)
