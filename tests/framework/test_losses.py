import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from project.framework import Linear, LossCrossEntropy, LossMSE, LossSum, Sequential, Tanh
from tests.framework.batches import (
    extreme,
    gaussian,
    layouts,
    maps,
    matrices,
    moderate,
    seeds,
    sizes,
)
from tests.framework.finite_differences import numerical_gradient
from tests.framework.parity import (
    CLAIM,
    assert_parity,
    assert_same_parameter_gradients,
)
from tests.framework.torch_twin import twin


def assert_same_loss(loss, reference, prediction, target):
    """Value and gradient of a loss, against torch."""
    with torch.enable_grad():
        leaf = prediction.clone().requires_grad_()
        expected = reference(leaf, target)
        expected.backward()
    assert_parity(loss.forward(prediction, target), expected.detach())
    assert leaf.grad is not None
    assert_parity(loss.backward(), leaf.grad)


@CLAIM
@given(data=st.data(), rows=sizes, columns=sizes)
def test_mse_and_its_gradient_equal_torch(data, rows, columns):
    prediction, target = (data.draw(matrices(rows, columns)) for _ in range(2))
    assert_same_loss(LossMSE(), torch.nn.MSELoss(), prediction, target)


@pytest.mark.parametrize("shape", [(), (7,), (2, 3, 4)])
def test_mse_takes_any_shape(shape):
    prediction, target = torch.rand(2, *shape, dtype=torch.float64)
    assert_same_loss(LossMSE(), torch.nn.MSELoss(), prediction, target)


@CLAIM
@given(data=st.data(), rows=sizes, classes=sizes)
def test_cross_entropy_and_its_gradient_equal_torch(data, rows, classes):
    logits = data.draw(matrices(rows, classes, st.one_of(moderate, extreme)))
    target = torch.tensor(
        data.draw(st.lists(st.integers(0, classes - 1), min_size=rows, max_size=rows))
    )
    assert_same_loss(LossCrossEntropy(), torch.nn.CrossEntropyLoss(), logits, target)


@CLAIM
@given(data=st.data(), rows=sizes, items=sizes, classes=sizes)
def test_cross_entropy_of_several_rows_for_each_example_is_their_mean(data, rows, items, classes):
    logits = data.draw(layouts)(data.draw(maps(rows, items, classes)))
    count = rows * items
    labels = data.draw(st.lists(st.integers(0, classes - 1), min_size=count, max_size=count))
    target = torch.tensor(labels).view(rows, items)

    def reference(logits, target):
        return torch.nn.functional.cross_entropy(logits.flatten(0, 1), target.flatten())

    assert_same_loss(LossCrossEntropy(), reference, logits, target)


def test_slopes_of_mse_match_finite_differences():
    loss, prediction, target = LossMSE(), gaussian(4, 3, seed=0), gaussian(4, 3, seed=1)
    numerical = numerical_gradient(lambda: loss.forward(prediction, target), prediction)
    loss.forward(prediction, target)
    torch.testing.assert_close(loss.backward(), numerical, rtol=1e-6, atol=1e-8)


def test_slopes_of_cross_entropy_match_finite_differences():
    loss, logits, target = LossCrossEntropy(), gaussian(4, 3, seed=0), torch.tensor([0, 2, 1, 1])
    numerical = numerical_gradient(lambda: loss.forward(logits, target), logits)
    loss.forward(logits, target)
    torch.testing.assert_close(loss.backward(), numerical, rtol=1e-6, atol=1e-8)


@CLAIM
@given(rows=sizes, seed=seeds, weight=st.floats(0, 3))
def test_the_gradient_of_a_sum_of_losses_is_the_sum_of_their_gradients(rows, seed, weight):
    generator = torch.Generator().manual_seed(seed)
    linears = [Linear(*size, generator=generator, dtype=torch.float64) for size in ((2, 5), (5, 3))]
    net = Sequential(linears[0], Tanh(), linears[1])
    x, values = gaussian(rows, 2, seed=seed), gaussian(rows, 3, seed=seed + 1)
    classes = torch.arange(rows) % 3
    reference = twin(net)
    with torch.enable_grad():
        output = reference(x)
        squared = torch.nn.functional.mse_loss(output, values)
        (squared + weight * torch.nn.functional.cross_entropy(output, classes)).backward()
    expected = [parameter.grad for parameter in reference.parameters()]
    mse, cross_entropy = LossMSE(), LossCrossEntropy()
    output = net.forward(x)
    mse.forward(output, values)
    cross_entropy.forward(output, classes)
    net.backward(mse.backward() + weight * cross_entropy.backward())
    assert_same_parameter_gradients(net, expected)
    net.gradient_reset()
    net.backward(mse.backward())
    net.backward(weight * cross_entropy.backward())
    assert_same_parameter_gradients(net, expected)


@CLAIM
@given(rows=sizes, seed=seeds, weights=st.tuples(st.floats(-3, 3), st.floats(-3, 3)))
def test_a_weighted_sum_of_losses_of_several_outputs_equals_torch(rows, seed, weights):
    outputs = [gaussian(rows, 2, seed=seed), gaussian(rows, 2, 4, seed=seed + 1)]
    targets = [gaussian(rows, 2, seed=seed + 2), torch.arange(2 * rows).view(rows, 2) % 4]
    with torch.enable_grad():
        leaves = [output.clone().requires_grad_() for output in outputs]
        values = [
            torch.nn.functional.mse_loss(leaves[0], targets[0]),
            torch.nn.functional.cross_entropy(leaves[1].flatten(0, 1), targets[1].flatten()),
        ]
        expected = weights[0] * values[0] + weights[1] * values[1]
        expected.backward()
    loss = LossSum([LossMSE(), LossCrossEntropy()], weights)
    assert_parity(loss.forward(outputs, targets), expected.detach())
    for value, each in zip(loss.values, values, strict=True):
        assert_parity(value, each.detach())
    for gradient, leaf in zip(loss.backward(), leaves, strict=True):
        assert leaf.grad is not None
        assert_parity(gradient, leaf.grad)


def test_a_sum_of_losses_refuses_what_does_not_match_its_losses():
    output, target = torch.rand(2, 2), torch.rand(2, 2)
    loss = LossSum([LossMSE(), LossMSE()], [1.0, 2.0])
    with pytest.raises(RuntimeError, match=r"LossSum\.backward needs a forward before it"):
        loss.backward()
    with pytest.raises(ValueError, match="2 losses need as many outputs and targets, got 1 and 2"):
        loss.forward([output], [target, target])
    with pytest.raises(ValueError, match="got 2 and 1"):
        loss.forward([output, output], [target])
    with pytest.raises(ValueError, match="at least 1 loss and a weight for each, got 0 losses"):
        LossSum([], [])
    with pytest.raises(ValueError, match="got 1 losses and 2 weights"):
        LossSum([LossMSE()], [1.0, 2.0])
    with pytest.raises(ValueError, match=r"weights must be finite, got \[nan\]"):
        LossSum([LossMSE()], [float("nan")])
    twice = LossMSE()
    with pytest.raises(ValueError, match="once in a LossSum, got 2 places for 1 modules"):
        LossSum([twice, twice], [1.0, 1.0])


def test_cross_entropy_of_logits_of_a_thousand_is_finite():
    loss = LossCrossEntropy()
    logits = torch.tensor([[1000.0, -1000.0], [1000.0, -1000.0]])
    assert loss.forward(logits, torch.tensor([0, 1])).item() == 1000
    assert loss.backward().tolist() == [[0, 0], [0.5, -0.5]]


def test_losses_have_no_parameters_and_backward_needs_a_forward():
    for loss in (LossMSE(), LossCrossEntropy()):
        assert loss.param() == []
        with pytest.raises(RuntimeError, match="backward needs a forward before it"):
            loss.backward()


def test_a_loss_overwrites_no_gradient_it_has_returned():
    loss, target = LossMSE(), torch.zeros(2, 2)
    loss.forward(torch.ones(2, 2), target)
    first = loss.backward()
    loss.forward(torch.full((2, 2), 4.0), target)
    loss.backward()
    assert torch.equal(first, torch.full((2, 2), 0.5))


def test_mse_refuses_what_torch_would_broadcast():
    with pytest.raises(ValueError, match=r"one shape, not empty, got \(4, 1\) and \(4,\)"):
        LossMSE().forward(torch.rand(4, 1), torch.rand(4))
    with pytest.raises(ValueError, match=r"got \(0, 2\) and \(0, 2\)"):
        LossMSE().forward(torch.rand(0, 2), torch.rand(0, 2))


def test_mse_refuses_integers():
    whole = torch.ones(2, 2, dtype=torch.int64)
    with pytest.raises(TypeError, match=r"floating-point values, got torch\.int64"):
        LossMSE().forward(whole, whole)
    with pytest.raises(TypeError, match=r"dtype torch\.float32, got torch\.int64"):
        LossMSE().forward(torch.rand(2, 2), whole)


@pytest.mark.parametrize(
    ("logits", "target", "error", "message"),
    [
        (torch.rand(3), torch.zeros(3).long(), ValueError, r"got \(3,\) and \(3,\)"),
        (torch.rand(2, 3), torch.zeros(3).long(), ValueError, r"got \(2, 3\) and \(3,\)"),
        (torch.rand(2, 3), torch.zeros(2, 3).long(), ValueError, r"got \(2, 3\) and \(2, 3\)"),
        (torch.rand(0, 3), torch.zeros(0).long(), ValueError, r"got \(0, 3\) and \(0,\)"),
        (torch.rand(2, 3), torch.zeros(2), TypeError, r"torch\.int64, got torch\.float32"),
        (torch.ones(2, 3).long(), torch.zeros(2).long(), TypeError, r"got torch\.int64"),
        (torch.rand(2, 3), torch.tensor([0, 3]), ValueError, r"in 0 \.\. 2, got 0 \.\. 3"),
        (torch.rand(2, 3), torch.tensor([-1, 2]), ValueError, r"in 0 \.\. 2, got -1 \.\. 2"),
    ],
)
def test_cross_entropy_refuses_what_is_no_batch_of_classes(logits, target, error, message):
    with pytest.raises(error, match=message):
        LossCrossEntropy().forward(logits, target)
