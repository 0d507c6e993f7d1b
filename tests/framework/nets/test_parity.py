"""The nets beside their twins in torch.nn: start, masks, outputs, gradients, state."""

import inspect

import pytest
import torch

from project import models, seeding
from project.framework import load, nets, save
from project.seeding import generator
from tests.framework.batches import LAYOUTS, gaussian
from tests.framework.nets.report_nets import ALL, REPORT, both_nets, outputs_of
from tests.framework.parity import assert_parity, assert_same_named_gradients, assert_same_state

PARAMETERS = {
    "basic": 70_906,
    "ws_al": 75_908,
    "ws_al_do": 75_908,
    "ws_al_bn": 76_820,
    "ws_al_bn_do": 76_820,
    "resnet": 186_978,
}


@pytest.mark.parametrize("kind", ["Basic", "Siamese", "ResNet"])
def test_a_net_is_built_from_the_arguments_of_its_twin(kind):
    ours = inspect.signature(getattr(nets, kind)).parameters
    theirs = inspect.signature(getattr(models, kind)).parameters
    assert list(ours) == [*theirs, "generator", "dtype"]


@pytest.mark.parametrize("name", REPORT)
def test_a_net_has_the_parameters_of_its_twin(name):
    ours, theirs = both_nets(name, seed=0)
    assert sum(parameter.numel() for parameter, _ in ours.param()) == PARAMETERS[name]
    assert sum(parameter.numel() for parameter in theirs.parameters()) == PARAMETERS[name]


@pytest.mark.parametrize("seed", [0, 7])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("name", ALL)
def test_at_a_seed_a_net_starts_with_the_names_and_bits_of_its_twin(name, dtype, seed):
    ours, theirs = both_nets(name, seed, dtype)
    state, expected = ours.state(), theirs.state_dict()
    assert state.keys() == expected.keys()
    for path, tensor in expected.items():
        assert state[path].dtype == tensor.dtype
        assert torch.equal(state[path], tensor), path


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("name", ALL)
def test_outputs_gradients_and_statistics_equal_torch(name, training):
    ours, theirs = both_nets(name, seed=0)
    ours.train(training)
    theirs.train(training)
    pairs = gaussian(6, 2, 14, 14, seed=0)
    seeding.start(0, "noise", 3)
    with torch.enable_grad():
        leaf = pairs.clone().requires_grad_()
        expected = outputs_of(theirs, leaf)
        gradients = [gaussian(*each.shape, seed=i) for i, each in enumerate(expected)]
        torch.autograd.backward(expected, gradients)
    ours.draw_from(generator(0, "noise", 3))
    outputs = ours.forward(pairs)
    assert isinstance(outputs, tuple)
    for output, each in zip(outputs, expected, strict=True):
        assert_parity(output, each.detach())
    assert leaf.grad is not None
    assert_parity(ours.backward(gradients), leaf.grad)
    named = {path: each.grad for path, each in theirs.named_parameters() if each.grad is not None}
    assert_same_named_gradients(ours, named)
    assert_same_state(ours, theirs)


@pytest.mark.parametrize("name", ["ws_al_do", "ws_al_bn_do", "none"])
def test_another_step_draws_other_masks_and_the_same_step_the_same(name):
    ours, _ = both_nets(name, seed=0)
    pairs = gaussian(6, 2, 14, 14, seed=0)
    outputs = []
    for step in (3, 4, 3):
        ours.draw_from(generator(0, "noise", step))
        outputs.append(ours.forward(pairs)[0])
    assert torch.equal(outputs[0], outputs[2])
    assert not torch.allclose(outputs[0], outputs[1])


@pytest.mark.parametrize("layout", LAYOUTS)
def test_where_the_pairs_lie_in_memory_does_not_matter(layout):
    ours, _ = both_nets("both", seed=0)
    pairs = gaussian(4, 2, 14, 14, seed=0)
    for actual, expected in zip(
        ours.forward(LAYOUTS[layout](pairs)), ours.forward(pairs), strict=True
    ):
        assert_parity(actual, expected)


@pytest.mark.parametrize("name", REPORT)
def test_slopes_of_the_nets_match_finite_differences(name):
    """Along one random direction, of length 1, of all parameters and the pairs together."""
    ours, _ = both_nets(name, seed=0)
    pairs = gaussian(3, 2, 14, 14, seed=0)

    def forward() -> tuple[torch.Tensor, ...]:
        ours.draw_from(generator(0, "noise", 0))
        return ours.forward(pairs)

    gradients = [gaussian(*output.shape, seed=i) for i, output in enumerate(forward())]
    variables = [(pairs, ours.backward(gradients)), *ours.param()]
    direction = [gaussian(*each.shape, seed=i) for i, (each, _) in enumerate(variables)]
    length = sum(each.square().sum().item() for each in direction) ** 0.5
    direction = [each / length for each in direction]

    def value(shift: float) -> float:
        for (variable, _), part in zip(variables, direction, strict=True):
            variable.add_(part, alpha=shift)
        terms = zip(forward(), gradients, strict=True)
        return sum((output * gradient).sum().item() for output, gradient in terms)

    terms = zip(variables, direction, strict=True)
    slope = sum((gradient * part).sum().item() for (_, gradient), part in terms)
    # A longer step would move some of a hundred thousand ReLUs and maxima past their kinks.
    step = 1e-6
    numerical = (value(step) - value(-2 * step)) / (2 * step)
    assert numerical == pytest.approx(slope, rel=1e-6)


@pytest.mark.parametrize("name", ["ws_al_bn_do", "resnet"])
def test_a_state_from_a_file_goes_into_both_nets(name, tmp_path):
    trained, _ = both_nets(name, 0, torch.float32)
    pairs = gaussian(5, 2, 14, 14, seed=0).float()
    trained.forward(pairs)  # so that the running statistics are not those of the start
    save(trained.state(), tmp_path / "net.json")
    state = load(tmp_path / "net.json")
    ours, theirs = both_nets(name, 1, torch.float32)
    ours.load_state(state)
    expected = trained.eval().forward(pairs)
    assert all(map(torch.equal, ours.eval().forward(pairs), expected))
    theirs.load_state_dict(state)
    torch.testing.assert_close(outputs_of(theirs.eval(), pairs), expected)


def test_a_state_of_torch_goes_into_a_net():
    ours, _ = both_nets("both", seed=0)
    _, theirs = both_nets("both", seed=1)
    ours.load_state(theirs.state_dict())
    pairs = gaussian(5, 2, 14, 14, seed=0)
    for actual, expected in zip(
        ours.eval().forward(pairs), outputs_of(theirs.eval(), pairs), strict=True
    ):
        assert_parity(actual, expected.detach())
