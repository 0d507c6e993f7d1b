"""A folder of images with a subfolder for each class. Imports no torch.

FOLDER/cat/1.png, FOLDER/dog/2.jpg, ...                splits are drawn at random
FOLDER/train/cat/1.png, ..., FOLDER/test/cat/2.png     splits are given; FOLDER/val is optional
"""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from project.config.errors import ConfigurationError
from project.data.file_digest import contents, file_digest
from project.data.mnist_files import DataError
from project.data.shapes import with_shape

if TYPE_CHECKING:
    import numpy as np
    from PIL import Image

SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".tif", ".tiff", ".webp", ".ppm", ".pgm")
SPLITS = {"train", "val", "test"}
MODES = {1: "L", 3: "RGB"}  # Pillow's, by the number of channels


def prepare(section: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Find the images and determine their classes and size.

    Returns:
        The configuration's section `data` with the images' shape; and facts for the run record.

    Raises:
        ConfigurationError: A key of the section is missing or invalid.
        DataError: As `listed`, or an image cannot be read.
    """
    if not section.get("root"):
        raise ConfigurationError(
            "data.root: is missing; data=image_folder takes data.root=FOLDER, a folder that holds "
            "a folder of images for each class"
        )
    root = Path(section["root"])
    if section["channels"] not in MODES:
        raise ConfigurationError(f"data.channels={section['channels']}: must be 3 or 1")
    classes, files = listed(root)
    paths = [path for split in files.values() for path, _ in split]
    size = section.get("resize")
    if size is None:
        width, size = _opened(paths[0], MODES[section["channels"]]).size
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
    facts = {
        "dataset": section["name"],
        "fetched_from": "folder",
        "source": file_digest(paths, root),
    }
    return with_shape(section, len(classes), section["channels"], size), facts


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
    if {"train", "test"} <= folders <= SPLITS:
        places = {name: root / name for name in ("train", "val", "test") if name in folders}
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


def read(
    root: Path, channels: int, resize: int | None
) -> dict[str, "tuple[np.ndarray, np.ndarray]"]:
    """Return images, uint8 (N, channels, H, W), and classes, int64 (N,), of each split.

    Args:
        root: The folder.
        channels: 3 for colour, 1 for grey.
        resize: The side to which the central square of each image is scaled; None if all have one
            size.

    Raises:
        DataError: As `listed`, or an image cannot be read, or the sizes differ.
    """
    import numpy as np
    from PIL import Image, ImageOps

    _, files = listed(root)
    sizes: dict[tuple[int, int], Path] = {}
    splits = {}
    for split, own in files.items():
        images = []
        for path, _ in own:
            image = _opened(path, MODES[channels])
            if resize is not None:
                image = ImageOps.fit(image, (resize, resize), Image.Resampling.BILINEAR)
            sizes.setdefault(image.size, path)
            if len(sizes) > 1:
                shown = ", ".join(f"{path} {w}x{h}" for (w, h), path in sizes.items())
                raise DataError(
                    f"the images have several sizes ({shown}); data.resize=N makes them all NxN"
                )
            pixels = np.atleast_3d(np.asarray(image))
            images.append(np.ascontiguousarray(pixels.transpose(2, 0, 1)))
        splits[split] = np.stack(images), np.asarray([number for _, number in own], np.int64)
    return splits


def _opened(path: Path, mode: str) -> "Image.Image":
    """Return an image upright in one of Pillow's modes; raise DataError if it cannot be read."""
    from PIL import Image, ImageOps

    try:
        with Image.open(path) as file:
            return ImageOps.exif_transpose(file).convert(mode)
    except Exception as error:  # damaged bytes can raise anything
        reason = str(error) or repr(error)
        raise DataError(
            f"{path} cannot be read as an image ({reason}); repair or remove it"
        ) from None
