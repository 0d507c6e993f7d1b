"""The twenty conditions: each makes the file of a photograph of a digit's coverage (h, w)."""

from collections.abc import Callable

import numpy as np
from scipy import ndimage

from tests.data.photographs import files, light, pages, surroundings
from tests.data.photographs.files import File, encoded
from tests.data.photographs.light import as_bytes, camera
from tests.data.photographs.pages import Draw, placed

Condition = Callable[[Draw, np.ndarray], File]
Light = Callable[[Draw, tuple[int, int]], np.ndarray]


def lit(*lights: Light) -> Condition:
    """Ink on paper in one of these lights."""

    def photograph(draw: Draw, digit: np.ndarray) -> File:
        seen = pages.page(draw, placed(draw, digit))
        light = lights[draw.integers(len(lights))]
        return encoded(camera(draw, seen * light(draw, seen.shape[:2])[..., None]))

    return photograph


def even_light(draw: Draw, digit: np.ndarray) -> File:
    return encoded(camera(draw, pages.page(draw, placed(draw, digit))))


def folds(draw: Draw, digit: np.ndarray) -> File:
    return encoded(camera(draw, pages.folded(draw, pages.page(draw, placed(draw, digit)))))


def ruled_paper(draw: Draw, digit: np.ndarray) -> File:
    return encoded(camera(draw, pages.ruled(draw, placed(draw, digit))))


def squared_paper(draw: Draw, digit: np.ndarray) -> File:
    return encoded(camera(draw, pages.squared(draw, placed(draw, digit))))


def frame(draw: Draw, digit: np.ndarray) -> File:
    page = as_bytes(pages.page(draw, placed(draw, digit)))
    return encoded(surroundings.framed(draw, page))


def margins(draw: Draw, digit: np.ndarray) -> File:
    photo = camera(draw, pages.page(draw, placed(draw, digit)))
    if draw.random() < 0.3:
        return encoded(surroundings.on_glass(draw, photo))
    return encoded(surroundings.with_margins(draw, photo))


def bars(draw: Draw, digit: np.ndarray) -> File:
    photo = camera(draw, pages.page(draw, placed(draw, digit)))
    return encoded(light.compressed(surroundings.with_bars(draw, photo), 90))


def scanner(draw: Draw, digit: np.ndarray) -> File:
    seen = pages.dusty(draw, pages.page(draw, placed(draw, digit)))
    return encoded(surroundings.scanned(draw, camera(draw, seen, blur=(0.2, 0.6))))


def desk(draw: Draw, digit: np.ndarray) -> File:
    seen = surroundings.on_a_desk(draw, pages.page(draw, placed(draw, digit)))
    return encoded(camera(draw, seen * light.one_side(draw, seen.shape[:2])[..., None] ** 0.5))


def colours(draw: Draw, digit: np.ndarray) -> File:
    """Two colours whose brightness differs by less than 0.03."""
    weights = np.array([0.299, 0.587, 0.114])
    while True:
        paper, ink = draw.uniform(0, 1, (2, 3))
        if abs(weights @ (paper - ink)) < 0.03 and np.abs(paper - ink).max() > 0.4:
            break
    seen = pages.written(placed(draw, digit), paper, ink)
    return encoded(camera(draw, seen, quality=(85, 96)))


def board(draw: Draw, digit: np.ndarray) -> File:
    """Chalk or light ink, unevenly lit."""
    dark = draw.uniform(0.05, 0.25) * np.array([draw.uniform(0.5, 1), 1, draw.uniform(0.5, 1)])
    seen = pages.written(placed(draw, digit), dark, draw.uniform(0.7, 0.95) * np.ones(3))
    return encoded(camera(draw, seen * light.one_side(draw, seen.shape[:2])[..., None]))


def little_light(draw: Draw, digit: np.ndarray) -> File:
    seen = pages.page(draw, placed(draw, digit)) * draw.uniform(0.3, 0.6)
    return encoded(camera(draw, seen, noise=(0.02, 0.05), blur=(0.5, 1.5)))


def blur(draw: Draw, digit: np.ndarray) -> File:
    """Out of focus or shaken, and heavily compressed."""
    seen = pages.page(draw, placed(draw, digit))
    if draw.random() < 0.5:
        return encoded(camera(draw, light.moved(draw, seen), quality=(15, 50)))
    softest = 0.012 * len(seen)
    return encoded(camera(draw, seen, blur=(1, max(1.5, softest)), quality=(15, 50)))


def pencil(draw: Draw, digit: np.ndarray) -> File:
    return encoded(camera(draw, pages.pencilled(draw, placed(draw, digit))))


def two_parts(draw: Draw, digit: np.ndarray) -> File:
    coverage = placed(draw, digit)
    in_parts = ndimage.label(coverage > 0.5)[1] > 1  # as some digits of strokes are drawn
    coverage = coverage if in_parts else pages.broken(draw, coverage)
    return encoded(camera(draw, pages.page(draw, coverage)))


def numbers(draw: Draw, digit: np.ndarray) -> File:
    return files.odd_numbers(draw, camera(draw, pages.page(draw, placed(draw, digit))))


CONDITIONS: dict[str, Condition] = {
    "even light": even_light,
    "uneven light": lit(light.one_side, light.lamp),
    "a vignette": lit(light.vignette),
    "a shadow's edge": lit(light.shadow_edge),
    "several shadows": lit(light.several_shadows),
    "folds": folds,
    "ruled paper": ruled_paper,
    "squared paper": squared_paper,
    "a frame": frame,
    "margins": margins,
    "bars": bars,
    "a scanner's edge, dust": scanner,
    "a page on a desk": desk,
    "colours of one brightness": colours,
    "a board": board,
    "little light": little_light,
    "blur": blur,
    "pencil": pencil,
    "two parts": two_parts,
    "odd numbers": numbers,
}
