"""An exponential moving average (EMA) of the weights, used in place of the last weights."""

from pytorch_lightning.callbacks import WeightAveraging
from torch.optim.swa_utils import get_ema_multi_avg_fn


class EMA(WeightAveraging):
    """Callback that averages weights: average = decay * average + (1 - decay) * weights per step.

    Validation and test use the average. A checkpoint stores the average as `state_dict` and the
    weights that training continues with as `current_model_state`. `decay` is in [0, 1).
    """

    def __init__(self, decay: float) -> None:
        if not 0 <= decay < 1:
            raise ValueError(f"decay must be in [0, 1), got {decay}")
        super().__init__(multi_avg_fn=get_ema_multi_avg_fn(decay))
