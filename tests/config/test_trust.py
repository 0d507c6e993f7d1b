"""Which classes a stored configuration may name, section by section."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from project.config.errors import ConflictError
from project.config.trust import CodeOnRecord, check_trusted
from project.runs.code import fingerprint, targets_of


def check(kind: str, target: str, outputs: Path = Path("outputs"), **keys: Any) -> None:
    section = {"_target_": target, **keys}
    definitions = fingerprint(targets_of(section))["definitions"]
    sections = {kind: {"mine": section} if kind == "callbacks" else section}
    check_trusted(sections, CodeOnRecord(definitions, definitions, outputs))


LINEAR = {"_target_": "torch.nn.Linear", "in_features": 1, "out_features": 1}


@pytest.mark.parametrize(
    ("kind", "target", "keys"),
    [
        ("model", "project.models.Siamese", {}),
        ("model", "torch.nn.Linear", {}),
        ("model", "torchvision.models.ResNet", {}),
        ("model", "project.models.Basic", {"hidden": [LINEAR]}),
        ("task", "project.tasks.digit_pairs.DigitPairs", {}),
        ("data", "project.data.mnist_pairs.MnistPairs",
         {"prepare": "project.data.mnist.prepare_pairs"}),
        ("data", "project.data.mnist_pairs.MnistPairs", {"prepare": None}),
        ("optimizer", "torch.optim.RMSprop", {}),
        ("scheduler", "torch.optim.lr_scheduler.StepLR", {}),
        ("scheduler", "project.training.schedulers.one_cycle", {}),
        ("augmentation", "project.data.augmentation.Deformation", {}),
        ("augmentation", "torchvision.transforms.RandomAffine", {}),
        ("callbacks", "project.training.ema.EMA", {}),
        ("callbacks", "project.training.best_checkpoint.BestCheckpoint", {}),
        ("callbacks", "pytorch_lightning.callbacks.EarlyStopping", {}),
    ],
)  # fmt: skip
def test_what_experiments_are_made_of_is_trusted(
    kind: str, target: str, keys: dict[str, Any]
) -> None:
    check(kind, target, **keys)


@pytest.mark.parametrize(
    ("kind", "target", "reason"),
    [
        ("model", "torch.optim.SGD", "is not one of the classes that belong in model"),
        ("optimizer", "torch.nn.Linear", "is not one of the classes that belong in optimizer"),
        ("model", "project.training.ema.EMA", "does not belong in model"),
        ("scheduler", "project.training.schedulers.no", "names nothing that can be found"),
        ("model", "torchvision.models.resnet18", "is not a class"),
        ("model", "numpy.ndarray", "names nothing that can be found"),
        ("model", "pandas.DataFrame", "belongs to neither this project, torch, torchvision, Light"),
        (
            "callbacks",
            "pytorch_lightning.callbacks.ModelCheckpoint",
            "is not one of the classes that",
        ),
    ],
)
def test_what_does_not_belong_there_is_refused_with_the_reason(
    kind: str, target: str, reason: str
) -> None:
    with pytest.raises(ConflictError) as error:
        check(kind, target)
    assert f"{target!r}, which {reason}" in str(error.value)
    assert error.value.exit_code == 4


MINE = """
class Net:
    pass

def schedule(optimizer, total_steps):
    pass

def prepare(section):
    pass

def other(folder):
    pass
"""


def test_the_users_classes_and_what_may_be_functions_are_trusted(
    own_modules: Callable[[str, str], Path],
) -> None:
    own_modules("pack.mine", MINE)
    own_modules("pack.__init__", "from pack.mine import Net\n")
    check("model", "pack.mine.Net")
    check("model", "pack.Net")
    check("scheduler", "pack.mine.schedule")
    check("data", "pack.mine.Net", prepare="pack.mine.prepare")
    for kind, target in (("scheduler", "pack.mine.other"), ("model", "pack.mine.schedule")):
        with pytest.raises(ConflictError, match="is not a class"):
            check(kind, target)


def test_a_module_is_the_users_where_the_user_works(
    own_modules: Callable[[str, str], Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = own_modules("results.mine", MINE)
    check("model", "results.mine.Net")
    with pytest.raises(ConflictError, match="lies in the output folder"):
        check("model", "results.mine.Net", outputs=path.parent)
    record = path.parent / "runs" / "x" / "seed_0" / "run.json"
    record.parent.mkdir(parents=True)
    record.write_text("{}")
    with pytest.raises(ConflictError, match="lies in an output folder"):
        check("model", "results.mine.Net")
    record.unlink()
    check("model", "results.mine.Net")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    with pytest.raises(ConflictError, match="does not lie under the working directory"):
        check("model", "results.mine.Net")
