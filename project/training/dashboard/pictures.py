"""All pictures of a finished run."""

import numpy as np
from torch import nn

from project.training.dashboard.answers import Answers
from project.training.dashboard.confusion import draw_confusion
from project.training.dashboard.filters import draw_filters
from project.training.dashboard.mistakes import draw_mistakes
from project.training.dashboard.reliability import draw_reliability


def pictures(answers: Answers, net: nn.Module) -> dict[str, np.ndarray]:
    """Each as (H, W, 3) bytes, by its name in TensorBoard.

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
            weights = module.weight.detach().cpu().contiguous().numpy()
            drawn["weights/first_layer"] = draw_filters(weights)
            break
    return drawn
