"""`engine=framework`: a run like every other, next to torch's run of the same seed."""

import re
from pathlib import Path
from typing import Any

import pytest
import torch

from project.config.compose import compose
from project.config.errors import ConfigurationError
from project.config.identity import identify
from project.runs.prepare import prepare_run
from project.training.components import build_components
from project.training.load_run import load_run
from tests.small_runs import SIAMESE, only_run, record, run_siamese, run_small, type_command
from tests.training.runs import kill_at_each_checkpoint, result, train

NETS = ("basic", "ws_al", "ws_al_do", "ws_al_bn", "ws_al_bn_do", "resnet", "ws_al_early")
OURS = "engine=framework"


def composed(tmp_path: Path, *words: str) -> dict[str, Any]:
    return compose("train", [*SIAMESE, f"paths.outputs={tmp_path}", *words])


def first_losses(config: dict[str, Any], steps: int) -> list[float]:
    """The training losses of the first steps of a run, without the trainer around it."""
    components = build_components(config)
    task: Any = components.task
    optimizer = task.configure_optimizers()
    task.optimizers = lambda: optimizer
    components.data.prepare_data()
    components.data.setup("fit")
    losses = []
    for number, batch in zip(range(steps), components.data.train_dataloader(), strict=False):
        torch.manual_seed(number)
        loss = task.training_step(batch, number)
        if task.automatic_optimization:
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        losses.append(loss.item())
    return losses


@pytest.mark.parametrize("model", NETS)
def test_both_engines_begin_with_the_same_weights_batches_and_masks(
    model: str, small_mnist: Path, tmp_path: Path
) -> None:
    """Rounding in float32 may make later steps differ; the first two it cannot."""
    small = [word for word in SIAMESE if word.startswith("data")]
    losses = [
        first_losses(compose("train", [f"model={model}", *small, f"engine={engine}"]), 2)
        for engine in ("torch", "framework")
    ]
    assert losses[1] == pytest.approx(losses[0], rel=1e-4)
    assert losses[0][0] != pytest.approx(losses[0][1], rel=1e-5)  # the step has changed something


@pytest.mark.parametrize("optimizer", ["sgd", "adam", "adamw", "adadelta"])
def test_both_engines_have_the_same_optimizers(
    optimizer: str, small_mnist: Path, tmp_path: Path
) -> None:
    losses = [
        first_losses(composed(tmp_path, f"optimizer={optimizer}", f"engine={engine}"), 2)
        for engine in ("torch", "framework")
    ]
    assert losses[1] == pytest.approx(losses[0], rel=1e-4)


def test_torch_is_the_default_and_outside_the_identity(tmp_path: Path) -> None:
    plain, typed, ours = (
        identify(composed(tmp_path, *words)) for words in ([], ["engine=torch"], [OURS])
    )
    assert plain.hash == typed.hash != ours.hash
    assert plain.settings.items() <= ours.settings.items()
    assert ours.settings.keys() - plain.settings.keys() == {"engine"}


def test_the_fingerprint_is_of_the_frameworks_code(small_mnist: Path, tmp_path: Path) -> None:
    definitions = prepare_run(composed(tmp_path, OURS)).code["definitions"]
    assert "project.framework.conv2d:Conv2d" in definitions
    assert "project.tasks.framework_pairs:FrameworkPairs" in definitions
    assert (
        "project.framework.conv2d:Conv2d" not in prepare_run(composed(tmp_path)).code["definitions"]
    )


def test_a_killed_run_of_the_framework_ends_as_one_that_was_left_alone(
    small_mnist: Path, tmp_path: Path
) -> None:
    """With dropout, batch statistics and what Adadelta remembers."""
    words = (OURS, "trainer.max_epochs=3")
    whole = train(composed(tmp_path / "whole", *words))
    deaths = kill_at_each_checkpoint(composed(tmp_path / "disturbed", *words))
    assert deaths == 3
    assert result(only_run(tmp_path / "disturbed")) == result(whole)


def test_the_same_command_verifies_predicts_and_reports(small_mnist: Path, tmp_path: Path) -> None:
    assert run_siamese(tmp_path, OURS).exit_code == 0
    directory = only_run(tmp_path)
    assert run_siamese(tmp_path).exit_code == 0
    verified = type_command("project.train", f"verify={directory}")
    assert "the same bits when repeated" in verified.output, verified.errors
    torchs = next(each for each in directory.parents[1].glob("*/seed_0") if each != directory)
    ours, theirs = record(directory), record(torchs)
    assert ours["parameters"] == theirs["parameters"]
    assert ours["metrics"].keys() == theirs["metrics"].keys()
    words = (f"paths.outputs={tmp_path}", "columns=[]")
    page = type_command("project.report.__main__", *words)
    assert page.exit_code == 0, page.errors
    html = (tmp_path / "report" / "index.html").read_text()
    assert "trained by torch and by the mini framework" in html
    assert "Differences at each seed" in html


def test_the_trained_net_opens_as_its_twin_in_torch(small_mnist: Path, tmp_path: Path) -> None:
    """So that it predicts and is exported like any other."""
    run_siamese(tmp_path, OURS)
    loaded = load_run(only_run(tmp_path))
    pairs = torch.rand(5, 2, 14, 14)
    theirs, ours = loaded.net(), loaded.task()
    assert type(theirs).__module__.startswith("project.models")
    with torch.no_grad():
        for one, other in zip(theirs(pairs).digits, ours(pairs).digits, strict=True):
            assert torch.allclose(one, other, atol=1e-5)
        assert torch.allclose(theirs(pairs).comparison, ours(pairs).comparison, atol=1e-5)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (
            ["model.framework_target=null"],
            "engine=framework: model=basic has no model.framework_target",
        ),
        (["optimizer=rmsprop"], "optimizer has no optimizer.framework_target"),
        (["scheduler=cosine"], "has no learning rate schedules; use scheduler=constant"),
        (["trainer.devices=2"], "trainer.devices=2 is not supported"),
        (["trainer.gradient_clip_val=1.0"], "trainer.gradient_clip_val=1.0 is not supported"),
        (["trainer.accumulate_grad_batches=2"], "accumulate_grad_batches=2 is not supported"),
        (["trainer.precision=bf16-mixed"], "trainer.precision=bf16-mixed is not supported"),
        (["trainer.accelerator=auto"], "trainer.accelerator=auto is not supported"),
        (["optimizer.no_weight_decay=[bias]"], r"optimizer.no_weight_decay=\['bias'\] is not"),
        (["task.label_smoothing=0.1"], "label_smoothing must be 0 with engine=framework"),
    ],
)
def test_what_the_framework_would_leave_out_is_refused(
    words: list[str], message: str, small_mnist: Path, tmp_path: Path
) -> None:
    end = run_small(tmp_path, OURS, *words)
    assert end.exit_code == 2
    assert re.search(message, end.errors), end.errors
    assert not list(tmp_path.glob("runs/*/seed_*/history.csv"))


def test_an_unknown_engine_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="engine"):
        prepare_run(composed(tmp_path, "engine=jax"))
