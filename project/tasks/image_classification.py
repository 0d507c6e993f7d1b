"""Task image_classification: find which of K classes an image belongs to."""

from typing import Any

from torch import Tensor
from torch.nn.functional import cross_entropy

from project.data.image_sets import ImageSet
from project.tasks.calibrated_images import images_exportable
from project.tasks.exportable import Exportable
from project.tasks.supervised import Supervised

# images (N, C, H, W) and classes (N,)
Batch = tuple[Tensor, Tensor]


class ImageClassification(Supervised):
    """Task that classifies images, with cross-entropy over K classes.

    Logged per epoch and stage (`train`, `val`, `test`), over the stage's images: `<stage>/loss`,
    `<stage>/accuracy` and `<stage>/error` (shares of right and wrong predictions). Training values
    are those of the outputs during the epoch.

    The arguments are those of `Supervised`; the net maps images (N, C, H, W) to scores (N, K).
    """

    def loss_of(self, batch: Batch, stage: str) -> tuple[Tensor, Tensor]:
        """Return the batch's mean loss and the net's scores; update the metrics."""
        images, classes = batch
        scores = self.net(self.augmented(images, stage))
        if not isinstance(scores, Tensor) or scores.dim() != 2 or len(scores) != len(images):
            is_tensor = isinstance(scores, Tensor)
            given = f"one of {tuple(scores.shape)}" if is_tensor else f"a {type(scores).__name__}"
            raise TypeError(
                "task=image_classification expects a net that returns scores (N, classes), a "
                f"tensor ({len(images)}, K) for this batch, got {given}"
            )
        loss = cross_entropy(scores, classes, label_smoothing=self.smoothing(stage))
        answers = {"error": (scores, classes), "accuracy": (scores, classes)}
        self.epoch_metrics[stage].add(len(classes), {"loss": loss}, answers)
        return loss, scores

    def exportable(self, data: ImageSet) -> Exportable:
        """Return the net with its normalisation and calibration, for export."""
        return images_exportable(self.net, data)

    def test_step(self, batch: Batch, batch_idx: int) -> dict[str, Any]:
        """Measure a batch; return predicted and true classes, for the run's predictions."""
        scores = self.loss_of(batch, "test")[1]
        return {"prediction": scores.argmax(1), "target": batch[1]}
