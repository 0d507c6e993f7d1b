"""A folder of images with a subfolder for each class. Imports no torch.

FOLDER/cat/1.png, FOLDER/dog/2.jpg, ...                splits are drawn at random
FOLDER/train/cat/1.png, ..., FOLDER/test/cat/2.png     splits are given; FOLDER/val is optional
"""

from pathlib import Path
from typing import Any

from PIL import Image, ImageOps

from project.config.errors import ConfigurationError
from project.data.file_digest import contents, file_digest
from project.data.mnist_files import DataError
from project.data.shapes import with_shape

SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".tif", ".tiff", ".webp", ".ppm", ".pgm")
SPLITS = ("train", "val", "test")
MODES = {1: "L", 3: "RGB"}  # Pillow's, by the number of channels


def prepare(section: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Find the images; return the section `data` with their shape, and facts about them.

    Raises:
        ConfigurationError: A key of the section is missing or invalid.
        DataError: As `listed`, or an image cannot be read.
    """
    if not section.get("root"):
        raise ConfigurationError(
            "data.root: is missing; data=image_folder takes data.root=FOLDER, a folder that holds "
            "a folder of images for each class"
        )
    root, channels, size = Path(section["root"]), section["channels"], section.get("resize")
    if channels not in MODES:
        raise ConfigurationError(f"data.channels={channels}: must be 3 or 1")
    classes, files = listed(root)
    paths = [path for split in files.values() for path, _ in split]
    if size is None:
        width, size = opened(paths[0], MODES[channels]).size
        if width != size:
            raise ConfigurationError(
                f"data.resize: {paths[0]} has {width}x{size} pixels; data.resize=N cuts out the "
                "middle square of each image and makes it NxN"
            )
    asked = section.get("image_size", size)
    if asked != size:
        raise ConfigurationError(
            f"data.image_size={asked}: the images have {size}; data.resize={asked} scales them"
        )
    source = file_digest(paths, root)
    facts = {"dataset": section["name"], "fetched_from": "folder", "source": source}
    return with_shape(section, len(classes), channels, size), facts


def files_to_send(section: dict[str, Any]) -> dict[str, bytes]:
    """Return the files that another machine's data folder needs: contents by relative path."""
    root = Path(section["root"])
    _, files = listed(root)
    return contents((path for split in files.values() for path, _ in split), root)


def listed(root: Path) -> tuple[list[str], dict[str, list[tuple[Path, int]]]]:
    """Return the sorted classes in a folder, and for each split (path, index of the class).

    All images are under `train` if the folder has no splits.

    Raises:
        DataError: The folder is not laid out as the module describes.
    """
    if not root.is_dir():
        raise DataError(f"{root} is not a folder; name the one that holds a folder for each class")
    folders = set(_folders(root))
    places = {"train": root}
    if {"train", "test"} <= folders <= set(SPLITS):
        places = {name: root / name for name in SPLITS if name in folders}
    classes = _folders(places["train"])
    if len(classes) < 2:
        shown = f"one class ({classes[0]})" if classes else "no folders"
        raise DataError(
            f"{places['train']} holds {shown}; it must hold one folder for each class, and at "
            "least two"
        )
    return classes, {name: _images(place, classes) for name, place in places.items()}


def _folders(place: Path) -> list[str]:
    return sorted(each.name for each in place.iterdir() if each.is_dir() and each.name[0] != ".")


def _images(place: Path, classes: list[str]) -> list[tuple[Path, int]]:
    foreign = sorted(set(_folders(place)) - set(classes))
    if foreign:
        raise DataError(f"{place} holds the class {foreign[0]}, which no training image has")
    images = []
    for number, name in enumerate(classes):
        folder = place / name
        own = [path for path in sorted(folder.glob("*")) if path.suffix.lower() in SUFFIXES]
        if not own:
            inside = "folders" if folder.is_dir() and _folders(folder) else "no image"
            raise DataError(
                f"{folder} holds {inside}; a class folder must hold images ({', '.join(SUFFIXES)}),"
                " and folders of splits must be named train and test"
            )
        images += [(path, number) for path in own]
    return images


def opened(path: Path, mode: str) -> Image.Image:
    """Return an image upright in one of Pillow's modes; raise DataError if it cannot be read."""
    try:
        with Image.open(path) as file:
            return ImageOps.exif_transpose(file).convert(mode)
    except Exception as error:  # damaged bytes can raise anything
        reason = str(error) or repr(error)
        raise DataError(
            f"{path} cannot be read as an image ({reason}); repair or remove it"
        ) from None
