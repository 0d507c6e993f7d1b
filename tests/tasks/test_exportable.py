"""What a task says of its net when it is exported: of its own, or of any net on its own batches."""

from collections import namedtuple
from typing import Any

import pytest
import torch
from pytorch_lightning import LightningDataModule
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset

from project.config.errors import ConfigurationError
from project.data.image_sets import ImageSet, Pool
from project.models import MLP
from project.tasks.calibrated_images import images_exportable
from project.tasks.exportable import EXAMPLES, net_exportable


class Points(LightningDataModule):
    def __init__(self, train: int = 20, val: int = 10, collate: Any = None) -> None:
        super().__init__()
        self.points = torch.randn(train + val, 3, generator=torch.Generator().manual_seed(0))
        self.parts = self.points[:train], self.points[train:]
        self.collate = collate

    def _loader(self, points: Tensor) -> DataLoader[Any]:
        dataset = TensorDataset(points, torch.zeros(len(points)))
        return DataLoader(dataset, batch_size=4, collate_fn=self.collate)

    def train_dataloader(self) -> Any:
        return self._loader(self.parts[0])

    def val_dataloader(self) -> Any:
        return self._loader(self.parts[1]) if len(self.parts[1]) else []


class Net(nn.Module):
    def __init__(self, shape: Any) -> None:
        super().__init__()
        self.shape = shape

    def forward(self, points: Tensor) -> Any:
        return self.shape(points)


Both = namedtuple("Both", ["sum", "double"])


@pytest.mark.parametrize(
    ("shape", "names"),
    [
        (lambda x: x.sum(1), ["output"]),
        (lambda x: (x.sum(1), x * 2), ["output_0", "output_1"]),
        (lambda x: {"sum": x.sum(1), "double": x * 2}, ["sum", "double"]),
        (lambda x: Both(x.sum(1), x * 2), ["sum", "double"]),
    ],
)
def test_any_net_is_exported_as_it_is(shape: Any, names: list[str]) -> None:
    exportable = net_exportable(Net(shape), Points(), "auc")
    assert [output.name for output in exportable.outputs] == names
    assert exportable.input_text == "float32 (N, 3), as the data module of the run gives them"
    assert exportable.card.errors == {"test/auc": "test auc", "val/auc": "validation auc"}
    answers = exportable.module(exportable.inputs)
    for a, b in zip(answers, exportable.expected, strict=True):
        assert torch.equal(a, b)


def test_its_inputs_are_those_of_validation_and_training_batches() -> None:
    data = Points()
    exportable = net_exportable(Net(lambda x: x), data, "auc")
    assert torch.equal(exportable.inputs, torch.cat([data.parts[1], data.parts[0]]))
    without = Points(val=0)
    assert torch.equal(net_exportable(Net(lambda x: x), without, "auc").inputs, without.points)
    many = net_exportable(Net(lambda x: x), Points(train=2 * EXAMPLES), "auc")
    assert len(many.inputs) == EXAMPLES


@pytest.mark.parametrize("shape", [lambda x: x.sum(), lambda x: "yes", lambda x: x[:2]])
def test_a_net_that_does_not_answer_a_batch_is_refused(shape: Any) -> None:
    with pytest.raises(ConfigurationError, match="Net does not return tensors with one entry per"):
        net_exportable(Net(shape), Points(), "auc")


def test_batches_that_begin_with_no_tensor_are_refused() -> None:
    data = Points(collate=lambda examples: {"points": torch.stack([x for x, _ in examples])})
    with pytest.raises(ConfigurationError, match=r"a batch does not begin with a tensor of inputs"):
        net_exportable(Net(lambda x: x), data, "auc")


class Noise(ImageSet):
    levels = 16

    def load(self) -> dict[str, Pool]:
        generator = torch.Generator().manual_seed(0)
        images = torch.randint(0, 17, (90, 2, 4, 4), generator=generator, dtype=torch.uint8)
        return {"train": Pool(images, torch.randint(0, 3, (90,), generator=generator))}


def noise(val_images: int = 30) -> Noise:
    data = Noise(
        seed=0, order_seed=0, train_images=None, val_images=val_images, test_images=20,
        batch_size=10, shuffle=True, normalise=True,
    )  # fmt: skip
    data.setup()
    return data


def test_images_go_in_as_plain_pixels_and_probabilities_are_calibrated() -> None:
    data, net = noise(), MLP(3, 2, 4, [8]).eval()
    exportable = images_exportable(net, data)
    plain = torch.cat([data.val.images, data.train.images]).float()
    assert torch.equal(exportable.inputs, plain)
    assert exportable.input_text == "float32 (N, 2, 4, 4), pixels in [0, 16]"
    with torch.inference_mode():
        scores, probabilities = exportable.module(plain)
        own = torch.cat([net(data.val[torch.arange(30)][0]), net(data.train[torch.arange(40)][0])])
    for got, expected in zip((scores, probabilities), exportable.expected, strict=True):
        torch.testing.assert_close(got, expected, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(scores, own, rtol=1e-4, atol=1e-5)
    temperature = exportable.facts["calibration"]["temperature"]
    assert exportable.facts["calibration"]["images"] == 30
    assert temperature != 1
    torch.testing.assert_close(probabilities, (scores / temperature).softmax(1))
    assert "was fitted on 30 validation images" in exportable.card.calibration
    assert exportable.card.data == [
        "40 training, 30 validation and 20 test images of 2x4x4; none in two of them"
    ]


def test_without_validation_images_nothing_is_calibrated() -> None:
    exportable = images_exportable(MLP(3, 2, 4, [8]).eval(), noise(val_images=0))
    assert exportable.facts["calibration"] == {"images": 0, "temperature": 1.0}
    assert "the probabilities are not calibrated" in exportable.card.calibration
