"""The exponential moving average of the weights, which answers in the place of the last ones."""

from pytorch_lightning import LightningModule, Trainer
from pytorch_lightning.callbacks import WeightAveraging
from torch.optim.swa_utils import get_ema_multi_avg_fn


class AveragedWeights(WeightAveraging):
    """After every step, average = decay * average + (1 - decay) * weights.

    Batch norm's statistics are averaged likewise. Validation and test see the average, and so does
    whoever opens the checkpoint: it stands there as `state_dict`, the weights that training goes
    on with as `current_model_state`.
    """

    def __init__(self, decay: float) -> None:
        super().__init__(multi_avg_fn=get_ema_multi_avg_fn(decay))

    def on_fit_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        # Lightning's on_train_end does it, but is left out for a run that was killed after its
        # last epoch and has only to be tested.
        self._copy_average_to_current(pl_module)
