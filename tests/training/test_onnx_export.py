"""Claims about exported nets: they answer as the net does, or are found out."""

import onnx
import pytest
import torch
from torch import nn

from project.config.compose import compose, options
from project.models import Siamese
from project.seeding import initialise
from project.tasks.calibrated_pairs import OUTPUTS, CalibratedNet, Calibration
from project.tasks.exportable import Card, Exportable, Output
from project.training.components import build_net
from project.training.onnx_export import (
    TOLERANCE,
    Parity,
    exported,
    in_batches,
    parity,
    run_onnx,
    run_pt2,
    to_onnx,
    to_pt2,
)

CARD = Card("a net", {})


def pairs(inner: nn.Module, count: int = 40) -> Exportable:
    """A net for pairs, calibrated somehow."""

    class Data:
        mean, std, levels = torch.tensor(33.0), torch.tensor(78.0), 1

    with torch.inference_mode():
        digits = inner.eval()(pixels(2)).digits
    fitted = Calibration(20, 1.7, 0.4 if digits else None, bool(digits))
    module = CalibratedNet(inner, Data, fitted).eval()  # type: ignore[arg-type]
    with torch.inference_mode():
        expected = module(pixels(count))
    return Exportable(module, pixels(count), expected, "pairs", "", module.outputs, CARD)


@pytest.fixture(scope="module")
def net() -> Exportable:
    """Small, with everything that a graph can get wrong: batch norm, dropout, a normalisation."""
    inner = Siamese([4, 6], 8, 8, True, 0.2, 0.2, "both", "probabilities")
    initialise(inner, seed=0)
    for module in inner.modules():
        if isinstance(module, torch.nn.BatchNorm1d | torch.nn.BatchNorm2d):
            module.running_mean = torch.rand_like(module.weight)
            module.running_var = 0.5 + torch.rand_like(module.weight)
    return pairs(inner)


@pytest.fixture(scope="module")
def files(net: Exportable) -> dict[str, bytes]:
    program = exported(net)
    return {"onnx": to_onnx(program, net), "pt2": to_pt2(program)}


def pixels(count: int) -> torch.Tensor:
    return 255 * torch.rand(count, 2, 14, 14, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize("count", [1, 3, 40])
def test_exported_files_answer_as_the_net_for_any_number_of_examples(
    net: Exportable, files: dict[str, bytes], count: int
) -> None:
    with torch.inference_mode():
        expected = net.module(pixels(count))
    for got in (
        run_onnx(files["onnx"], in_batches(pixels(count))),
        run_pt2(files["pt2"], in_batches(pixels(count))),
    ):
        result = parity(net.outputs, expected, got)
        assert result.passed, result
        assert (result.examples, result.differing_answers) == (count, 0)


def test_the_same_net_gives_the_same_bytes_and_no_path_of_this_machine(
    net: Exportable, files: dict[str, bytes]
) -> None:
    again = exported(net)
    assert to_onnx(again, net) == files["onnx"]
    assert to_pt2(again) == files["pt2"]
    for content in files.values():
        assert b".py" not in content


def test_the_onnx_file_is_valid_and_names_what_goes_in_and_out(files: dict[str, bytes]) -> None:
    model = onnx.load_from_string(files["onnx"])
    onnx.checker.check_model(model, full_check=True)
    assert [each.name for each in model.graph.input] == ["pairs"]
    names = [each.name for each in model.graph.output]
    assert names == ["comparison", "probability_ordered", "digit_probabilities"]


def answers(scores: list[list[float]]) -> list[torch.Tensor]:
    comparison = torch.tensor(scores)
    return [comparison, comparison.softmax(1)[:, 1]]


def compared(expected: list[torch.Tensor], got: list[torch.Tensor]) -> Parity:
    return parity(OUTPUTS[: len(expected)], expected, got)


def test_parity_fails_where_an_answer_or_a_score_differs() -> None:
    expected = answers([[1.0, 2.0], [0.0, 0.00002]])
    assert compared(expected, expected).passed
    turned = compared(expected, answers([[1.0, 2.0], [0.00002, 0.0]]))
    assert max(turned.differences.values()) < TOLERANCE
    assert (turned.differing_answers, turned.passed) == (1, False)
    moved = compared(expected, answers([[1.0, 2.001], [0.0, 0.00002]]))
    assert (moved.differing_answers, moved.passed) == (0, False)
    assert moved.differences["comparison"] == pytest.approx(0.001, rel=0.01)
    assert not compared(expected, answers([[1.0, float("nan")], [0.0, 0.00002]])).passed


def test_parity_is_by_the_size_of_scores_and_values_but_not_of_probabilities() -> None:
    for kind, passed in (("scores", True), ("values", True), ("probabilities", False)):
        output = [Output("output", "", kind)]  # type: ignore[arg-type]
        near, far = torch.tensor([[0.0, 1000.05]]), torch.tensor([[0.0, 1000.5]])
        assert parity(output, [torch.tensor([[0.0, 1000.0]])], [near]).passed == passed
        assert not parity(output, [torch.tensor([[0.0, 1000.0]])], [far]).passed


def test_values_have_no_answers_that_could_differ() -> None:
    a, b = torch.tensor([[0.0, 0.00002]]), torch.tensor([[0.00002, 0.0]])
    assert parity([Output("output", "")], [a], [b]).passed


def test_another_digit_is_another_answer() -> None:
    digits = torch.eye(10)[:2].unsqueeze(0)
    expected = [*answers([[1.0, 2.0]]), digits]
    assert compared(expected, [*expected[:2], digits.flip(1)]).differing_answers == 1
    with pytest.raises(ValueError, match="outputs must be"):
        compared(expected, expected[:2])


def test_batches_of_several_sizes_hold_all_examples() -> None:
    for count, sizes in ((1, [1]), (2, [1, 1]), (10, [1, 2, 7]), (40, [1, 2, 7, 30])):
        batches = in_batches(pixels(count))
        assert [len(batch) for batch in batches] == sizes
        assert torch.equal(torch.cat(batches), pixels(count))


def check_files(net: Exportable) -> None:
    program, batches = exported(net), in_batches(net.inputs)
    for got in (run_onnx(to_onnx(program, net), batches), run_pt2(to_pt2(program), batches)):
        assert parity(net.outputs, net.expected, got).passed


def of_images(name: str) -> bool:
    return "image_classification" in options("model")[name].read_text()


# One of each kind of net; the others differ from them in an argument.
ONE_OF_EACH = ("basic", "frontier", "resnet", "ws_al_bn_do", "mlp", "vit")
NETS = [
    pytest.param(name, marks=pytest.mark.slow if name in ONE_OF_EACH else pytest.mark.long)
    for name in sorted(options("model").keys() - {"none"})
]


@pytest.mark.parametrize("name", NETS)
def test_every_net_of_the_project_can_be_exported(name: str) -> None:
    if not of_images(name):
        inner = build_net(compose("train", [f"model={name}"]))
        assert inner is not None
        check_files(pairs(inner.eval()))
        return
    shape = {"classes": 5, "channels": 3, "image_size": 16}
    config = compose("train", ["task=image_classification", f"model={name}"])
    config["model"] |= {key: shape[key] for key in config["model"].keys() & shape.keys()}
    inner = build_net(config)
    assert inner is not None
    images = torch.rand(30, 3, 16, 16, generator=torch.Generator().manual_seed(1))
    with torch.inference_mode():
        expected = inner.eval()(images)

    class AsTuple(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.net = inner

        def forward(self, images: torch.Tensor) -> tuple[torch.Tensor]:
            return (self.net(images),)

    outputs = (Output("scores", "", "scores"),)
    check_files(Exportable(AsTuple(), images, (expected,), "images", "", outputs, CARD))
