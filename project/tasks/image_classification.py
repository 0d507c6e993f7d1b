"""Task image_classification: find which of K classes an image belongs to."""

from typing import Any

from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from project.data.image_sets import ImageSet
from project.tasks.calibrated_images import images_exportable
from project.tasks.exportable import Exportable
from project.tasks.supervised import Augmentation, OptimizerFactory, SchedulerFactory, Supervised

# images (N, C, H, W) and classes (N,)
Batch = tuple[Tensor, Tensor]


class ImageClassification(Supervised):
    """Task that classifies images, with cross-entropy over K classes.

    Logged per epoch and stage (`train`, `val`, `test`), over the stage's images: `<stage>/loss`,
    `<stage>/accuracy` and `<stage>/error` (shares of right and wrong predictions). Training values
    are those of the outputs during the epoch.

    Args:
        net: Maps images (N, C, H, W) to scores (N, K).
        optimizer, scheduler, augmentation, label_smoothing: As for `Supervised`.
    """

    def __init__(
        self,
        net: nn.Module,
        optimizer: OptimizerFactory,
        scheduler: SchedulerFactory | None = None,
        augmentation: Augmentation | None = None,
        label_smoothing: float = 0.0,
    ) -> None:
        super().__init__(net, optimizer, scheduler, augmentation, label_smoothing)

    def loss_of(self, batch: Batch, stage: str) -> tuple[Tensor, Tensor]:
        """Return the batch's mean loss and the net's scores; update the metrics."""
        images, classes = batch
        scores = self.net(self.augmented(images, stage))
        if not isinstance(scores, Tensor) or scores.dim() != 2 or len(scores) != len(images):
            raise TypeError(
                "task=image_classification expects a net that returns scores (N, classes), a "
                f"tensor ({len(images)}, K) for this batch, got {_described(scores)}"
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


def _described(output: Any) -> str:
    if isinstance(output, Tensor):
        return f"one of {tuple(output.shape)}"
    return f"a {type(output).__name__}"
