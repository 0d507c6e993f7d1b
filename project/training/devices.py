"""Check that the devices a run asks for exist on this machine."""

import torch

from project.config.errors import ConfigurationError
from project.config.schema import Trainer
from project.runs.provenance import available_cores


def check_devices(trainer: Trainer) -> None:
    """Raise ConfigurationError if this machine lacks the accelerator or the number of devices."""
    asked = f"trainer.devices={trainer.devices}"
    if trainer.accelerator in ("gpu", "cuda", "mps"):
        current = torch.accelerator.current_accelerator(check_available=True)
        wanted = ("cuda", "mps") if trainer.accelerator == "gpu" else (trainer.accelerator,)
        if current is None or current.type not in wanted:
            raise ConfigurationError(
                f"trainer.accelerator={trainer.accelerator}: torch sees none on this machine; use "
                "trainer=cpu"
            )
        count = torch.accelerator.device_count()
        if trainer.devices > count:
            raise ConfigurationError(f"{asked}: torch sees {count} on this machine")
    # Two CPU processes are allowed on any machine, for trying them out.
    elif trainer.devices > (most := max(2, available_cores())):
        raise ConfigurationError(
            f"{asked}: on CPUs a device is a process, which needs a core; at most {most} here"
        )
