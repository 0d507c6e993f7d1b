"""A part of the page: a title, text, and figures that are also files of their own."""

from dataclasses import dataclass

from markupsafe import Markup
from matplotlib.figure import Figure


@dataclass(frozen=True)
class Illustration:
    """A figure of the page, and figures/<name>.png and .svg.

    caption: what is seen, with n and what the bars are; it also stands in for the image where that
    is not shown.
    """

    name: str
    figure: Figure
    caption: str


@dataclass(frozen=True)
class Section:
    """anchor: its address on the page; html: marked up and escaped, may be empty."""

    anchor: str
    title: str
    html: Markup
    illustrations: tuple[Illustration, ...] = ()
