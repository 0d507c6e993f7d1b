"""Runs of one configuration and code are one variant, and its label says what sets it apart."""

from pathlib import Path
from typing import Any

from project.results.variants import differences, identity_of
from tests.results.stored_runs import read, variants, write_disk_run, write_run

ADAM = {"_target_": "lab.Adam", "lr": 1.0, "betas": [0.9, 0.999]}
EMA = {"ema": {"_target_": "lab.EMA", "decay": 0.9}}


def labels(outputs: Path, defaults: dict[str, Any] | None = None) -> list[str]:
    return [
        each.label
        for each in variants(outputs, defaults=(lambda config: defaults) if defaults else None)
    ]


def test_a_variant_holds_its_completed_runs_by_seed_and_the_others_apart(tmp_path: Path) -> None:
    for seed, status in ((10, "completed"), (2, "completed"), (3, "failed"), (1, "running")):
        write_run(tmp_path, seed=seed, status=status, diverged=True)
    (found,) = variants(tmp_path)
    assert found.seeds == [2, 10]
    assert [(run.seed, run.status) for run in found.unfinished] == [(1, "running"), (3, "failed")]
    assert [run.seed for run in found.all_runs] == [1, 2, 3, 10]
    assert (found.diverged, found.prefix, found.anchor) == (1, "ws_al", found.name)
    assert found.values("test/error") == [0.2, 0.2]
    assert found.values("test/auc") is None


def test_a_label_holds_the_keys_in_which_variants_of_that_model_differ_and_no_others(
    tmp_path: Path,
) -> None:
    write_run(tmp_path, optimizer__lr=0.5, data__shuffle=True)
    write_run(tmp_path, optimizer__lr=0.5, data__shuffle=False)
    write_run(tmp_path, optimizer__lr=0.05, data__shuffle=False)
    write_run(tmp_path, model="basic", data__batch_size=50)
    assert labels(tmp_path) == [
        "basic",
        "ws_al data.shuffle=false optimizer.lr=0.05",
        "ws_al data.shuffle=false optimizer.lr=0.5",
        "ws_al data.shuffle=true optimizer.lr=0.5",
    ]


def test_a_label_holds_what_differs_from_the_models_own_defaults(tmp_path: Path) -> None:
    write_run(tmp_path)
    (run,) = read(tmp_path)
    defaults = identity_of(run.config) | {"trainer.max_epochs": 150}
    assert labels(tmp_path, defaults) == ["ws_al trainer.max_epochs=2"]
    write_run(tmp_path, trainer__max_epochs=150)
    write_run(tmp_path, trainer__max_epochs=150, callbacks=EMA)
    assert labels(tmp_path, defaults) == [
        "ws_al trainer.max_epochs=2",
        "ws_al trainer.max_epochs=150",
        "ws_al +callbacks.ema trainer.max_epochs=150",
    ]


def test_what_most_of_four_or_more_variants_have_goes_without_saying(tmp_path: Path) -> None:
    whole: dict[str, Any] = {"callbacks": EMA, "scheduler": {"_target_": "lab.Cycle", "start": 0.2}}
    write_run(tmp_path, **whole)
    write_run(tmp_path, **whole | {"scheduler": None})
    write_run(tmp_path, **whole | {"callbacks": {}})
    write_run(tmp_path, **whole, data__shuffle=True)
    assert sorted(labels(tmp_path)) == [
        "ws_al", "ws_al callbacks.ema=null", "ws_al data.shuffle=true", "ws_al scheduler=null",
    ]  # fmt: skip


def test_numbers_are_ordered_by_size_and_one_number_has_one_spelling(tmp_path: Path) -> None:
    for lr in (10, 2.0, 0.5):
        write_run(tmp_path, optimizer__lr=lr)
    write_run(tmp_path, seed=1, optimizer__lr=2)
    assert labels(tmp_path) == [f"ws_al optimizer.lr={lr}" for lr in ("0.5", "2", "10")]


def test_another_optimizer_is_named_without_the_keys_that_only_it_has(tmp_path: Path) -> None:
    write_run(tmp_path)
    write_run(tmp_path, optimizer=ADAM)
    assert labels(tmp_path) == ["ws_al optimizer=Adadelta", "ws_al optimizer=Adam"]
    write_run(tmp_path, optimizer=ADAM | {"betas": [0.8, 0.999]})
    assert labels(tmp_path)[1:] == [
        "ws_al optimizer=Adam optimizer.betas=[0.8,0.999]",
        "ws_al optimizer=Adam optimizer.betas=[0.9,0.999]",
    ]


def test_a_key_at_its_classs_default_is_not_said_and_equal_labels_are_told_apart(
    tmp_path: Path,
) -> None:
    write_run(tmp_path)
    write_run(tmp_path, model__dropout=0.5)
    assert labels(tmp_path) == ["ws_al", "ws_al model.dropout=0.5"]
    # Labels that would be the same: of names that would obey a terminal only a sign is left.
    write_run(tmp_path, model="b", model__text="\x1b")
    write_run(tmp_path, model="b", model__text="\x00")
    assert [each.rpartition(" (")[0] for each in labels(tmp_path)[:2]] == [
        "b model.text=\ufffd"
    ] * 2


def test_data_sets_are_told_apart_and_places_are_no_settings(tmp_path: Path) -> None:
    write_run(tmp_path)
    write_run(tmp_path, seed=1, paths={"outputs": "elsewhere", "data": "here"}, notes="x")
    write_run(tmp_path, seed=2, data__source="npm", tags=["y"])
    write_run(tmp_path, data__dataset="mnist_5k")
    found = variants(tmp_path)
    assert [(each.label, each.seeds) for each in found] == [
        ("ws_al", [0, 1, 2]), ("ws_al-mnist_5k", [0]),
    ]  # fmt: skip


def test_a_source_of_chance_that_is_held_fixed_is_a_setting(tmp_path: Path) -> None:
    write_run(tmp_path)
    write_run(tmp_path, seeds={"data": None, "init": 1000, "order": None})
    assert labels(tmp_path) == ["ws_al", "ws_al seeds.init=1000"]


def test_disk_runs_are_labelled_by_the_same_rules(tmp_path: Path) -> None:
    write_disk_run(tmp_path, lr=0.1)
    write_disk_run(tmp_path, lr=0.05)
    write_disk_run(tmp_path, activation="relu")
    assert labels(tmp_path) == ["disk_relu", "disk_tanh lr=0.05", "disk_tanh lr=0.1"]


def test_runs_of_other_code_are_a_variant_of_their_own_unless_accepted(tmp_path: Path) -> None:
    for seed in range(3):
        write_run(tmp_path, seed=seed)
    other = {"code": {"digest": "0dd" + "0" * 61}}
    write_run(tmp_path, seed=3, origin=other)
    write_run(tmp_path, seed=4, origin=other | {"code_accepted": True})
    write_run(tmp_path, seed=5, status="running", origin={"code": None})
    name = read(tmp_path)[0].variant
    found = variants(tmp_path)
    digits = name.removeprefix("ws_al-")
    assert [(each.label, [run.seed for run in each.all_runs]) for each in found] == [
        (f"ws_al ({digits}, code 0dd00000)", [3]),
        (f"ws_al ({digits}, code c0dec0de)", [0, 1, 2, 4, 5]),
    ]
    assert [each.anchor for each in found] == [f"{name}-0dd00000", f"{name}-c0dec0de"]
    (mixed,) = variants(tmp_path, mix_code=True)
    assert (mixed.label, mixed.anchor, mixed.seeds) == ("ws_al", name, [0, 1, 2, 3, 4])


def test_a_section_that_is_exchanged_or_missing_is_one_difference(tmp_path: Path) -> None:
    write_run(tmp_path, model="a", optimizer__lr=0.5, model__dropout=0.1)
    write_run(tmp_path, model="b", optimizer=ADAM, scheduler={"_target_": "lab.Cycle", "start": 1})
    a, b = (each.settings for each in variants(tmp_path))
    assert differences(a, b) == {
        "model.dropout": ("0.1", "default"),
        "optimizer": ("Adadelta", "Adam"),
        "scheduler": ("null", "Cycle"),
    }
    assert differences(a, a) == {}
