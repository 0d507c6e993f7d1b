"""Claims: sound experiments of another form than most do not fail a check."""

import pytest

from project.checks.run import run_checks
from tests.checks.checking import by_name, candidate_of

UNUSUAL = "tests.checks.unusual"


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize(
    "words",
    [
        [f"task._target_={UNUSUAL}.ManualSteps", "optimizer=none"],
        [f"task._target_={UNUSUAL}.Named", f"data._target_={UNUSUAL}.NamedBlobs"],
        [f"data._target_={UNUSUAL}.Streamed"],
        [f"task._target_={UNUSUAL}.TwoLoaders", f"data._target_={UNUSUAL}.TwoBlobs"],
        ["trainer.precision=bf16-mixed", "trainer.accumulate_grad_batches=2"],
        ["callbacks=ema", "scheduler=one_cycle", "trainer.gradient_clip_val=1.0"],
        pytest.param(["trainer.threads=2"], marks=pytest.mark.long),
        ["trainer.devices=2"],
    ],
    ids=["manual", "dictionaries", "streams", "loaders", "precision", "ema", "threads", "devices"],
)
def test_it_passes(words: list[str]) -> None:
    with candidate_of(*words) as candidate:
        results = by_name(run_checks(candidate, lambda name: None, new_interpreter=False))
    assert {name: each.seen for name, each in results.items() if each.status == "failed"} == {}
    assert len(results) >= 27
