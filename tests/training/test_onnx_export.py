"""Claims about exported nets: they answer as the net does, or are found out."""

import onnx
import pytest
import torch
from torch import nn

from project.config.compose import compose, options
from project.models import Siamese
from project.seeding import initialise
from project.training.calibrated import CalibratedNet, Calibration
from project.training.components import build_net
from project.training.onnx_export import (
    TOLERANCE,
    exported,
    in_batches,
    parity,
    run_onnx,
    run_pt2,
    to_onnx,
    to_pt2,
)


def calibrated(inner: nn.Module) -> CalibratedNet:
    class Data:
        mean, std = torch.tensor(33.0), torch.tensor(78.0)

    with torch.inference_mode():
        digits = inner.eval()(pixels(2)).digits
    fitted = Calibration(20, 1.7, 0.4 if digits else None, bool(digits))
    return CalibratedNet(inner, Data, fitted).eval()  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def net() -> CalibratedNet:
    """Small, with everything that a graph can get wrong: batch norm, dropout, a normalisation."""
    inner = Siamese([4, 6], 8, 8, True, 0.2, 0.2, "both", "probabilities")
    initialise(inner, seed=0)
    for module in inner.modules():
        if isinstance(module, torch.nn.BatchNorm1d | torch.nn.BatchNorm2d):
            module.running_mean = torch.rand_like(module.weight)
            module.running_var = 0.5 + torch.rand_like(module.weight)

    return calibrated(inner)


@pytest.fixture(scope="module")
def files(net: CalibratedNet) -> dict[str, bytes]:
    program = exported(net)
    return {"onnx": to_onnx(program, net.output_names), "pt2": to_pt2(program)}


def pixels(count: int) -> torch.Tensor:
    return 255 * torch.rand(count, 2, 14, 14, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize("count", [1, 3, 40])
def test_exported_files_answer_as_the_net_for_any_number_of_pairs(
    net: CalibratedNet, files: dict[str, bytes], count: int
) -> None:
    with torch.inference_mode():
        expected = net(pixels(count))
    for got in (
        run_onnx(files["onnx"], in_batches(pixels(count))),
        run_pt2(files["pt2"], in_batches(pixels(count))),
    ):
        result = parity(expected, got)
        assert result.passed, result
        assert (result.pairs, result.differing_answers) == (count, 0)


def test_the_same_net_gives_the_same_bytes_and_no_path_of_this_machine(
    net: CalibratedNet, files: dict[str, bytes]
) -> None:
    again = exported(net)
    assert to_onnx(again, net.output_names) == files["onnx"]
    assert to_pt2(again) == files["pt2"]
    for content in files.values():
        assert b".py" not in content


def test_the_onnx_file_is_valid_and_names_what_goes_in_and_out(files: dict[str, bytes]) -> None:
    model = onnx.load_from_string(files["onnx"])
    onnx.checker.check_model(model, full_check=True)
    assert [each.name for each in model.graph.input] == ["pairs"]
    names = [each.name for each in model.graph.output]
    assert names == ["comparison", "probability_ordered", "digit_probabilities"]


def outputs(scores: list[list[float]]) -> list[torch.Tensor]:
    comparison = torch.tensor(scores)
    return [comparison, comparison.softmax(1)[:, 1]]


def test_parity_fails_where_an_answer_or_a_score_differs() -> None:
    expected = outputs([[1.0, 2.0], [0.0, 0.00002]])
    assert parity(expected, expected).passed
    turned = parity(expected, outputs([[1.0, 2.0], [0.00002, 0.0]]))
    assert turned.score_difference < TOLERANCE
    assert (turned.differing_answers, turned.passed) == (1, False)
    moved = parity(expected, outputs([[1.0, 2.001], [0.0, 0.00002]]))
    assert (moved.differing_answers, moved.passed) == (0, False)
    assert moved.score_difference == pytest.approx(0.001, rel=0.01)
    assert not parity(expected, outputs([[1.0, float("nan")], [0.0, 0.00002]])).passed


def test_parity_is_by_the_size_of_the_scores() -> None:
    assert parity(outputs([[0.0, 1000.0]]), outputs([[0.0, 1000.05]])).passed
    assert not parity(outputs([[0.0, 1000.0]]), outputs([[0.0, 1000.5]])).passed


def test_another_digit_is_another_answer() -> None:
    digits = torch.eye(10)[:2].unsqueeze(0)
    expected = [*outputs([[1.0, 2.0]]), digits]
    assert parity(expected, [*expected[:2], digits.flip(1)]).differing_answers == 1
    with pytest.raises(ValueError, match="outputs must be"):
        parity(expected, expected[:2])


def test_batches_of_several_sizes_hold_all_pairs() -> None:
    for count, sizes in ((1, [1]), (2, [1, 1]), (10, [1, 2, 7]), (40, [1, 2, 7, 30])):
        batches = in_batches(pixels(count))
        assert [len(batch) for batch in batches] == sizes
        assert torch.equal(torch.cat(batches), pixels(count))


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(options("model").keys() - {"none"}))
def test_every_net_of_the_project_can_be_exported(name: str) -> None:
    inner = build_net(compose("train", [f"model={name}"]))
    assert inner is not None
    net = calibrated(inner.eval())
    with torch.inference_mode():
        expected = net(pixels(30))
    program, batches = exported(net), in_batches(pixels(30))
    for got in (
        run_onnx(to_onnx(program, net.output_names), batches),
        run_pt2(to_pt2(program), batches),
    ):
        assert parity(expected, got).passed
