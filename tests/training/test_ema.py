"""The average is that of the weights after every step, and it answers in validation and test."""

from pathlib import Path
from typing import Any

import pytest
import torch

from project.training.ema import EMA
from tests.training import strangers
from tests.training.runs import checkpoint, classify_config, train

NAME = "layers.0.weight"


def test_the_average_is_that_of_the_steps_and_it_answers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Reckoned once more from the weights after every step."""
    steps: list[torch.Tensor] = []
    answered: dict[str, list[torch.Tensor]] = {"validation": [], "test": []}

    def weights(module: Any) -> torch.Tensor:
        return module.net.get_parameter(NAME).detach().clone()

    def keep(module: Any, optimizer: Any) -> None:
        steps.append(weights(module))

    monkeypatch.setattr(strangers.Classify, "on_before_zero_grad", keep)
    for stage, found in answered.items():

        def spy(module: Any, *rest: Any, found: list[torch.Tensor] = found) -> None:
            found.append(weights(module))

        monkeypatch.setattr(strangers.Classify, f"on_{stage}_batch_start", spy)
    ema = {"ema": {"_target_": "project.training.ema.EMA", "decay": 0.8}}
    directory = train(classify_config(tmp_path, callbacks=ema))
    stored = checkpoint(directory)
    last = stored["current_model_state"][f"net.{NAME}"]
    after = [*steps[1:], last]  # seen before each step, so after the one before it
    average, of_epochs = after[0], []
    for number, each in enumerate(after, 1):
        average = 0.8 * average + 0.2 * each if number > 1 else average
        of_epochs += [average] * (number % 3 == 0)
    for epoch in range(3):
        for seen in answered["validation"][3 * epoch : 3 * epoch + 3]:
            assert torch.allclose(seen, of_epochs[epoch], rtol=0, atol=1e-6)
    assert len(answered["test"]) == 3
    for seen in (*answered["test"], stored["state_dict"][f"net.{NAME}"]):
        assert torch.allclose(seen, average, rtol=0, atol=1e-6)
    assert not torch.allclose(average, last, rtol=0, atol=1e-3)


@pytest.mark.parametrize("decay", [-0.1, 1.0])
def test_a_decay_out_of_range_is_refused(decay: float) -> None:
    with pytest.raises(ValueError, match=rf"decay must be in \[0, 1\), got {decay}"):
        EMA(decay)
