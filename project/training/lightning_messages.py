"""Messages of Lightning's about things that are as they should be here."""

import logging
import warnings

IGNORED = (
    ".*does not have many workers.*",
    # A data module may have no validation examples on purpose.
    ".*Total length of `list` across ranks is zero.*",
    # Curves are written once an epoch.
    ".*smaller than the logging interval.*",
    # Lightning 2.6 uses a class that torch 2.14 means to remove.
    ".*LeafSpec.*is deprecated.*",
    # Weights alone are loaded for the test.
    ".*callbacks used to create the checkpoint need to.*",
    # Means over all processes are taken before they are logged.
    ".*recommended to use .self.log.*sync_dist=True.*",
    ".*WeightAveraging callback, but loading a checkpoint outside.*",
    ".*Checkpoint directory .* exists and is not empty.*",
)


def quiet_lightning() -> None:
    """Leave them out."""
    for name in ("pytorch_lightning", "lightning_fabric", "lightning.pytorch"):
        logging.getLogger(name).setLevel(logging.WARNING)
    for message in IGNORED:
        warnings.filterwarnings("ignore", message=message)
