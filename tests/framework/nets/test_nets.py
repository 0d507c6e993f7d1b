"""What the nets say of themselves and refuse."""

from typing import Any

import pytest
import torch

from project.framework import nets
from tests.framework.batches import gaussian
from tests.framework.nets.report_nets import ALL, both_nets


def net_of(name: str, **changes: Any) -> Any:
    kind, arguments = ALL[name]
    return getattr(nets, kind)(**(arguments | changes))


def test_a_generator_decides_weights_and_masks():
    first, again = (net_of("none", generator=torch.Generator().manual_seed(4)) for _ in range(2))
    pairs = torch.rand(3, 2, 14, 14)
    state = torch.get_rng_state()
    assert torch.equal(first.forward(pairs)[0], again.forward(pairs)[0])
    assert torch.equal(torch.get_rng_state(), state)


def test_the_auxiliary_outputs_are_softmaxed_or_not_as_asked():
    pairs = torch.rand(3, 2, 14, 14)
    _, early, late = net_of("both").forward(pairs)
    for digits in (early, late):
        assert digits.shape == (3, 2, 10)
        torch.testing.assert_close(digits.sum(2), torch.ones(3, 2))
    _, early, late = net_of("both logits").forward(pairs)
    assert (early < 0).any()
    assert (late < 0).any()
    assert len(net_of("none").forward(pairs)) == len(net_of("basic").forward(pairs)) == 1


@pytest.mark.parametrize("name", ["basic", "both", "growing resnet"])
def test_pairs_of_another_shape_or_dtype_are_refused(name):
    net, _ = both_nets(name, seed=0)
    for shape in ((3, 1, 14, 14), (3, 2, 28, 28), (2, 14, 14)):
        with pytest.raises(ValueError, match=r"pairs must be \(N, 2, 14, 14\), got \(\d"):
            net.forward(torch.rand(shape).double())
    with pytest.raises(TypeError, match=r"dtype torch\.float64, got torch\.int64"):
        net.forward(torch.ones(3, 2, 14, 14, dtype=torch.int64))


@pytest.mark.parametrize("name", ["basic", "both", "growing resnet"])
def test_gradients_that_do_not_fit_the_outputs_are_refused_and_change_nothing(name):
    net, _ = both_nets(name, seed=0)
    pairs = gaussian(3, 2, 14, 14, seed=0)
    with pytest.raises(RuntimeError, match="backward needs a forward before it"):
        net.backward(())
    outputs = net.forward(pairs)
    with pytest.raises(ValueError, match=f"each of its {len(outputs)} outputs, got 0"):
        net.backward(())
    with pytest.raises(ValueError, match=r"last output's shape \(3, .*, got \(2, "):
        net.backward((*outputs[:-1], outputs[-1][:2]))
    with pytest.raises(TypeError, match=r"dtype torch\.float64, got torch\.float32"):
        net.backward((*outputs[:-1], outputs[-1].float()))
    assert not any(gradient.any() for _, gradient in net.param())


@pytest.mark.parametrize("name", ["basic", "both", "growing resnet"])
def test_a_missing_pixel_is_seen_in_its_pairs_comparison_and_in_no_other(name):
    net, _ = both_nets(name, seed=0)
    pairs = gaussian(3, 2, 14, 14, seed=0)
    pairs[1, 0, 7, 7] = torch.nan
    comparison = net.eval().forward(pairs)[0]
    assert comparison.isnan().any(1).tolist() == [False, True, False]


@pytest.mark.parametrize(
    ("name", "changes", "message"),
    [
        ("basic", {"hidden": 0}, "hidden must be at least 1, got 0"),
        ("basic", {"channels": [32]}, r"channels must be two positive numbers, got \[32\]"),
        ("both", {"channels": [0, 4]}, r"channels must be two positive numbers, got \[0, 4\]"),
        ("both", {"hidden_digit": 0}, "hidden_digit must be at least 1, got 0"),
        ("both", {"hidden_comparison": 0}, "hidden_comparison must be at least 1, got 0"),
        ("both", {"dropout_conv": [0.1]}, r"must be one number or two, got \[0\.1\]"),
        ("both", {"dropout_conv": 1.0}, r"dropout_conv must be in \[0, 1\), got 1\.0"),
        ("both", {"dropout_linear": -0.1}, r"dropout_linear must be in \[0, 1\), got -0\.1"),
        ("both", {"auxiliary": "middle"}, r"one of \('early', 'late', .* got 'middle'"),
        ("both", {"auxiliary_input": "x"}, r"one of \('probabilities', 'logits'\), got 'x'"),
        ("resnet", {"blocks": [1, 2]}, r"equally long .* channels=\[32\], blocks=\[1, 2\]"),
        ("resnet", {"blocks": [0]}, r"positive numbers, got channels=\[32\], blocks=\[0\]"),
    ],
)
def test_impossible_nets_are_refused(name, changes, message):
    with pytest.raises(ValueError, match=message):
        net_of(name, **changes)
