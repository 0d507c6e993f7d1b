"""Export of image classifiers as nets from plain pixels to scores and calibrated probabilities."""

import torch
from torch import Tensor, nn

from project.data.image_sets import Images, ImageSet
from project.tasks.calibration import Calibrated, fit_temperature
from project.tasks.exportable import EXAMPLES, Card, Exportable, Output

OUTPUTS = (
    Output("scores", "`scores` (N, classes), as the net gives them", "scores"),
    Output(
        "probabilities", "`probabilities` (N, classes), calibrated, of each class", "probabilities"
    ),
)


class CalibratedClassifier(Calibrated):
    """Classifier of images of plain pixels from 0 to `data.levels`, with a temperature."""

    def answers(self, output: Tensor) -> tuple[Tensor, Tensor]:
        """Return the net's scores (N, classes) unchanged, and the calibrated probabilities."""
        return output, (output / self.calibration).softmax(1)


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
    train, val, test = (len(each) for each in (data.train, data.val, data.test))
    size = "x".join(map(str, data.train.images.shape[1:]))
    fitted = (
        f"A temperature ({temperature:.3f}) was fitted on {val:,} validation images."
        if val
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
            f"{train:,} training, {val:,} validation and {test:,} test images of {size}; none in "
            "two of them"
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
