"""Task digit_pairs: compare two digits, with auxiliary losses on their classes (report, part 1)."""

import math
from typing import Any

from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from project.data.pairs import Batch, DigitPairsData
from project.models.prediction import Prediction
from project.tasks.calibrated_pairs import pairs_exportable
from project.tasks.exportable import Exportable
from project.tasks.supervised import Augmentation, OptimizerFactory, SchedulerFactory, Supervised

DIGITS = 10


class DigitPairs(Supervised):
    """Task that compares two digits, trained on the comparison and on the digits' classes.

    The loss is the cross-entropy of the comparison plus `auxiliary_weight` times that of each digit
    in every digit output. Logged per epoch and stage (`train`, `val`, `test`), as means over the
    stage's pairs: `<stage>/loss` (main + auxiliary), `<stage>/comparison_loss`, `<stage>/error`
    (share of wrong comparisons) and, if the net has digit outputs, `<stage>/auxiliary_loss` and
    `<stage>/digit_error` (share of wrong digits). Training values are those of the outputs during
    the epoch.

    Args:
        net: Maps pairs (N, 2, H, W) to a `Prediction`.
        optimizer, scheduler, augmentation: As for `Supervised`.
        auxiliary_weight: The weight of each digit's cross-entropy, at least 0.
        label_smoothing: As for `Supervised`; of the digits' targets, not of the comparison's.
    """

    def __init__(
        self,
        net: nn.Module,
        optimizer: OptimizerFactory,
        scheduler: SchedulerFactory | None = None,
        augmentation: Augmentation | None = None,
        auxiliary_weight: float = 1.0,
        label_smoothing: float = 0.0,
    ) -> None:
        if auxiliary_weight < 0:
            raise ValueError(f"auxiliary_weight must be at least 0, got {auxiliary_weight}")
        super().__init__(net, optimizer, scheduler, augmentation, label_smoothing)
        self.auxiliary_weight = auxiliary_weight

    def loss_of(self, batch: Batch, stage: str) -> tuple[Tensor, Prediction]:
        """Return the batch's mean loss and the net's prediction; update the metrics."""
        images, target, digits = batch
        prediction = self.net(self.augmented(images, stage))
        if not isinstance(prediction, Prediction):
            raise TypeError(
                "task=digit_pairs expects a net that returns project.models.Prediction("
                f"comparison, digits), got {type(prediction).__name__}"
            )
        losses = self.losses_of(prediction, target, digits, stage)
        answers = {"error": (prediction.comparison, target)}
        if prediction.digits:
            answers["digit_error"] = (prediction.digits[-1], digits)
        self.epoch_metrics[stage].add(len(target), losses, answers)
        return losses["loss"], prediction

    def losses_of(
        self, prediction: Prediction, target: Tensor, digits: Tensor, stage: str
    ) -> dict[str, Tensor]:
        """Return a batch's mean losses by name; training minimises `loss`."""
        comparison_loss = cross_entropy(prediction.comparison, target)
        if not prediction.digits:
            return {"comparison_loss": comparison_loss, "loss": comparison_loss}
        classes, smoothing = digits.flatten(), self.smoothing(stage)
        each_loss = [
            cross_entropy(each.flatten(0, 1), classes, label_smoothing=smoothing)
            for each in prediction.digits
        ]
        # The sum over both digits, as in the report; a mean would halve the weight.
        auxiliary_loss = 2 * sum(each_loss[1:], each_loss[0])
        return {
            "comparison_loss": comparison_loss,
            "auxiliary_loss": auxiliary_loss,
            "loss": comparison_loss + self.auxiliary_weight * auxiliary_loss,
        }

    @property
    def uniform_loss(self) -> float:
        """The loss of a net that gives every class the same probability."""
        outputs = getattr(self.net, "digit_outputs", ())
        return math.log(2) + self.auxiliary_weight * 2 * len(outputs) * math.log(DIGITS)

    @property
    def loss_floor(self) -> float:
        """A lower bound of the training loss, which even perfect predictions cannot fall below.

        It is above 0 with label smoothing, and for digit outputs that are probabilities:
        cross-entropy applies softmax a second time, so each of two digits contributes at least
        log(e + 9) - 1, together 2.92.
        """
        outputs = getattr(self.net, "digit_outputs", ())
        floors = [digit_floor(kind == "probabilities", self.label_smoothing) for kind in outputs]
        return self.auxiliary_weight * 2 * sum(floors)

    def exportable(self, data: DigitPairsData) -> Exportable:
        """Return the net with its normalisation and calibration, for export."""
        return pairs_exportable(self.net, data)

    def test_step(self, batch: Batch, batch_idx: int) -> dict[str, Any]:
        """Measure a batch; return predictions, targets, and the net's output for the pictures."""
        prediction = self.loss_of(batch, "test")[1]
        answers = prediction.comparison.argmax(1)
        return {"prediction": answers, "target": batch[1], "output": prediction}


def digit_floor(from_probabilities: bool, label_smoothing: float) -> float:
    """Return the smallest possible cross-entropy of ten scores with a digit's smoothed target.

    By symmetry the best scores are some d for the true class and 0 for the others; d is at most 1
    if they are probabilities. `label_smoothing` of the target is spread evenly over all classes.
    """
    if label_smoothing == 0 and not from_probabilities:
        return 0.0
    right = 1 - label_smoothing + label_smoothing / DIGITS
    # The minimum: softmax then gives the true class the same probability as the target does.
    best = math.log(right / ((1 - right) / (DIGITS - 1))) if label_smoothing > 0 else math.inf
    if from_probabilities:
        best = min(best, 1.0)
    return math.log(math.exp(best) + DIGITS - 1) - right * best
