"""`init_from`: a run starts from another's weights, and its name says from which."""

import shutil
from pathlib import Path

import pytest
import torch

from project.config.compose import compose
from project.runs.prepare import prepare_run
from project.runs.spec import RunSpec
from project.training.checkpoint import LAST, AtomicCheckpointIO, weights_digest
from tests.small_runs import IMAGES, record, run_directories, run_images, type_command
from tests.training.runs import kill_at_each_checkpoint, own_config, result, train

pytest.importorskip("sklearn")


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The directory of a variant with completed runs at the seeds 0 and 1."""
    outputs = tmp_path_factory.mktemp("source")
    for seed in (0, 1):
        assert run_images(outputs, f"seed={seed}").exit_code == 0
    return run_directories(outputs)[0].parent


def new_run(outputs: Path, *words: str) -> Path:
    """Carry out a run; return the directory that has come into being."""
    before = set(run_directories(outputs))
    end = run_images(outputs, *words)
    assert end.exit_code == 0, end.errors
    (directory,) = set(run_directories(outputs)) - before
    return directory


def refusal(outputs: Path, *words: str) -> tuple[int, str]:
    end = run_images(outputs, *words)
    assert not any(path.is_file() for path in outputs.rglob("*"))
    assert end.errors.count("\n") == 1
    return end.exit_code, end.errors.removeprefix("error: ").strip()


def state(directory: Path) -> dict[str, torch.Tensor]:
    return AtomicCheckpointIO().load_checkpoint(directory / LAST)["state_dict"]


def test_without_a_step_the_weights_are_those_of_the_other_run(
    source: Path, tmp_path: Path
) -> None:
    directory = new_run(tmp_path, f"init_from={source / 'seed_1'}", "optimizer.lr=0.0")
    own, other = state(directory), state(source / "seed_1")
    assert own.keys() == other.keys()
    assert all(torch.equal(own[name], other[name]) for name in own)


def prepared(*words: str) -> RunSpec:
    return prepare_run(compose("train", [*IMAGES, *words]))


def test_a_run_is_known_by_its_weights_and_a_variant_by_its_hash(source: Path) -> None:
    of_run = [prepared(f"init_from={source / 'seed_0'}", f"seed={seed}") for seed in (0, 5)]
    of_other = prepared(f"init_from={source / 'seed_1'}")
    of_variant = [prepared(f"init_from={source}", f"seed={seed}") for seed in (0, 1)]
    each = (prepared(), of_run[0], of_other, of_variant[0])
    assert len({spec.run.variant for spec in each}) == 4
    assert of_run[0].run.variant == of_run[1].run.variant
    assert of_variant[0].run.variant == of_variant[1].run.variant
    assert of_run[1].config["init_from"] == {
        "run": str(source / "seed_0"),
        "source": f"{source.name}/seed_0",
        "weights_sha256": weights_digest(source / "seed_0" / LAST),
        "variant": None,
    }
    for seed, spec in enumerate(of_variant):
        section = spec.config["init_from"]
        assert section["variant"] == record(source / "seed_0")["variant"]
        assert section["source"] == f"{source.name}/seed_{seed}"
        assert section["weights_sha256"] == record(source / f"seed_{seed}")["weights_sha256"]


def test_where_the_other_run_lies_does_not_matter(source: Path, tmp_path: Path) -> None:
    directory = new_run(tmp_path, f"init_from={source / 'seed_0'}")
    copy = tmp_path / "elsewhere" / source.name
    shutil.copytree(source, copy)
    end = run_images(tmp_path, f"init_from={copy / 'seed_0'}")
    assert end.output.startswith(f"{directory.parent.name}/seed_0: already completed")


def test_killed_at_each_epoch_it_ends_as_one_left_alone(source: Path, tmp_path: Path) -> None:
    directory = new_run(tmp_path / "whole", f"init_from={source}")
    config = record(directory)["config"]
    config["paths"]["outputs"] = str(tmp_path / "killed")
    assert kill_at_each_checkpoint(config) == 2
    killed = run_directories(tmp_path / "killed")[0]
    assert result(killed) == result(directory)


def test_it_can_be_repeated_where_the_other_run_stands_beside_it(
    source: Path, tmp_path: Path
) -> None:
    shutil.copytree(source, tmp_path / "runs" / source.name)
    directory = new_run(tmp_path, f"init_from={tmp_path / 'runs' / source.name}", "seed=1")
    end = type_command("project.train", f"verify={directory}")
    assert end.exit_code == 0
    assert "the same bits when repeated" in end.output
    shutil.rmtree(tmp_path / "runs" / source.name)
    end = type_command("project.train", f"verify={directory}")
    assert end.exit_code == 2
    assert "holds no completed run of project.train" in end.errors


def test_what_is_no_completed_run_is_refused(source: Path, tmp_path: Path) -> None:
    nowhere = tmp_path / "nowhere"
    code, message = refusal(tmp_path, f"init_from={nowhere}")
    assert (code, message) == (
        2,
        f"init_from={nowhere}: {nowhere} holds no completed run of project.train; name a run "
        "(outputs/runs/<variant>/seed_<k>), or a variant's directory for the run of the same seed",
    )
    code, message = refusal(tmp_path, f"init_from={source}", "seed=2")
    assert (code, message.partition(";")[0]) == (
        2,
        f"init_from={source}: {source}/seed_2 holds no completed run of project.train",
    )


def test_weights_of_another_net_are_refused_before_anything_trains(
    source: Path, tmp_path: Path
) -> None:
    code, message = refusal(tmp_path, f"init_from={source / 'seed_0'}", "model.hidden=[9]")
    assert code == 2
    assert message.startswith(f"init_from={source / 'seed_0'}: its weights are of another net: ")
    assert all(f"size mismatch for layers.{n}.weight" in message for n in (1, 4))


def test_weights_that_are_not_those_on_record_are_refused(source: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy" / source.name
    shutil.copytree(source, copy)
    shutil.copy(copy / "seed_1" / LAST, copy / "seed_0" / LAST)
    end = run_images(tmp_path / "outputs", f"init_from={copy / 'seed_0'}")
    assert end.exit_code == 3
    assert "are not those on record" in end.errors
    (copy / "seed_0" / LAST).write_bytes(b"no checkpoint")
    end = run_images(tmp_path / "outputs", f"init_from={copy / 'seed_0'}")
    assert end.exit_code == 3
    assert not (tmp_path / "outputs").exists()


def test_a_task_that_brings_its_own_net_gets_all_of_the_weights(tmp_path: Path) -> None:
    first = train(own_config(tmp_path))
    config = own_config(tmp_path, init_from=str(first), trainer={"max_epochs": 1}, seed=1)
    second = train(config)
    assert record(second)["config"]["init_from"]["source"] == record(first)["name"]
    assert not torch.equal(*(next(iter(state(each).values())) for each in (first, second)))
