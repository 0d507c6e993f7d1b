"""A run directory from somebody else is data: nothing in it is executed, nothing else written.

Each hostile directory is made of a real completed run. Its configuration is changed, and the names,
hashes and fingerprints are made to fit, as somebody would who knows this project.
"""

import json
import os
import pickle
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from PIL import Image, ImageDraw

from project.config.errors import ConflictError
from project.config.identity import identify
from project.export import export
from project.predict import predict
from project.projector import show
from project.runs.code import fingerprint
from project.runs.prepare import deciding_targets
from project.runs.record import CorruptRunError
from project.training.load_run import load_run
from project.training.reproduce import reproduce
from tests.small_runs import only_run, record, type_command
from tests.watching import outside, watched

# In these, {marker} is a file that must never come into being, {outside} a folder to stay empty.
POPEN = {"_target_": "subprocess.Popen", "args": ["touch", "{marker}"]}
BY_TORCH = POPEN | {"_target_": "torch.utils.collect_env.subprocess.Popen"}
WRITER = {"_target_": "torch.utils.tensorboard.SummaryWriter", "log_dir": "{outside}/x"}
LOGGER = {"_target_": "pytorch_lightning.loggers.CSVLogger", "save_dir": "{outside}"}
TRUST = {
    "_target_": "project.training.reproduce.reproduce",
    "directory": "{other}", "words": [], "trust_code": True,
}  # fmt: skip
EVIL = """
from pathlib import Path
from project.models import Basic
Path("{marker}").touch()

class Net(Basic): ...

def prepare(section):
    return section, {{}}
"""

OWN = """
import torch
from project.models import Basic
from project.tasks.digit_pairs import DigitPairs

class Net(Basic): ...

class Task(DigitPairs): ...

def halving(optimizer, total_steps):
    return torch.optim.lr_scheduler.StepLR(optimizer, total_steps)
"""
OWN_SCHEDULER = {"_target_": "own.halving"}

Changes = dict[str, Any]

# By the section's place: what stands there in the stored configuration.
REFUSED: dict[str, Changes] = {
    # The class itself.
    "a program": {"model": POPEN},
    "a program by way of torch": {"model": BY_TORCH},
    "a program by way of this project": {
        "model": POPEN | {"_target_": "project.runs.provenance.subprocess.Popen"}
    },
    "a shell": {"model": {"_target_": "os.system", "command": "touch {marker}"}},
    "a builtin": {"model": {"_target_": "builtins.eval", "source": "open('{marker}', 'w')"}},
    "python code": {"model": {"_target_": "runpy.run_path", "path_name": "{evil}"}},
    "a file's end": {"model": {"_target_": "shutil.rmtree", "path": "{outside}"}},
    "a file's beginning": {"model": {"_target_": "logging.FileHandler", "filename": "{marker}"}},
    "a pickle": {"model": {"_target_": "pickle.Unpickler", "file": "{marker}"}},
    "numpy": {"model": {"_target_": "numpy.memmap", "filename": "{marker}", "mode": "w+",
                        "shape": [1]}},
    "a function of torch": {"model": {"_target_": "torch.save", "obj": 1, "f": "{marker}"}},
    "torch.load": {"model": {"_target_": "torch.load", "f": "{pickle}", "weights_only": False}},
    "torch.hub": {"model": {"_target_": "torch.hub.load", "repo_or_dir": "{outside}",
                            "model": "x", "source": "local"}},
    "a torch package": {"model": {"_target_": "torch.package.PackageImporter",
                                  "file_or_buffer": "{pickle}"}},
    "a writer of torch": {"model": WRITER},
    "a logger of Lightning": {"model": LOGGER},
    "a data set of torchvision": {"model": {"_target_": "torchvision.datasets.MNIST",
                                            "root": "{outside}", "download": True}},
    "a part of the platform": {"model": TRUST},
    "a class of this project in the wrong place": {"task": {"_target_": "project.models.Basic"}},
    # Objects in arguments.
    "a program in an argument": {"model.channels": POPEN},
    "a program in a list": {"model.channels": [4, POPEN]},
    "a program deep down": {"model.channels": {"a": [{"b": POPEN}]}},
    "a program by way of torch in an argument": {"model.channels": BY_TORCH},
    "a writer in an argument": {"model.hidden": WRITER},
    "a data set in an argument": {"data.batch_size": {
        "_target_": "torchvision.datasets.FakeData"}},
    "a function in an argument": {"model.hidden": {"_target_": "torch.set_num_threads",
                                                   "int": 64}},
    "the platform in an argument": {"model.hidden": TRUST},
    "our own data in an argument": {"model.hidden": {
        "_target_": "project.data.mnist_pairs.MnistPairs", "root": "{outside}"}},
    # Hydra's own keys.
    "_partial_": {"model._partial_": True},
    "_args_": {"model._args_": ["touch", "{marker}"]},
    "_recursive_ in an argument": {"model.channels": [{"_recursive_": False}]},
    "_convert_": {"task._convert_": "all"},
    # Interpolations and resolvers.
    "an interpolation": {"model.name_of": "${{oc.env:HOME}}"},
    "an interpolation in a list": {"model.channels": ["${{seed}}", 6]},
    "a resolver in the data": {"data.train_pairs": "${{oc.decode:'1'}}"},
    "Hydra's resolver": {"task.label_smoothing": "${{hydra:runtime.cwd}}"},
    # The function that prepares data.
    "prepare runs a program": {"data.prepare": "subprocess.check_output"},
    "prepare runs a shell": {"data.prepare": "os.system"},
    "prepare fetches": {"data.prepare": "project.data.fetching.from_npm"},
    "prepare opens another run": {"data.prepare": "project.training.load_run.load_run"},
    "prepare is a class": {"data.prepare": "project.data.mnist_pairs.MnistPairs"},
    "prepare lies in the outputs": {"data.prepare": "outputs.evil.prepare"},
    # The other sections.
    "a task that runs a program": {"task": POPEN},
    "a task of Lightning's demos": {"task._target_":
                                    "pytorch_lightning.demos.boring_classes.BoringModel"},
    "data that run a program": {"data._target_": "subprocess.Popen"},
    "data of Lightning's demos": {"data._target_":
                                  "pytorch_lightning.demos.mnist_datamodule.MNISTDataModule"},
    "an optimizer that runs a program": {"optimizer": POPEN},
    "a scheduler that is a function of torch": {"scheduler": {"_target_": "torch.save"}},
    "a scheduler that is the platform": {"scheduler": TRUST},
    "an augmentation that stores": {"augmentation": {
        "_target_": "project.data.fetching.store", "name": "x", "content": "y",
        "raw": "{outside}"}},
    "an augmentation that trusts": {"augmentation": TRUST},
    # The mini framework's classes.
    "a net of the other engine": {
        "engine": "framework", "model.framework_target": "subprocess.Popen"},
    "an optimizer of the other engine": {
        "engine": "framework",
        "optimizer.framework_target": "project.training.reproduce.reproduce"},
    # Modules.
    "a module in the outputs": {"model._target_": "outputs.evil.Net"},
    "a module in the run directory": {"model._target_": "{run_module}.evil.Net"},
    "our class by way of a module in the outputs": {"model._target_": "outputs.evil.Basic"},
    "a module of another output folder": {"model._target_": "old.evil.Net"},
    "a module outside of the working directory": {"model._target_": "foreign.Net"},
    "our class by way of a foreign module": {"model._target_": "foreign.Basic"},
    "a function of the user's": {"scheduler": {"_target_": "mine.wipe", "folder": "{outside}"}},
    "a function of the user's as augmentation": {
        "augmentation": {"_target_": "mine.wipe", "folder": "{outside}"}},
}  # fmt: skip
# Not built by these commands, but by one that repeats the run.
REFUSED_WHEN_REPEATED: dict[str, Changes] = {
    "a callback that runs a program": {"callbacks": {"x": POPEN}},
    "a callback that writes": {"callbacks": {"x": {
        "_target_": "pytorch_lightning.callbacks.ModelCheckpoint", "dirpath": "{outside}"}}},
    "a callback that is the platform": {"callbacks": {"x": TRUST}},
}  # fmt: skip
# Never used: neither built nor written to.
PASSED_OVER: dict[str, Changes] = {
    "loggers": {"logger": {"runs": POPEN, "writes": LOGGER}},
    "paths": {"paths": {"outputs": "{outside}", "data": "{outside}"}, "data.root": "{outside}"},
    "an observer": {"callbacks": {"x": {
        "_target_": "project.tasks.pictures.PairPictures", "folder": "{outside}"}}},
    "notes": {"notes": "${{oc.env:HOME}}", "tags": ["\x1b[31m"]},
}  # fmt: skip
# No run of project.train could have left them.
CORRUPT: dict[str, Changes] = {
    "a name that leads elsewhere": {"model.name": "../../../evil"},
    "a data set that leads elsewhere": {"data.dataset": "../../evil"},
    "a seed that is text": {"seed": "0; touch {marker}"},
    "a model that is text": {"model": "subprocess.Popen"},
    "callbacks that are a list": {"callbacks": [POPEN]},
    "a trainer's own folder": {"trainer.threads": "many"},
    "no data": {"data": None},
}


def filled(node: Any, values: dict[str, str]) -> Any:
    if isinstance(node, dict):
        return {key: filled(each, values) for key, each in node.items()}
    if isinstance(node, list):
        return [filled(each, values) for each in node]
    return node.format(**values) if isinstance(node, str) else node


class Stranger:
    """Makes hostile run directories of a real one, and places to attack.

    Args:
        run: A completed run in the working directory's `outputs`.
        root: The folder of the test.
    """

    def __init__(self, run: Path, root: Path) -> None:
        self.run = run
        self.outputs = run.parents[2]
        self.marker = root / "marker"
        self.outside = root / "outside"
        self.outside.mkdir()
        (self.outside / "theirs").write_text("")
        foreign = root / "foreign"
        foreign.mkdir()
        other = self.outputs.parent / "old"
        (other / "runs" / "x" / "seed_0").mkdir(parents=True)
        (other / "runs" / "x" / "seed_0" / "run.json").write_text("{}")
        evil = EVIL.format(marker=self.marker)
        for place in (foreign / "foreign.py", self.outputs / "evil.py", other / "evil.py",
                      run / "evil.py"):  # fmt: skip
            place.write_text(evil)
        (root / "pickle").write_bytes(pickle.dumps(Malicious(str(self.marker))))
        self.foreign = foreign
        self.values = {
            "marker": str(self.marker),
            "outside": str(self.outside),
            "evil": str(self.outputs / "evil.py"),
            "pickle": str(root / "pickle"),
            "other": str(run),
            "run_module": ".".join(run.relative_to(self.outputs.parent).parts),
        }

    def forge(self, changes: Changes) -> Path:
        """Return the directory of the run with these changes, everything else made to fit."""
        content = record(self.run)
        config = content["config"]
        for path, value in filled(changes, self.values).items():
            section, _, key = path.partition(".")
            if key:
                config[section][key] = value
            elif isinstance(value, dict) and isinstance(config[section], dict):
                kept = {k: config[section][k] for k in ("name",) if k in config[section]}
                config[section] = kept | value
            else:
                config[section] = value
        content["seed"] = config["seed"] if isinstance(config["seed"], int) else 0
        directory = self.run
        try:
            made_by = fingerprint(deciding_targets(config))
            identity = identify(config)
        except (TypeError, AttributeError, KeyError):
            pass
        else:
            content["provenance"]["code"] |= made_by
            content |= {"name": identity.name, "variant": identity.hash}
            place = self.outputs / "runs" / identity.name
            if place.resolve().is_relative_to(self.outputs) and place != self.run:
                directory = shutil.copytree(self.run, place)
        (directory / "run.json").write_text(json.dumps(content))
        (directory / "config.yaml").write_text(yaml.safe_dump(config))
        return directory

    def assert_untouched(self) -> None:
        assert not self.marker.exists(), "something was executed"
        assert [path.name for path in self.outside.iterdir()] == ["theirs"]


class Malicious:
    """Unpickling it makes a folder."""

    def __init__(self, folder: str) -> None:
        self.folder = folder

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (self.folder,)


@pytest.fixture
def stranger(
    finished_run: Path,
    own_modules: Callable[[str, str], Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Stranger:
    """A working directory with a module of the user's, outputs, and a stranger's run in them."""
    own_modules("mine", "import shutil\ndef wipe(folder):\n    shutil.rmtree(folder)\n")
    outputs = shutil.move(finished_run.parents[2], tmp_path / "working" / "outputs")
    own_modules("own", OWN)
    made = Stranger(only_run(Path(outputs)), tmp_path)
    own_modules("unused", EVIL.format(marker=made.marker))
    monkeypatch.syspath_prepend(str(made.foreign))
    return made


def digits(folder: Path) -> list[str]:
    paths = []
    for name in ("a", "b"):
        image = Image.new("L", (280, 280), 255)
        ImageDraw.Draw(image).line((140, 50, 140, 230), fill=0, width=24)
        paths.append(folder / f"{name}.png")
        image.save(paths[-1])
    return [str(path) for path in paths]


def exit_code_of(use: Callable[[], Any]) -> int:
    try:
        use()
    except Exception as error:
        if not hasattr(error, "exit_code"):
            raise
        return error.exit_code
    return 0


def open_in_every_way(stranger: Stranger, run: Path) -> list[int]:
    """Use a run as every command and a notebook do; returns the exit codes."""
    named, images = f"run={run}", digits(stranger.outputs.parent)
    return exit_codes(
        stranger,
        lambda: predict([named, *images], as_json=True),
        lambda: export([named, f"paths.outputs={stranger.outputs}"]),
        lambda: show([named]),
        lambda: load_run(run).net(),
        lambda: load_run(run).task(),
        lambda: load_run(run).data(),
        lambda: reproduce(run, []),
    )


def exit_codes(stranger: Stranger, *uses: Callable[[], Any]) -> list[int]:
    """Call functions; returns their exit codes, and asserts that nothing is done elsewhere."""
    with watched() as seen:
        codes = [exit_code_of(use) for use in uses]
    stranger.assert_untouched()
    assert outside(seen, stranger.outputs) == []
    return codes


@pytest.mark.parametrize("changes", REFUSED.values(), ids=REFUSED)
def test_a_hostile_directory_is_refused_and_nothing_is_executed(
    stranger: Stranger, changes: Changes
) -> None:
    run = stranger.forge(changes)
    assert open_in_every_way(stranger, run) == [4] * 7
    with pytest.raises(ConflictError) as error:
        load_run(run)
    *_, place = changes
    assert f"the stored configuration has {place.partition('.')[0]}." in str(error.value)
    assert "trust_code=true" in str(error.value)


@pytest.mark.parametrize("changes", CORRUPT.values(), ids=CORRUPT)
def test_what_no_command_can_have_left_is_called_damaged(
    stranger: Stranger, changes: Changes
) -> None:
    run = stranger.forge(changes)
    assert set(open_in_every_way(stranger, run)) == {3}


@pytest.mark.parametrize("changes", REFUSED_WHEN_REPEATED.values(), ids=REFUSED_WHEN_REPEATED)
def test_a_hostile_callback_is_not_built_when_a_run_is_repeated(
    stranger: Stranger, changes: Changes
) -> None:
    run = stranger.forge(changes)
    assert exit_codes(stranger, lambda: load_run(run).net(), lambda: reproduce(run, [])) == [0, 4]


def test_loggers_observers_and_paths_of_somebody_else_are_passed_over(
    stranger: Stranger,
) -> None:
    changes = {key: value for each in PASSED_OVER.values() for key, value in each.items()}
    run = stranger.forge(changes)
    codes = open_in_every_way(stranger, run)
    assert codes == [0, 0, 2, 0, 0, 0, 0]  # the net names no digits for the projector


def test_there_are_fifty_of_them() -> None:
    kinds = (REFUSED, CORRUPT, REFUSED_WHEN_REPEATED, PASSED_OVER)
    assert sum(map(len, kinds)) >= 50


def test_what_is_refused_would_be_executed_if_it_were_trusted(stranger: Stranger) -> None:
    """So the directories above are hostile indeed."""
    load_run(stranger.forge({"model._target_": "outputs.evil.Net"}), trust_code=True).net()
    assert stranger.marker.exists()


@pytest.mark.parametrize("recorded", [{}, {"unused:Net": "0" * 64}], ids=["none", "another"])
def test_a_module_of_the_users_that_is_not_what_the_run_recorded_is_not_imported(
    stranger: Stranger, recorded: dict[str, str]
) -> None:
    run = stranger.forge({"model._target_": "unused.Net"})
    content = record(run)
    code = content["provenance"]["code"]
    code["definitions"] = {"project.models.basic:Basic": "x"} | recorded
    (run / "run.json").write_text(json.dumps(content))
    assert open_in_every_way(stranger, run) == [4] * 7


def test_ones_own_run_opens_without_a_flag(stranger: Stranger) -> None:
    """The classes are the user's own, and their source is what the run has recorded."""
    run = stranger.forge(
        {"model._target_": "own.Net", "task._target_": "own.Task", "scheduler": OWN_SCHEDULER}
    )
    # What predicts and projects is for the first experiment alone.
    assert open_in_every_way(stranger, run)[:6] == [2, 0, 2, 0, 0, 0]


def test_the_commands_say_what_is_refused_and_how_to_trust_it(stranger: Stranger) -> None:
    run = stranger.forge({"model": POPEN})
    said = "error: the stored configuration has model._target_='subprocess.Popen', which belongs to"
    for module, words in (
        ("project.predict", [f"run={run}", *digits(stranger.outputs.parent)]),
        ("project.export", [f"run={run}"]),
        ("project.projector", [f"run={run}"]),
        ("project.train", [f"verify={run}"]),
    ):
        end = type_command(module, *words)
        assert end.exit_code == 4
        assert end.errors.startswith(said)
        assert end.errors.endswith("if you trust it, pass trust_code=true\n")
    stranger.assert_untouched()


def test_a_checkpoint_that_would_execute_code_is_not_loaded(stranger: Stranger) -> None:
    run = stranger.run
    for content in (
        lambda path: path.write_bytes(pickle.dumps(Malicious(str(stranger.marker)))),
        lambda path: torch.save({"state_dict": Malicious(str(stranger.marker))}, path),
    ):
        (run / "last.ckpt").unlink()
        content(run / "last.ckpt")
        codes = open_in_every_way(stranger, run)
        assert codes == [3, 3, 3, 3, 3, 0, 3]  # the data have no part in it


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("name", "../../evil/seed_0"),
        ("name", "x/seed_0\n"),
        ("status", "completed\x1b[2J"),
        ("provenance", []),
        ("provenance", {"code": ["x"]}),
        ("metric", {"name": ["x"]}),
        ("parameters", "many"),
        ("config", "x"),
    ],
)
def test_a_record_of_the_wrong_kind_is_damaged_and_says_so_in_plain_characters(
    stranger: Stranger, key: str, value: Any
) -> None:
    content = record(stranger.run) | {key: value}
    (stranger.run / "run.json").write_text(json.dumps(content))
    assert set(open_in_every_way(stranger, stranger.run)) == {3}
    with pytest.raises(CorruptRunError) as error:
        load_run(stranger.run)
    assert str(error.value).isprintable()


def test_a_record_without_end_is_damaged(stranger: Stranger) -> None:
    (stranger.run / "run.json").write_text("[" * 100_000)
    assert set(open_in_every_way(stranger, stranger.run)) == {3}


@pytest.mark.parametrize("module", ["project.export", "project.projector"])
def test_nothing_is_written_through_a_link_in_the_outputs(stranger: Stranger, module: str) -> None:
    if module == "project.export":
        (stranger.outputs / "export").symlink_to(stranger.outside)
        words = [f"run={stranger.run}", f"paths.outputs={stranger.outputs}"]
    else:
        (stranger.run / "plugins").symlink_to(stranger.outside)
        words = [f"run={stranger.run}"]
    end = type_command(module, *words)
    assert (end.exit_code, "symbolic link" in end.errors) == (4, True), end.errors
    stranger.assert_untouched()
