"""A folder of one's own images: read as it is, or refused in one line before anything trains."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from project.config.errors import ConfigurationError
from project.data.image_folder import files_to_send, prepare
from project.data.image_modules import ImageFolder
from project.data.mnist_files import DataError

SETTINGS: dict[str, Any] = {
    "seed": 0,
    "order_seed": 0,
    "train_images": None,
    "val_images": None,
    "test_images": None,
    "batch_size": 4,
    "shuffle": True,
    "normalise": False,
}


def write_images(
    folder: Path, count: int, size: tuple[int, int] = (6, 6), mode: str = "RGB"
) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    random = np.random.default_rng(len(str(folder)))
    for number in range(count):
        pixels = random.integers(0, 255, (size[1], size[0], 3), dtype=np.uint8)
        Image.fromarray(pixels).convert(mode).save(folder / f"{number}.png")


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    for name in ("dog", "cat", "fox"):
        write_images(tmp_path / "photos" / name, 8)
    return tmp_path / "photos"


def section(root: Path | None, **changes: Any) -> dict[str, Any]:
    base = {"name": "image_folder", "root": None if root is None else str(root)}
    return base | {"channels": 3, "resize": None} | changes


def test_classes_are_the_folders_and_images_their_pixels(photos: Path) -> None:
    settled, facts = prepare(section(photos))
    assert (settled["classes"], settled["channels"], settled["image_size"]) == (3, 3, 6)
    assert facts["dataset"] == "image_folder"
    data = ImageFolder(root=photos, **SETTINGS)
    images, classes = data.load()["train"]
    assert classes.tolist() == 8 * [0] + 8 * [1] + 8 * [2]
    first = np.asarray(Image.open(photos / "cat" / "0.png"))
    assert np.array_equal(images[0].permute(1, 2, 0), first)
    data.setup()
    assert [len(each) for each in (data.train, data.val, data.test)] == [17, 3, 4]


def test_folders_of_splits_are_heeded(tmp_path: Path) -> None:
    for split, count in (("train", 5), ("val", 2), ("test", 3)):
        for name in ("a", "b"):
            write_images(tmp_path / split / name, count)
    data = ImageFolder(root=tmp_path, **SETTINGS)
    data.setup()
    assert [len(each) for each in (data.train, data.val, data.test)] == [10, 4, 6]
    assert prepare(section(tmp_path))[0]["classes"] == 2
    (tmp_path / "val").rename(tmp_path / "moved")
    (tmp_path / "moved").rename(tmp_path.parent / f"{tmp_path.name}-moved")
    data = ImageFolder(root=tmp_path, **SETTINGS)
    data.setup()
    assert [len(each) for each in (data.train, data.val, data.test)] == [8, 2, 6]


def test_images_can_be_grey_and_resized(photos: Path) -> None:
    write_images(photos / "dog", 2, (20, 9))
    settled, _ = prepare(section(photos, channels=1, resize=5))
    assert (settled["channels"], settled["image_size"]) == (1, 5)
    data = ImageFolder(root=photos, channels=1, resize=5, **SETTINGS)
    assert data.load()["train"].images.shape == (24, 1, 5, 5)
    data.setup()
    assert data.train.images.shape[1:] == (1, 5, 5)
    assert data.train.images.dtype == torch.uint8


def test_the_files_are_known_by_their_places_and_contents(photos: Path) -> None:
    before = prepare(section(photos))[1]["source"]
    (photos / "cat" / "0.png").rename(photos / "dog" / "100.png")
    moved = prepare(section(photos))[1]["source"]
    (photos / "dog" / "100.png").rename(photos / "cat" / "0.png")
    assert prepare(section(photos))[1]["source"] == before != moved
    write_images(photos / "fox", 1, (6, 6), "L")
    assert prepare(section(photos))[1]["source"] != before
    sent = files_to_send(section(photos))
    assert sent["cat/0.png"] == (photos / "cat" / "0.png").read_bytes()
    assert len(sent) == 24


def test_other_files_are_left_alone(photos: Path) -> None:
    before = prepare(section(photos))[1]["source"]
    (photos / "cat" / "notes.txt").write_text("mine")
    (photos / ".hidden").mkdir()
    (photos / "README").write_text("mine")
    assert prepare(section(photos))[1]["source"] == before


def one_class(photos: Path) -> None:
    for name in ("dog", "fox"):
        (photos / name).rename(photos.parent / name)


def no_image(photos: Path) -> None:
    (photos / "empty").mkdir()


def nested(photos: Path) -> None:
    for name in ("dog", "cat", "fox"):
        (photos / "training").mkdir(exist_ok=True)
        (photos / name).rename(photos / "training" / name)
    write_images(photos / "testing" / "cat", 1)


def unknown_class(photos: Path) -> None:
    for name in ("dog", "cat", "fox"):
        (photos / "train").mkdir(exist_ok=True)
        (photos / name).rename(photos / "train" / name)
    for name in ("cat", "dog", "fox", "owl"):
        write_images(photos / "test" / name, 1)


def text_as_image(photos: Path) -> None:
    (photos / "cat" / "0.png").write_text("no image")


def truncated(photos: Path) -> None:
    path = photos / "fox" / "3.png"
    path.write_bytes(path.read_bytes()[:60])


def mixed_sizes(photos: Path) -> None:
    write_images(photos / "dog", 1, (7, 7))


def not_square(photos: Path) -> None:
    for name in ("cat", "dog", "fox"):
        write_images(photos / name, 8, (7, 6))


@pytest.mark.parametrize(
    ("spoil", "kind", "message"),
    [
        (
            one_class,
            DataError,
            "{}/.. holds one class (cat); it must hold one folder for each class",
        ),
        (no_image, DataError, "{}/../empty holds no image; a class folder must hold images"),
        (nested, DataError, "{}/../testing holds folders; a class folder must hold images"),
        (unknown_class, DataError, "{}/../test holds the class owl, which no training image has"),
        (text_as_image, DataError, "{}/0.png cannot be read as an image (cannot identify image"),
        (truncated, DataError, "{}/../fox/3.png cannot be read as an image ("),
        (
            mixed_sizes,
            DataError,
            "the images have several sizes ({}/0.png 6x6, {}/../dog/0.png 7x7",
        ),
        (
            not_square,
            ConfigurationError,
            "data.resize: {}/0.png has 7x6 pixels; data.resize=N cuts",
        ),
    ],
)
def test_what_cannot_be_classified_is_said_in_one_line(
    photos: Path, spoil: Any, kind: type[Exception], message: str
) -> None:
    def use() -> None:
        settled, _ = prepare(section(photos))
        ImageFolder(root=settled["root"], **SETTINGS).setup()

    spoil(photos)
    with pytest.raises(kind) as error:
        use()
    expected = message.replace("{}/..", str(photos)).replace("{}", str(photos / "cat"))
    assert str(error.value).startswith(expected)
    assert "\n" not in str(error.value)


def test_a_folder_that_is_missing_or_not_named_is_refused(tmp_path: Path) -> None:
    with pytest.raises(
        ConfigurationError, match=r"data\.root: is missing; data=image_folder takes"
    ):
        prepare(section(None))
    with pytest.raises(DataError, match="none is not a folder; name the one that holds a folder"):
        prepare(section(tmp_path / "none"))


def test_a_size_that_is_typed_is_no_wish(photos: Path) -> None:
    with pytest.raises(ConfigurationError) as error:
        prepare(section(photos, image_size=20))
    assert str(error.value) == "data.image_size=20: the images have 6; data.resize=20 scales them"
    with pytest.raises(ConfigurationError, match=r"data.channels=4: must be 3 or 1"):
        prepare(section(photos, channels=4))
