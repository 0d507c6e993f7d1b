"""The end of a message: the key that was meant, or nothing rather than a wrong one."""

import pytest

from project.config.errors import suggest

KNOWN = [
    "seed", "optimizer.lr", "optimizer.weight_decay", "trainer.max_epochs", "trainer.profiler",
    "data.batch_size", "data.train_pairs", "model.dropout_conv", "hydra.launcher.n_jobs",
    "hydra.job", "rerun",
]  # fmt: skip


@pytest.mark.parametrize(
    ("key", "near"),
    [
        ("sed", "seed"),
        ("optimizer.lrr", "optimizer.lr"),
        ("optimzer.lr", "optimizer.lr"),
        ("data.train_pair", "data.train_pairs"),
        ("model.dropout", "model.dropout_conv"),
        ("hydra.lancher.jobs", "hydra.launcher.n_jobs"),
        ("hydra.launcher.job", "hydra.launcher.n_jobs"),
        # The right name in the wrong place.
        ("lr", "optimizer.lr"),
        ("model.batch_size", "data.batch_size"),
        ("max_epochs", "trainer.max_epochs"),
        # A key inside of one that is no section.
        ("rerun.x", "rerun"),
    ],
)
def test_a_key_that_is_near_is_named(key: str, near: str) -> None:
    assert suggest(key, KNOWN) == f"; did you mean '{near}'?"


@pytest.mark.parametrize("key", ["zzz", "trainer.foo", "model", "code", "data.p"])
def test_where_none_is_near_all_are_named(key: str) -> None:
    assert suggest(key, KNOWN) == f"; known: {', '.join(sorted(KNOWN))}"


def test_a_list_that_nobody_would_read_is_left_out() -> None:
    assert suggest("zzz", [f"key_{number}" for number in range(30)]) == ""
    assert suggest("zzz", []) == ""
