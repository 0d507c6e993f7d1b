"""The output of every net that compares pairs of digits."""

from typing import NamedTuple

from torch import Tensor


class Prediction(NamedTuple):
    """The output of a net for a batch of N pairs.

    Attributes:
        comparison: (N, 2) scores of "first > second" (0) and "first <= second" (1).
        digits: One (N, 2, 10) tensor for each place at which the net also classifies the two
            digits: the inputs of the auxiliary cross-entropy. The last one is its best.

    A net may have an attribute `digit_outputs`, which says for each tensor in `digits` whether it
    holds `probabilities` or `logits`; the task uses it to compute the lower bound of its loss.
    """

    comparison: Tensor
    digits: tuple[Tensor, ...] = ()
