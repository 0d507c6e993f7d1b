"""Training a small net on small data."""

import functools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from project.data.pairs import PairsDataModule
from project.runs.identity import Run
from project.training.fit import Outcome, Training, fit
from project.runs.interruption import StopFlag
from project.training.module import Augmentation, ScheduleFactory
from tests.training.small_runs import EPOCHS, Train, siamese


@pytest.fixture
def train(make_pairs: Callable[..., PairsDataModule], tmp_path: Path) -> Train:
    """Trains into `tmp_path / name`, in a new process's place: all objects are made anew."""

    def run(
        name: str,
        seed: int = 0,
        stop: StopFlag | None = None,
        make_net: Callable[[], nn.Module] = siamese,
        max_epochs: int = EPOCHS,
        images: bool = True,
        checkpoint_share: float = 1.0,
        devices: int = 1,
        schedule_factory: ScheduleFactory | None = None,
        augmentation: Augmentation | None = None,
        averaging_decay: float | None = None,
        label_smoothing: float = 0.0,
        **data: Any,
    ) -> Outcome:
        directory = tmp_path / name
        directory.mkdir(exist_ok=True)
        training = Training(
            net=make_net(),
            data=make_pairs(seed=seed, **data),
            optimizer_factory=functools.partial(torch.optim.Adadelta, lr=1.0),
            auxiliary_weight=1.0,
            init_seed=seed,
            noise_seed=seed,
            max_epochs=max_epochs,
            accelerator="cpu",
            devices=devices,
            threads=1,
            schedule_factory=schedule_factory,
            augmentation=augmentation,
            averaging_decay=averaging_decay,
            label_smoothing=label_smoothing,
        )
        return fit(
            training,
            run=Run("siamese", {"optimizer": {"lr": 1.0}}, seed),
            directory=directory,
            images=images,
            checkpoint_share=checkpoint_share,
            show_progress=False,
            stop=stop or StopFlag(),
        )

    return run
