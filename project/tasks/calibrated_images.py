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
        net: The trained net, which expects normalised images.
        data: The run's data module, whose mean and std normalise the images.
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
        """Normalise plain pixels (N, C, H, W); return scores and probabilities (N, classes)."""
        return self.answers(self.net((images / self.levels - self.mean) / self.std))

    def answers(self, scores: Tensor) -> tuple[Tensor, Tensor]:
        """Return the net's scores (N, classes) unchanged, and the calibrated probabilities."""
        return scores, (scores / self.temperature).softmax(1)


def images_exportable(net: nn.Module, data: ImageSet) -> Exportable:
    """Return a trained classifier, combined with its normalisation and calibration, for export.

    The temperature is fitted on the validation images; without any it is 1.

    Args:
        net: The trained net, which expects normalised images.
        data: The run's data module, set up.
    """
    validation = len(data.val)
    temperature = 1.0
    with torch.inference_mode():
        if validation:
            scores = torch.cat([net(data.val[part][0]) for part in _parts(validation)])
            temperature = fit_temperature(scores, data.val.classes)
        module = CalibratedClassifier(net, data, temperature).eval()
        expected = module.answers(torch.cat([net(images) for images in _own(data)]))
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


def _parts(count: int) -> tuple[Tensor, ...]:
    return torch.arange(count).split(250)


def _own(data: ImageSet) -> list[Tensor]:
    """Return batches of up to `EXAMPLES` normalised images: validation first, then training."""
    left, batches = EXAMPLES, []
    for images in (data.val, data.train):
        count = min(left, len(images))
        batches += [images[part][0] for part in _parts(count)] if count else []
        left -= count
    return batches


def _card(data: ImageSet, temperature: float) -> Card:
    def counted(images: Images) -> str:
        return f"{len(images):,}"

    _, channels, height, width = data.train.images.shape
    fitted = (
        f"A temperature ({temperature:.3f}) was fitted on {counted(data.val)} validation images."
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
            f"{counted(data.train)} training, {counted(data.val)} validation and "
            f"{counted(data.test)} test images of {channels}x{height}x{width}; none in two of them"
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
