import copy
from collections.abc import Callable

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from project.framework import (
    SGD,
    Adadelta,
    Adam,
    AdamW,
    Conv2d,
    Linear,
    LossMSE,
    Optimizer,
    Sequential,
    Tanh,
)
from tests.framework.batches import gaussian, seeds
from tests.framework.parity import CLAIM, assert_parity

RULES: dict[str, tuple[Callable[..., Optimizer], Callable[..., torch.optim.Optimizer]]] = {
    "SGD": (SGD, torch.optim.SGD),
    "Adadelta": (Adadelta, torch.optim.Adadelta),
    "Adam": (Adam, torch.optim.Adam),
    "AdamW": (AdamW, torch.optim.AdamW),
}
decay = st.sampled_from([0.0, 0.01, 0.5])
adaptive = st.fixed_dictionaries(
    {
        "lr": st.floats(0, 1),
        "betas": st.tuples(st.floats(0, 0.99), st.floats(0, 0.999)),
        "eps": st.sampled_from([1e-8, 1e-3]),
        "weight_decay": decay,
    }
)
OPTIONS = {
    "SGD": st.fixed_dictionaries(
        {"lr": st.floats(0, 2), "momentum": st.sampled_from([0.0, 0.5, 0.9]), "weight_decay": decay}
    )
    | st.fixed_dictionaries(
        {
            "lr": st.floats(0, 2),
            "momentum": st.sampled_from([0.5, 0.9]),
            "nesterov": st.just(True),
            "weight_decay": decay,
        }
    ),
    "Adadelta": st.fixed_dictionaries(
        {
            "lr": st.floats(0, 2),
            "rho": st.floats(0, 1),
            "eps": st.sampled_from([1e-6, 1e-3]),
            "weight_decay": decay,
        }
    ),
    "Adam": adaptive,
    "AdamW": adaptive,
}


def pairs(seed: int) -> list[tuple[torch.Tensor, torch.Tensor]]:
    """Parameters of several shapes, with gradients of their own."""
    shapes = [(3, 4), (3, 1), (1, 5)]
    return [
        (gaussian(*shape, seed=seed + i), gaussian(*shape, seed=seed + i + 50))
        for i, shape in enumerate(shapes)
    ]


@pytest.mark.parametrize("rule", RULES)
@CLAIM
@given(data=st.data(), seed=seeds, steps=st.integers(1, 8), zero_gradient=st.booleans())
def test_steps_equal_torch(rule, data, seed, steps, zero_gradient):
    ours, theirs = RULES[rule]
    options = data.draw(OPTIONS[rule])
    parameters = pairs(seed)
    references = [torch.nn.Parameter(parameter.clone()) for parameter, _ in parameters]
    optimizer, reference = ours(parameters, **options), theirs(references, **options)
    generator = torch.Generator().manual_seed(seed)
    for step in range(steps):
        for i, (_, gradient) in enumerate(parameters):
            scale = 0.0 if zero_gradient and step == 0 else 1.0
            gradient.copy_(
                scale * torch.randn(gradient.shape, dtype=torch.float64, generator=generator)
            )
            references[i].grad = gradient.clone()
        optimizer.step()
        reference.step()
        for (parameter, _), expected in zip(parameters, references, strict=True):
            assert_parity(parameter, expected.detach())


@pytest.mark.parametrize("rule", RULES)
def test_a_step_leaves_the_gradients_alone_and_reset_sets_them_to_zero(rule):
    parameters = pairs(0)
    optimizer = RULES[rule][0](parameters, lr=0.1, weight_decay=0.5)
    before = [gradient.clone() for _, gradient in parameters]
    optimizer.step()
    torch.testing.assert_close([g for _, g in parameters], before, rtol=0, atol=0)
    optimizer.gradient_reset()
    assert all(not gradient.any() for _, gradient in parameters)


@pytest.mark.parametrize(
    ("optimizer", "reference"),
    [
        (SGD(pairs(0), 0.5), torch.optim.SGD([torch.ones(1)], 0.5)),
        (Adadelta(pairs(0)), torch.optim.Adadelta([torch.ones(1)])),
        (Adam(pairs(0)), torch.optim.Adam([torch.ones(1)])),
        (AdamW(pairs(0)), torch.optim.AdamW([torch.ones(1)])),
    ],
)
def test_the_defaults_are_those_of_torch(optimizer, reference):
    expected = {n: v for n, v in reference.defaults.items() if hasattr(optimizer, n)}
    assert {"lr", "weight_decay"} < expected.keys()
    assert {name: getattr(optimizer, name) for name in expected} == expected


def test_building_an_optimizer_changes_no_value_and_no_tensors_identity():
    net = Sequential(Linear(2, 3), Tanh(), Linear(3, 1))
    before = [(id(p), p.clone(), id(g), g.clone()) for p, g in net.param()]
    SGD(net.param(), 0.1)
    for (p, g), (p_id, p_value, g_id, g_value) in zip(net.param(), before, strict=True):
        assert (id(p), id(g)) == (p_id, g_id)
        assert torch.equal(p, p_value)
        assert torch.equal(g, g_value)


def test_an_optimizer_sees_what_the_modules_do_later():
    net = Sequential(Linear(2, 2, dtype=torch.float64))
    optimizer = SGD(net.param(), 0.5)
    net.load_state({name: torch.ones_like(t) for name, t in net.state().items()})
    net.forward(torch.ones(1, 2, dtype=torch.float64))
    net.backward(torch.ones(1, 2, dtype=torch.float64))
    optimizer.step()
    assert all(torch.equal(p, torch.full_like(p, 0.5)) for p, _ in net.param())
    net.gradient_step(1.0)
    assert all(torch.equal(p, torch.full_like(p, -0.5)) for p, _ in net.param())


def test_the_decay_of_adamw_shrinks_the_parameters_and_leaves_the_gradients_alone():
    layer = Linear(1, 1, dtype=torch.float64)
    layer.load_state({"weight": torch.ones(1, 1).double(), "bias": torch.ones(1).double()})
    optimizer = AdamW(layer.param(), lr=0.1, weight_decay=0.5)
    optimizer.step()
    assert layer.weight.item() == layer.bias.item() == 0.95
    assert not optimizer.state()["mean"].any()


def test_the_weights_of_convolutions_are_trained_too():
    layer = Conv2d(2, 3, 2, dtype=torch.float64)
    before = layer.state()
    optimizer = SGD(layer.param(), 0.5)
    output = layer.forward(gaussian(1, 2, 3, 3, seed=0))
    layer.backward(torch.ones_like(output))
    optimizer.step()
    for name, (parameter, gradient) in zip(("weight", "bias"), layer.param(), strict=True):
        assert torch.equal(parameter, before[name] - 0.5 * gradient)
        assert gradient.any()


def test_a_later_optimizer_takes_over_and_the_earlier_one_says_so():
    net = Sequential(Linear(2, 3), Tanh(), Linear(3, 1))
    earlier = Adam(net.param())
    later = SGD(net.modules[2].param(), 0.1)
    for use in (earlier.step, earlier.gradient_reset):
        with pytest.raises(RuntimeError, match="this Adam no longer holds its parameters"):
            use()
    later.step()


def test_optimizers_of_different_layers_do_not_disturb_each_other():
    net = Sequential(Linear(2, 3), Tanh(), Linear(3, 1))
    first, last = SGD(net.modules[0].param(), 0.1), Adam(net.modules[2].param(), 0.1)
    before = net.state()
    net.forward(torch.ones(4, 2))
    net.backward(torch.ones(4, 1))
    first.step()
    last.step()
    assert all(not torch.equal(before[name], tensor) for name, tensor in net.state().items())


def train(net: Sequential, optimizer: Optimizer, steps: range) -> None:
    loss = LossMSE()
    for step in steps:
        loss.forward(net.forward(gaussian(4, 2, seed=step)), gaussian(4, 1, seed=step + 1000))
        optimizer.gradient_reset()
        net.backward(loss.backward())
        optimizer.step()


def small_net(seed: int) -> Sequential:
    generator = torch.Generator().manual_seed(seed)
    first, last = (Linear(*s, generator=generator, dtype=torch.float64) for s in ((2, 3), (3, 1)))
    return Sequential(first, Tanh(), last)


@pytest.mark.parametrize(
    ("rule", "options"),
    [
        (SGD, {"lr": 0.1, "momentum": 0.9}),
        (SGD, {"lr": 0.1, "momentum": 0.9, "nesterov": True}),
        (Adadelta, {}),
        (Adam, {"weight_decay": 0.1}),
        (AdamW, {}),
    ],
)
def test_training_resumed_from_a_state_is_bit_identical(rule, options):
    straight = small_net(0)
    train(straight, rule(straight.param(), **options), range(20))
    first = small_net(0)
    optimizer = rule(first.param(), **options)
    train(first, optimizer, range(10))
    states = first.state(), optimizer.state()
    train(first, optimizer, range(50, 60))  # what was saved must not follow
    second = small_net(1)
    optimizer = rule(second.param(), **options)
    second.load_state(states[0])
    optimizer.load_state(states[1])
    train(second, optimizer, range(10, 20))
    for name, tensor in straight.state().items():
        assert torch.equal(second.state()[name], tensor)


def test_a_copied_net_and_optimizer_train_by_themselves():
    net = small_net(0)
    optimizer = Adam(net.param())
    copied_net, copied_optimizer = copy.deepcopy((net, optimizer))
    before = net.state()
    train(copied_net, copied_optimizer, range(5))
    assert all(torch.equal(before[name], tensor) for name, tensor in net.state().items())
    train(net, optimizer, range(5))
    copied = copied_net.state()
    assert all(torch.equal(copied[name], tensor) for name, tensor in net.state().items())


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("value", [float("nan"), float("inf"), -0.1])
@pytest.mark.parametrize("name", ["lr", "weight_decay"])
def test_a_learning_rate_or_decay_that_is_no_rate_is_refused(rule, value, name):
    with pytest.raises(ValueError, match=rf"{name} must be at least 0.* finite, got {value}"):
        RULES[rule][0](pairs(0), **{"lr": 0.1, name: value})


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda p: SGD(p, 0.1, momentum=-1), "momentum must be at least 0 and finite, got -1"),
        (lambda p: SGD(p, 0.1, nesterov=True), "nesterov needs a momentum above 0, got 0.0"),
        (lambda p: Adadelta(p, rho=1.5), r"rho must be in \[0, 1\], got 1\.5"),
        (lambda p: Adadelta(p, eps=0), "eps must be greater than 0 and finite, got 0"),
        (lambda p: Adam(p, eps=0), "eps must be greater than 0 and finite, got 0"),
        (lambda p: Adam(p, betas=(0.9, 1)), r"betas must be in \[0, 1\), got \(0\.9, 1\)"),
        (lambda p: SGD([], 0.1), "parameters must be given, each once, got 0"),
        (lambda p: SGD(p + p, 0.1), "parameters must be given, each once, got 6"),
        (lambda p: SGD([(p[0][0], p[1][1])], 0.1), r"one shape, got \(3, 4\) and \(3, 1\)"),
    ],
)
def test_impossible_optimizers_are_refused(build, message):
    with pytest.raises(ValueError, match=message):
        build(pairs(0))


def test_parameters_of_different_dtypes_are_refused():
    with pytest.raises(TypeError, match="one dtype"):
        SGD([*Linear(1, 1).param(), *Linear(1, 1, dtype=torch.float64).param()], 0.1)


def test_an_optimizer_without_its_own_step_says_so():
    with pytest.raises(NotImplementedError, match="Optimizer has no step"):
        Optimizer(pairs(0), 0.1, 0.0).step()
