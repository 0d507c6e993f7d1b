"""An image file to a digit as MNIST has them: 28x28 bytes, ink 255, cropped, scaled, centred.

MNIST's digits are "size normalized to fit in a 20x20 pixel box while preserving their aspect
ratio", with grey levels from anti-aliasing, and "centered in a 28x28 image by computing the center
of mass of the pixels" (LeCun, Bottou, Bengio and Haffner 1998, Gradient-Based Learning Applied to
Document Recognition, III.A). Every one of its digits fills its box, and its strongest pixel is 254
or 255. A digit of MNIST comes out of here as it went in, but for its palest pixels.

The border says what is paper. Only contrast with it counts, so ink may be dark or light.
"""

import warnings
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps
from scipy import ndimage

# What Pillow reads by itself, in its own decoders: EPS, for one, would start another program.
FORMATS = ("PNG", "JPEG", "GIF", "BMP", "TIFF", "WEBP", "PPM")
MOST_PIXELS = 50_000_000
WORKING_SIDE = 1024  # larger images are shrunk first: a digit needs 20 pixels
SIDE, BOX, MIDDLE = 28, 20, 14
FEWEST_PIXELS = 5  # as high as the smallest digits that can be read

FAINTEST = 0.05  # of black on white: less contrast is no ink
# Six median deviations of normal noise are four standard deviations. Where they are more than half
# of the image's contrast, there is nothing but noise in it.
NOISE, NOISIEST = 6, 0.5
SPECK = 0.02  # of the largest mark's ink
PLANE_STEPS, ROUNDING = 20, 1e-4
WIDEST = 2.5  # width by height; MNIST's widest digits have 2


class ImageError(Exception):
    """The file holds no image of one digit."""

    exit_code = 2


def read_digit(path: Path) -> np.ndarray:
    """The digit in an image file: (28, 28) bytes, ink 255. Raises ImageError naming the file.

    Of an animation or a file of several pages the first image counts.
    """
    try:
        return as_mnist(read_levels(path))
    except ImageError as error:
        raise ImageError(f"{path} {error}") from None


def read_levels(path: Path) -> np.ndarray:
    """The image upright and in grey: (H, W) float32, 1 for white, neither side above 1024."""
    if not path.is_file():
        raise ImageError("is no file" if path.exists() else "does not exist")
    try:
        if path.stat().st_size == 0:
            raise ImageError("is empty (0 bytes)")
        with warnings.catch_warnings():
            # Of odd metadata; and of large images, for which there is a limit here.
            warnings.simplefilter("ignore")
            with Image.open(path, formats=FORMATS) as image:
                width, height = image.size
                if width * height > MOST_PIXELS:
                    raise _too_large(f"{width} x {height} pixels are")
                return _grey(ImageOps.exif_transpose(image))
    except ImageError:
        raise
    except Image.DecompressionBombError:
        raise _too_large("it is") from None
    except Image.UnidentifiedImageError:
        raise ImageError(f"is no image, or none of {', '.join(FORMATS)}") from None
    except Exception as error:  # damaged bytes can raise anything
        reason = getattr(error, "strerror", None) or str(error) or repr(error)
        raise ImageError(f"cannot be read ({reason})") from None


def _too_large(what: str) -> ImageError:
    return ImageError(
        f"is too large: {what} more than {MOST_PIXELS // 1_000_000} megapixels; shrink it, or cut "
        "out the digit"
    )


def _grey(image: Image.Image) -> np.ndarray:
    if image.mode.startswith("I") or image.mode == "F":
        levels = np.asarray(image, np.float32)
        if not np.isfinite(levels).all():
            raise ValueError("its pixels are not all finite numbers")
        # What is white in 32 bits, nobody says.
        white = 65535 if image.mode.startswith("I;16") else np.abs(levels).max()
        image = Image.fromarray(255 * levels / max(white, 1e-30))
    elif image.has_transparency_data:
        image = _on_paper(image.convert("RGBA"))
    else:
        # Not every mode has a way to grey of its own.
        image = image if image.mode in ("1", "L") else image.convert("RGB")
        image = image.convert("L")
    shrinking = -(-max(image.size) // WORKING_SIDE)
    return np.asarray(image.reduce(shrinking), np.float32) / 255


def _on_paper(image: Image.Image) -> Image.Image:
    """On white paper; on black where everything that can be seen is light."""
    grey, opacity = image.convert("L"), image.getchannel("A")
    seen = np.asarray(grey)[np.asarray(opacity) > 127]
    paper = 0 if seen.size and seen.min() > 127 else 255
    return Image.composite(grey, Image.new("L", image.size, paper), opacity)


def as_mnist(levels: np.ndarray) -> np.ndarray:
    """Grey levels (H, W) in [0, 1] to (28, 28) bytes, ink 255. Raises ImageError."""
    ink = _largest_marks(_ink(levels))
    rows, columns = (np.flatnonzero(ink.any(axis)) for axis in (1, 0))
    ink = ink[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    _check_one_digit(ink > 0)
    height, width = ink.shape
    scale = BOX / max(height, width)
    size = (max(1, round(scale * width)), max(1, round(scale * height)))
    # A pixel of the box is the mean of those that it covers, as a scanner would have it.
    how = Image.Resampling.BOX if scale <= 1 else Image.Resampling.BICUBIC
    digit = np.asarray(Image.fromarray(ink).resize(size, how)).clip(0)
    # Here and not before: shrinking makes thin strokes pale.
    return _centred(np.rint(255 * digit / digit.max()).astype(np.uint8))


def _ink(levels: np.ndarray) -> np.ndarray:
    """(H, W) in [0, 1]: by how much each pixel differs from the paper; 0 where it is paper."""
    paper, noise = _paper(levels)
    depth = paper - levels
    darker, lighter = depth.max(), -depth.min()
    contrast, noise = max(darker, lighter), NOISE * noise
    if contrast < FAINTEST or noise > NOISIEST * contrast:
        raise ImageError("holds no ink: nothing in it stands out from its border")
    ink = (depth if darker >= lighter else -depth) / contrast
    return np.where(ink > max(FAINTEST, noise / contrast), ink, 0).astype(np.float32)


def _paper(levels: np.ndarray) -> tuple[np.ndarray, float]:
    """How light the paper is at each pixel (H, W), and its noise, as a median deviation.

    A plane through the border, for light comes from one side: the one of least absolute deviations,
    which ink that reaches the border hardly moves while most of the border is paper.
    """
    height, width = levels.shape
    edge = np.ones((height, width), bool)
    edge[1:-1, 1:-1] = False
    places, border = np.argwhere(edge), levels[edge].astype(float)
    terms = np.column_stack([np.ones(len(places)), places])
    plane = np.array([np.median(border), 0, 0])
    for _ in range(PLANE_STEPS):
        # Least squares weighted by 1 / |deviation| become least absolute deviations.
        weights = 1 / np.sqrt(np.maximum(np.abs(border - terms @ plane), ROUNDING))
        plane, *_ = np.linalg.lstsq(terms * weights[:, None], border * weights, rcond=None)
    noise = float(np.median(np.abs(border - terms @ plane)))
    rows, columns = np.arange(height)[:, None], np.arange(width)
    return plane[0] + plane[1] * rows + plane[2] * columns, noise


def _largest_marks(ink: np.ndarray) -> np.ndarray:
    """Without specks. A digit may consist of several marks: a 5 whose bar stands apart."""
    marks, count = ndimage.label(ink > 0, np.ones((3, 3)))
    weights = ndimage.sum_labels(ink, marks, np.arange(count + 1))
    return np.where((weights >= SPECK * weights.max())[marks], ink, 0)


def _check_one_digit(marked: np.ndarray) -> None:
    """Raise ImageError if what is `marked` in its box (H, W) cannot be one digit."""
    height, width = marked.shape
    if max(height, width) < FEWEST_PIXELS:
        raise ImageError(f"is too small: its ink fills {width} x {height} pixels")
    # Of a broken digit no two parts stand beside each other, both at least half as high as it is,
    # nor above each other, both half as wide and two fifths as high.
    beside = [part for part in _parts(marked) if part[0] >= height / 2]
    stacked = [
        part for part in _parts(marked.T) if part[0] >= width / 2 and part[1] >= 0.4 * height
    ]
    if max(len(beside), len(stacked)) > 1 or width > WIDEST * height:
        raise ImageError(
            f"seems to hold more than one digit (its ink fills {width} x {height} pixels); cut it "
            "into images of one digit each"
        )


def _parts(marked: np.ndarray) -> list[tuple[int, int]]:
    """Height and width of each part that empty columns set apart."""
    columns, _ = ndimage.label(marked.any(0))
    return [
        (int(np.ptp(np.flatnonzero(marked[:, part].any(1)))) + 1, part.stop - part.start)
        for (part,) in ndimage.find_objects(columns)
    ]


def _centred(digit: np.ndarray) -> np.ndarray:
    """The box (h, w) in a field (28, 28), its centre of mass at pixel (14, 14)."""
    corner = []
    for axis, length in enumerate(digit.shape):
        mass = digit.sum(1 - axis, dtype=float)
        centre = mass @ np.arange(length) / mass.sum()
        corner.append(int(np.clip(np.ceil(MIDDLE - 0.5 - centre), 0, SIDE - length)))
    field = np.zeros((SIDE, SIDE), np.uint8)
    field[corner[0] : corner[0] + digit.shape[0], corner[1] : corner[1] + digit.shape[1]] = digit
    return field
