"""What every net returns."""

from typing import NamedTuple

from torch import Tensor


class Prediction(NamedTuple):
    """The answer to a batch of pairs.

    Attributes:
        comparison: (N, 2) scores of "first > second" (0) and "first <= second" (1).
        digits: One (N, 2, 10) tensor for each place at which the net also names the two digits:
            what the auxiliary cross-entropy receives. Empty for a net without auxiliary outputs,
            so that the auxiliary loss needs no flag. The last one is the net's best answer.

    A net may say in `digit_outputs` of each of them whether it is `probabilities` or `logits`: the
    task then knows what its loss cannot fall below.
    """

    comparison: Tensor
    digits: tuple[Tensor, ...] = ()
