"""Pictures of a finished run of task=digit_pairs, for dashboards.

They show what it got wrong, which digit it took for which, whether its probabilities can be
believed, and its first filters.
"""

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
    """Hands pictures of the test to every logger that shows images; changes nothing in a run.

    A picture that cannot be drawn is a warning in the log.
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
        """Keep what was answered."""
        self._batches.append((batch, outputs))

    def on_test_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Draw the pictures and hand them over."""
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
    """Return each picture as (H, W, 3) bytes, by its name in TensorBoard.

    A net that names no digits has no confusion matrix, one without convolutions no filters.
    """
    drawn = {
        "test/mistakes": draw_mistakes(answers),
        "test/reliability": draw_reliability(answers.probability_ordered, answers.ordered),
    }
    if answers.digits_read is not None:
        drawn["test/digit_confusion"] = draw_confusion(answers.digits, answers.digits_read)
    for module in net.modules():
        if isinstance(module, nn.Conv2d):
            weights = module.weight.detach().float().cpu().contiguous().numpy()
            drawn["weights/first_layer"] = draw_filters(weights)
            break
    return drawn
