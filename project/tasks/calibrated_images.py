"""Export of image classifiers as nets from plain pixels to scores and calibrated probabilities."""

import torch
from torch import Tensor, nn

from project.data.image_sets import Images, ImageSet
from project.tasks.calibration import fit_temperature
from project.tasks.exportable import EXAMPLES, Card, Exportable, Output

OUTPUTS = (
    Output("scores", "`scores` (N, classes), as the net gives them", "scores"),
    Output(
        "probabilities", "`probabilities` (N, classes), calibrated, of each class", "probabilities"
    ),
)


class CalibratedClassifier(nn.Module):
    """Net that maps images (N, C, H, W) of plain pixels to scores and calibrated probabilities.

    Args:
        net: The trained net, which expects images normalised by the data module's mean and std.
        data: The run's data module.
        temperature: The scores are divided by it before the softmax.
    """

    mean: Tensor
    std: Tensor

    def __init__(self, net: nn.Module, data: ImageSet, temperature: float) -> None:
        super().__init__()
        self.net = net
        self.levels = data.levels
        self.temperature = temperature
        self.register_buffer("mean", data.mean)
        self.register_buffer("std", data.std)

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Normalise images (N, C, H, W), pixels from 0 to `data.levels`; return their `answers`."""
        return self.answers(self.net((images / self.levels - self.mean) / self.std))

    def answers(self, scores: Tensor) -> tuple[Tensor, Tensor]:
        """Return the net's scores (N, classes) unchanged, and the calibrated probabilities."""
        return scores, (scores / self.temperature).softmax(1)


def images_exportable(net: nn.Module, data: ImageSet) -> Exportable:
    """Return a trained classifier, combined with its normalisation and calibration, for export.

    The temperature is fitted on the validation images; without any it is 1. The data module must
    have been set up.
    """
    validation = len(data.val)
    with torch.inference_mode():
        scores = _scores(net, data.val, validation)
        temperature = fit_temperature(torch.cat(scores), data.val.classes) if scores else 1.0
        module = CalibratedClassifier(net, data, temperature).eval()
        scores += _scores(net, data.train, EXAMPLES)
        expected = module.answers(torch.cat(scores)[:EXAMPLES])
    _, channels, height, width = data.train.images.shape
    return Exportable(
        module=module,
        inputs=torch.cat([data.val.images, data.train.images])[:EXAMPLES].float(),
        expected=expected,
        input_name="images",
        input_text=f"float32 (N, {channels}, {height}, {width}), pixels in [0, {data.levels}]",
        outputs=OUTPUTS,
        card=_card(data, temperature),
        facts={"calibration": {"images": validation, "temperature": temperature}},
    )


def _scores(net: nn.Module, images: Images, count: int) -> list[Tensor]:
    """Return the net's scores of the first `count` images, in batches."""
    parts = torch.arange(min(count, len(images))).split(250)
    return [net(images[part][0]) for part in parts if len(part)]


def _card(data: ImageSet, temperature: float) -> Card:
    _, channels, height, width = data.train.images.shape
    fitted = (
        f"A temperature ({temperature:.3f}) was fitted on {len(data.val):,} validation images."
        if len(data.val)
        else "There were no validation images: the probabilities are not calibrated."
    )
    return Card(
        summary="An image in; out come scores and probabilities of its class.",
        errors={
            "test/accuracy": "test accuracy",
            "test/error": "test error",
            "val/accuracy": "validation accuracy",
        },
        data=[
            f"{len(data.train):,} training, {len(data.val):,} validation and "
            f"{len(data.test):,} test images of {channels}x{height}x{width}; none in two of them"
        ],
        use=["The run's normalisation is inside."],
        calibration=fitted,
        limits=[
            "Errors and probabilities hold for images like those of its data; for others neither "
            "was measured.",
            "It answers whatever it is shown, also what belongs to none of its classes, and can be "
            "sure of it.",
        ],
    )
