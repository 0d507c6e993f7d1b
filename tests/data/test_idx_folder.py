"""Four IDX files in a folder: found under their usual names, and nothing else is taken for them."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from project.config.errors import ConfigurationError
from project.data import torchvision_files
from project.data.idx_files import read
from project.data.idx_folder import files_to_send, find, prepare
from project.data.mnist_files import DataError
from tests.data.idx import idx, patterns, write_idx

NAMES = [
    "t10k-images-idx3-ubyte",
    "t10k-labels-idx1-ubyte",
    "train-images-idx3-ubyte",
    "train-labels-idx1-ubyte",
]


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("test", ["t10k", "test"])
@pytest.mark.parametrize("prefix", ["", "emnist-digits-"])
def test_files_are_found_plain_or_packed_under_names_in_use(
    tmp_path: Path, packed: bool, test: str, prefix: str
) -> None:
    folder = write_idx(tmp_path / "digits", packed, test=test)
    for path in folder.iterdir():
        path.rename(folder / f"{prefix}{path.name}")
    splits = read(folder)
    for split, count, seed in (("train", 100, 1), ("test", 60, 2)):
        images, classes = patterns(count, seed)
        assert np.array_equal(splits[split][0], images)
        assert np.array_equal(splits[split][1], classes)


def test_a_packed_file_beside_its_content_is_no_second_file(tmp_path: Path) -> None:
    write_idx(tmp_path, packed=True)
    write_idx(tmp_path)
    assert sorted(path.name for path in find(tmp_path)) == NAMES


def section(root: Path | None, **changes: Any) -> dict[str, Any]:
    return {"name": "idx_pairs", "root": None if root is None else str(root)} | changes


def test_facts_name_the_files_by_their_content(tmp_path: Path) -> None:
    one, two = write_idx(tmp_path / "one"), write_idx(tmp_path / "two")
    settled, facts = prepare(section(one))
    assert settled == section(one)
    assert facts == {"dataset": "idx_pairs", "fetched_from": "folder", "source": facts["source"]}
    assert prepare(section(two))[1] == facts
    (two / NAMES[0]).write_bytes(idx(patterns(60, 3)[0]))
    assert prepare(section(two))[1]["source"] != facts["source"]


def test_what_another_machine_needs_is_what_lies_here(tmp_path: Path) -> None:
    folder = write_idx(tmp_path / "digits")
    sent = files_to_send(section(folder))
    assert sent == {name: (folder / name).read_bytes() for name in NAMES}


def test_a_data_set_of_torchvision_is_used_as_it_lies_there(tmp_path: Path) -> None:
    raw = write_idx(tmp_path / "FashionMNIST" / "raw", packed=True)
    _, facts = prepare(section(tmp_path, dataset="FashionMNIST"))
    assert (facts["dataset"], facts["fetched_from"]) == ("FashionMNIST", "folder")
    assert sorted(path.name for path in raw.iterdir()) == [f"{name}.gz" for name in NAMES]
    sent = files_to_send(section(tmp_path, dataset="FashionMNIST"))
    assert set(sent) == {f"FashionMNIST/raw/{name}.gz" for name in NAMES}


def test_what_torchvision_downloads_is_put_in_its_place_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def download(root: str, download: bool) -> None:
        assert download
        write_idx(Path(root, "KMNIST", "raw"))

    monkeypatch.setattr("torchvision.datasets.KMNIST", download)
    _, facts = prepare(section(tmp_path / "data", dataset="KMNIST"))
    assert facts["fetched_from"] == "torchvision"
    raw = tmp_path / "data" / "KMNIST" / "raw"
    assert sorted(path.name for path in raw.iterdir()) == NAMES
    assert not list((tmp_path / "data").glob(".KMNIST-*"))
    assert prepare(section(tmp_path / "data", dataset="KMNIST"))[1]["fetched_from"] == "folder"


def test_without_a_network_the_files_are_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def download(root: str, download: bool) -> None:
        raise RuntimeError("Error downloading train-images-idx3-ubyte.gz")

    monkeypatch.setattr("torchvision.datasets.KMNIST", download)
    with pytest.raises(DataError) as error:
        prepare(section(tmp_path, dataset="KMNIST"))
    assert str(error.value) == (
        f"KMNIST is not in {tmp_path}/KMNIST/raw and torchvision cannot download it (Error "
        "downloading train-images-idx3-ubyte.gz); put train-images-idx3-ubyte, "
        "train-labels-idx1-ubyte, t10k-images-idx3-ubyte, t10k-labels-idx1-ubyte into that folder"
    )


def test_files_that_are_there_are_never_written_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    raw = write_idx(tmp_path / "KMNIST" / "raw")
    (raw / NAMES[1]).unlink()
    monkeypatch.setattr(torchvision_files, "_download", lambda *a: pytest.fail("it downloads"))
    before = {path.name: path.read_bytes() for path in raw.iterdir()}
    with pytest.raises(DataError) as error:
        prepare(section(tmp_path, dataset="KMNIST"))
    assert str(error.value) == (
        f"{raw} lacks {NAMES[1]}; put them there, or move the folder away so that all of it is "
        "downloaded"
    )
    assert {path.name: path.read_bytes() for path in raw.iterdir()} == before


def test_a_section_that_names_no_folder_or_an_unknown_data_set_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError) as error:
        prepare(section(None))
    assert str(error.value) == (
        "data.root: is missing; data=idx_pairs takes data.root=FOLDER, the folder of four IDX files"
    )
    with pytest.raises(ConfigurationError, match="must be one of FashionMNIST, KMNIST"):
        prepare(section(tmp_path, dataset="EMNIST"))


def wrong_count(folder: Path) -> None:
    (folder / NAMES[3]).write_bytes(idx(np.zeros(99)))


def wrong_class(folder: Path) -> None:
    (folder / NAMES[3]).write_bytes(idx(np.full(100, 26)))


def no_idx(folder: Path) -> None:
    (folder / NAMES[0]).write_bytes(b"\x89PNG and so on, of some length")


def torn(folder: Path) -> None:
    (folder / NAMES[0]).write_bytes((folder / NAMES[0]).read_bytes()[:-1])


def damaged_gz(folder: Path) -> None:
    (folder / NAMES[0]).unlink()
    (folder / f"{NAMES[0]}.gz").write_bytes(b"\x1f\x8b and nothing")


def missing(folder: Path) -> None:
    (folder / NAMES[0]).unlink()


def twice(folder: Path) -> None:
    (folder / f"other-{NAMES[0]}").write_bytes(b"")


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (wrong_count, "{}/train-labels-idx1-ubyte holds 99 labels for 100 images"),
        (wrong_class, "{}/train-labels-idx1-ubyte: labels must be 0 to 9, got 26"),
        (no_idx, "{}/t10k-images-idx3-ubyte cannot be read (IDX magic must be 00 00 08 03, got"),
        (torn, "{}/t10k-images-idx3-ubyte cannot be read (IDX items must be (60, 28, 28) as the"),
        (damaged_gz, "{}/t10k-images-idx3-ubyte.gz cannot be read ("),
        (
            missing,
            "{} holds no file named *t10k-images-idx3-ubyte or *test-images-idx3-ubyte[.gz]; it",
        ),
        (twice, "{} holds several files (other-t10k-images-idx3-ubyte, t10k-images-idx3-ubyte)"),
    ],
)
def test_files_that_are_none_of_their_kind_are_named(
    tmp_path: Path, spoil: Any, message: str
) -> None:
    folder = write_idx(tmp_path / "digits")
    spoil(folder)
    with pytest.raises(DataError) as error:
        read(folder)
    assert str(error.value).startswith(message.format(folder))
    assert "\n" not in str(error.value)


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="is not a folder; name the one that holds the four IDX"):
        prepare(section(tmp_path / "none"))
