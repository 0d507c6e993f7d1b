"""Pictures of a finished run of task=digit_pairs, for dashboards such as TensorBoard."""

import logging
from typing import Any

import numpy as np
from pytorch_lightning import LightningModule, Trainer
from pytorch_lightning.callbacks import Callback
from torch import nn

from project.tasks.pictures.answers import Answers, collect
from project.tasks.pictures.confusion import draw_confusion
from project.tasks.pictures.filters import draw_filters
from project.tasks.pictures.mistakes import draw_mistakes
from project.tasks.pictures.reliability import draw_reliability

log = logging.getLogger(__name__)


class PairPictures(Callback):
    """Callback that draws pictures after the test and passes them to all loggers with images.

    It does not affect the run. If a picture cannot be drawn, a warning is logged.
    """

    def __init__(self) -> None:
        self._batches: list[tuple[Any, Any]] = []

    def on_test_batch_end(
        self,
        trainer: Trainer,
        pl_module: LightningModule,
        outputs: Any,
        batch: Any,
        batch_idx: int,
        dataloader_idx: int = 0,
    ) -> None:
        """Store a test batch and the output of `test_step`."""
        self._batches.append((batch, outputs))

    def on_test_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Draw the pictures, pass them to the loggers and discard the stored batches."""
        try:
            answers = collect(
                [(images, digits, out["output"]) for (images, _, digits), out in self._batches]
            )
            drawn = pictures(answers, pl_module)
            for logger in trainer.loggers:
                writer: Any = getattr(logger, "experiment", None)
                for name, pixels in drawn.items() if hasattr(writer, "add_image") else ():
                    writer.add_image(name, pixels, trainer.global_step, dataformats="HWC")
        except Exception:
            log.warning("the pictures of the test could not be drawn", exc_info=True)
        self._batches.clear()


def pictures(answers: Answers, net: nn.Module) -> dict[str, np.ndarray]:
    """Return the pictures as uint8 (H, W, 3), by their names in TensorBoard.

    A net without digit outputs has no confusion matrix, one without convolutions no filters.
    """
    drawn = {
        "test/mistakes": draw_mistakes(answers),
        "test/reliability": draw_reliability(answers.probability_ordered, answers.ordered),
    }
    if answers.digits_read is not None:
        drawn["test/digit_confusion"] = draw_confusion(answers.digits, answers.digits_read)
    first = next((each for each in net.modules() if isinstance(each, nn.Conv2d)), None)
    if first is not None:
        weights = first.weight.detach().float().cpu().contiguous().numpy()
        drawn["weights/first_layer"] = draw_filters(weights)
    return drawn
