"""The exponential moving average of the weights, which answers in the place of the last ones."""

from pytorch_lightning.callbacks import WeightAveraging
from torch.optim.swa_utils import get_ema_multi_avg_fn


class EMA(WeightAveraging):
    """Average the weights after every step: average = decay * average + (1 - decay) * weights.

    Batch norm's statistics are averaged too. Validation and test see the average. In a checkpoint
    it stands as `state_dict`, and the weights that training goes on with as `current_model_state`.

    Args:
        decay: The share that stays at each step, in [0, 1).
    """

    def __init__(self, decay: float) -> None:
        if not 0 <= decay < 1:
            raise ValueError(f"decay must be in [0, 1), got {decay}")
        super().__init__(multi_avg_fn=get_ema_multi_avg_fn(decay))
