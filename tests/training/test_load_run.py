"""A completed run is opened with its own weights on its own data, or refused clearly."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from project.config.errors import ConfigurationError, ConflictError
from project.config.identity import identify
from project.data import mnist
from project.data.mnist import DataError, Prepared
from project.runs.record import CorruptRunError, NoRunError
from project.training.checkpoint import LAST, CheckpointError
from project.training.load_run import LoadedRun, load_run
from tests.small_runs import record
from tests.training.runs import own_config, train


def change_record(run: Path, **changes: Any) -> None:
    (run / "run.json").write_text(json.dumps(record(run) | changes))


def change_code(run: Path) -> None:
    """Let the run say that another version of its net has trained it."""
    sources = record(run)["provenance"]
    sources["code"]["digest"] = "0" * 64
    sources["code"]["definitions"]["project.models.basic:Basic"] = "0" * 64
    change_record(run, provenance=sources)


def test_the_net_errs_as_often_as_the_record_says(finished_run: Path) -> None:
    loaded = load_run(finished_run)
    data: Any = loaded.data()
    assert loaded.name == f"{finished_run.parent.name}/seed_0"
    with torch.inference_mode():
        for stage, pairs in (("val", data.val), ("test", data.test)):
            wrong = loaded.net()(pairs.images).comparison.argmax(1) != pairs.target
            metric = loaded.record["metrics"][f"{stage}/error"]
            assert wrong.float().mean().item() == pytest.approx(metric)
    assert not loaded.net().training


def test_opening_and_using_a_run_changes_no_file(finished_run: Path, tmp_path: Path) -> None:
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")}
    loaded = load_run(finished_run)
    loaded.net()
    loaded.task()
    loaded.data()
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")} == before


def test_a_task_that_brings_its_own_net_is_opened_as_a_whole(tmp_path: Path) -> None:
    directory = train(own_config(tmp_path))
    loaded = load_run(directory)
    weights = torch.load(directory / LAST, weights_only=True)["state_dict"]
    task = loaded.task()
    assert all(torch.equal(each, weights[name]) for name, each in task.state_dict().items())
    with pytest.raises(ConfigurationError, match="task=own brings its own net"):
        loaded.net()


def test_pixels_can_be_had_as_they_are(finished_run: Path) -> None:
    loaded = load_run(finished_run)
    own: Any = loaded.data()
    plain: Any = loaded.data(normalise=False)
    assert (own.mean, own.std) == pytest.approx(
        (plain.train.images.mean().item(), plain.train.images.std().item())
    )
    assert torch.equal((plain.val.images - own.mean) / own.std, own.val.images)
    assert (plain.mean, plain.std) == (0, 1)


@pytest.mark.parametrize("status", ["running", "interrupted", "failed"])
def test_a_run_that_is_not_completed_is_refused(finished_run: Path, status: str) -> None:
    change_record(finished_run, status=status)
    with pytest.raises(NoRunError, match=f"holds a run that is {status}, not completed;"):
        load_run(finished_run)


def test_what_is_no_run_of_this_command_is_refused(finished_run: Path, tmp_path: Path) -> None:
    for directory in (tmp_path, tmp_path / "none", finished_run / "run.json"):
        with pytest.raises(NoRunError, match=r"holds no completed run, for there is no run\.json"):
            load_run(directory)
    change_record(finished_run, command="disk")
    with pytest.raises(NoRunError, match=r"is not a run of project\.train"):
        load_run(finished_run)


def test_a_damaged_record_is_named(finished_run: Path) -> None:
    config = record(finished_run)["config"]
    change_record(finished_run, config=config | {"seed": 4})
    with pytest.raises(CorruptRunError, match=r"describes .*/seed_4, but its record is of .*/seed"):
        load_run(finished_run)
    change_record(finished_run, config={"model": []})
    with pytest.raises(
        CorruptRunError, match="its configuration is not valid in this version of the code"
    ):
        load_run(finished_run)
    (finished_run / "run.json").write_text("{")
    with pytest.raises(CorruptRunError, match=r"run\.json is damaged"):
        load_run(finished_run)


def flipped(content: bytes) -> bytes:
    middle = len(content) // 2
    return content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :]


@pytest.mark.parametrize("damage", [None, lambda content: b"", flipped], ids=["gone", "0", "bit"])
def test_without_its_last_checkpoint_a_run_has_no_net(
    finished_run: Path, damage: Callable[[bytes], bytes] | None
) -> None:
    """previous.ckpt is there, and is another net than the one whose errors are on record."""
    path = finished_run / LAST
    assert (finished_run / "previous.ckpt").exists()
    content = path.read_bytes()
    path.unlink()
    if damage:
        path.write_bytes(damage(content))
    with pytest.raises(CheckpointError, match=r"last\.ckpt cannot be loaded .* with rerun=true"):
        load_run(finished_run).net()


def test_weights_of_another_net_are_refused(finished_run: Path) -> None:
    checkpoint = torch.load(finished_run / LAST, weights_only=True)
    checkpoint["state_dict"].popitem()
    torch.save(checkpoint, finished_run / LAST)
    with pytest.raises(CheckpointError, match="cannot be loaded into the run's net"):
        load_run(finished_run).net()


def test_other_data_are_refused(finished_run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mnist, "prepare", lambda root, source: Prepared("mnist", "npm", "5" * 64))
    with pytest.raises(
        DataError, match=r"the data in .* are not those of .*set paths\.data to the"
    ):
        load_run(finished_run).data()


def test_the_data_folder_is_the_one_beside_the_runs_or_the_one_that_is_named(
    finished_run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Never the one that is stored, which another machine or a stranger may have written."""
    asked: list[Path] = []
    prepare = mnist.prepare

    def spy(root: Path, source: str) -> Prepared:
        asked.append(root)
        return prepare(root, source)

    monkeypatch.setattr(mnist, "prepare", spy)
    loaded = load_run(finished_run)
    loaded.config["data"]["root"] = loaded.config["paths"]["data"] = "/somewhere/else"
    loaded.data()
    loaded.data("mine")
    assert asked == [tmp_path / "outputs" / "data", Path("mine")]


@pytest.mark.parametrize(
    ("data", "folder", "found"),
    [
        # The platform's data, in the usual folder.
        ({"root": "usual", "prepare": "p"}, None, "/out/data"),
        ({"root": "usual", "prepare": "p"}, "mine", "mine"),
        ({"root": None, "prepare": "p"}, None, "/out/data"),
        # The platform's data elsewhere: it has to be said where they are now.
        ({"root": "elsewhere", "prepare": "p"}, "mine", "mine"),
        # A user's data module, whose root stays unless it was the usual folder.
        ({"root": "elsewhere"}, None, "elsewhere"),
        ({"root": "elsewhere"}, "mine", "elsewhere"),
        ({"root": "usual"}, "mine", "mine"),
    ],
)
def test_the_root_of_the_data_moves_with_them(
    data: dict[str, Any], folder: str | None, found: str
) -> None:
    config = {"data": data, "paths": {"data": "usual"}}
    loaded = LoadedRun(Path("/out/runs/net-1/seed_0"), {"config": config})
    place, section = loaded.find_data(folder)
    assert (place, section["root"]) == (folder or "/out/data", found)
    assert loaded.find_data(folder)[1].keys() == data.keys()


def test_the_platforms_data_in_a_folder_of_their_own_have_to_be_found() -> None:
    data = {"root": "elsewhere", "prepare": "p"}
    loaded = LoadedRun(Path("run"), {"config": {"data": data, "paths": {"data": "usual"}}})
    with pytest.raises(ConfigurationError, match=r"data were in elsewhere; pass paths.data=FOLDER"):
        loaded.find_data(None)


def test_weights_of_other_code_are_refused_unless_they_are_accepted(finished_run: Path) -> None:
    net = load_run(finished_run).net()
    change_code(finished_run)
    with pytest.raises(ConflictError) as error:
        load_run(finished_run)
    assert error.value.exit_code == 4
    assert "was trained with code that has changed since (project.models.basic.Basic);" in str(
        error.value
    )
    assert "code=accept" in str(error.value)
    accepted = load_run(finished_run, accept_code=True).net()
    assert all(map(torch.equal, net.state_dict().values(), accepted.state_dict().values()))


@pytest.mark.parametrize(
    "change",
    [
        {"model": {"_target_": "subprocess.Popen", "args": ["touch", "{proof}"]}},
        {"data": {"_target_": "project.data.mnist_pairs.MnistPairs", "prepare": "os.system"}},
        {"task": {"_target_": "project.tasks.digit_pairs.DigitPairs",
                  "auxiliary_weight": {"_target_": "os.mkdir", "path": "{proof}"}}},
        {"model": {"_target_": "project.models.Basic", "hidden": "${oc.env:HOME}"}},
    ],
)  # fmt: skip
def test_a_strangers_configuration_is_not_built(
    finished_run: Path, tmp_path: Path, change: dict[str, Any]
) -> None:
    """Its hash and its record are made to fit."""
    proof = tmp_path / "proof"
    text = json.dumps(record(finished_run)["config"] | {
        key: {"name": record(finished_run)["config"][key]["name"]} | section
        for key, section in change.items()
    })  # fmt: skip
    config = json.loads(text.replace("{proof}", str(proof)))
    run = identify(config)
    change_record(finished_run, config=config, name=run.name, variant=run.hash)
    with pytest.raises(ConflictError, match="if you trust it, pass trust_code=true") as error:
        load_run(finished_run, accept_code=True)
    assert error.value.exit_code == 4
    assert not proof.exists()
