"""Figures in the report's theme: inline on the page, which recolours them, and as files in SVG and PDF.

Figures are drawn in the light colours. On the dark page, the style sheet replaces these colours and the ink.
"""

from __future__ import annotations

import io
import re
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import matplotlib as mpl
import seaborn as sns
from markupsafe import Markup
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from rlbench.api import sections
from rlbench.api.series_styles import GREY, LIGHT, SeriesStyle
from rlbench.reports.style import clean, shorten

INK = "#7f7f81"  # placeholder for the page's text colour
PAPER = "#fdfdfb"  # placeholder for the page's background
PRINTED = "#1c1f24"  # the ink of figures that are written to files
WIDTH = 4.6  # inches; on a phone the page shows figures at about their real size
WIDE = 9.6
_PAGE_COLOURS = {INK: "currentColor", PAPER: "var(--paper)"} | {
    colour: f"var(--c{i})" for i, colour in enumerate((*LIGHT, GREY[0]))
}
_COLOUR = re.compile(r"#[0-9a-f]{6}")
_FINER = re.compile(r"(?<=\.\d)\d+")
_CLASSES = re.compile(r"s\d+|runs s\d+")
_LEGEND_CHARACTERS = 52
_SMALLER = ("xtick.labelsize", "ytick.labelsize", "legend.fontsize")
_INKED = ("axes.edgecolor", "axes.labelcolor", "text.color", "xtick.color", "ytick.color", "grid.color")
_THEME: dict[str, Any] = {
    **{f"{part}.facecolor": "none" for part in ("axes", "figure", "savefig")},
    "font.family": "DejaVu Sans",  # matplotlib brings this font along, so the layout is the same everywhere
    "grid.alpha": 0.22,
    "grid.linewidth": 0.6,
    "axes.linewidth": 0.8,
    "axes.axisbelow": True,
    "axes.formatter.useoffset": False,
    "svg.fonttype": "none",
    "svg.hashsalt": "rlbench",  # the same ids for the same figure
    "pdf.fonttype": 42,  # text that can be searched and copied
    "text.usetex": False,  # even if the user's settings turn it on: TeX would execute commands in names
    "text.parse_math": False,  # a name such as "$x$" is not a formula
}


@dataclass(frozen=True)
class Print:
    """How figures are written to files.

    width: the width of every figure, in inches; None: each figure has its own. font_size: the size of labels, in
    points. single_runs: whether to draw the single runs, which the page shows on demand.
    """

    width: float | None = None
    font_size: float = 8.5
    single_runs: bool = False


ON_PAPER = Print()
_PRINT: ContextVar[Print | None] = ContextVar("print", default=None)


@contextmanager
def theme(ink: str = INK, printed: Print | None = None) -> Iterator[None]:
    """Draw and save in the report's theme.

    The theme has seaborn's grid without a background, keeps text as text and does not read the $ and _ of names as
    markup. printed: the settings for a file; None for the page.
    """
    size = (printed or ON_PAPER).font_size
    fonts = {"font.size": size, "axes.labelsize": size} | dict.fromkeys(_SMALLER, size * 8 / 8.5)
    settings: Any = {**sns.axes_style("whitegrid"), **_THEME, **fonts, **dict.fromkeys(_INKED, ink)}
    token = _PRINT.set(printed)
    try:
        with _quiet(settings):
            yield
    finally:
        _PRINT.reset(token)


@contextmanager
def _quiet(settings: Any) -> Iterator[None]:
    with warnings.catch_warnings(), mpl.rc_context(settings):
        # The page shows names in the browser's fonts, so missing glyphs in the font used for layout do not matter.
        warnings.filterwarnings("ignore", "Glyph ", UserWarning)
        warnings.filterwarnings("ignore", "Matplotlib currently does not support", UserWarning)
        yield


def width_of(usual: float) -> float:
    """Return the width to draw a figure in, in inches: the width set for printing if there is one, else `usual`."""
    printed = _PRINT.get()
    return usual if printed is None or printed.width is None else printed.width


def figure_with_axes(width: float, height: float) -> tuple[Figure, Axes]:
    """Create a figure with axes that leave room for tick labels and one line of text. Sizes in inches.

    The margins are fixed because computing them takes matplotlib as long as drawing.
    """
    asked = width_of(width)
    width, height = asked, height * asked / width
    figure = Figure(figsize=(width, height))
    figure.subplots_adjust(0.68 / width, 0.47 / height, 1 - 0.1 / width, 1 - 0.1 / height)
    return figure, figure.add_subplot()


def ink() -> str:
    """Return the colour of text and lines that belong to no algorithm."""
    return str(mpl.rcParams["text.color"])


def inline(figure: sections.Figure) -> Markup:
    """Return a figure as an <svg> element for an HTML page: scalable, in the page's colours and font, without
    references.

    Its ids begin with the figure's name. An XML writer makes the markup, so names in the figure are text whatever they
    contain.
    """
    buffer = io.StringIO()
    with theme():
        figure.draw().savefig(buffer, format="svg", metadata={"Date": None})
    root = ElementTree.fromstring(buffer.getvalue())
    for element in root.iter():
        element.tag = element.tag.rpartition("}")[2]
        named = element.attrib.pop("id", "")
        element.attrib = {
            key.rpartition("}")[2]: _fit(key, value, figure.name) for key, value in element.attrib.items()
        }
        if _CLASSES.fullmatch(named):
            element.attrib["class"] = f"series {named}"
        elif named and element.tag in ("path", "clipPath"):  # other elements refer only to these, never to groups
            element.attrib["id"] = f"{figure.name}-{named}"
    for parent in list(root.iter()):
        for child in [c for c in parent if c.tag in ("metadata", "style")]:
            parent.remove(child)
    root.attrib = {"viewBox": root.attrib["viewBox"], "role": "img", "aria-label": clean(figure.description)}
    # Safe: serialised by ElementTree, which escapes text and attributes.
    return Markup(ElementTree.tostring(root, encoding="unicode"))


def _fit(key: str, value: str, name: str) -> str:
    """Convert the value of an attribute of matplotlib's SVG for the page."""
    if key.endswith("href"):
        return value.replace("#", f"#{name}-", 1)
    if key in ("d", "x", "y"):
        return _FINER.sub("", value)  # a tenth of a point is finer than any screen
    if key == "style":
        value = re.sub(r"font-family: [^;]*;?", "", value)
        return _COLOUR.sub(lambda match: _PAGE_COLOURS.get(match[0], match[0]), value)
    return value.replace("url(#", f"url(#{name}-")


def draw_with_legend(figure: sections.Figure, styles: Mapping[str, SeriesStyle], printed: Print = ON_PAPER) -> Figure:
    """Draw the figure in black ink and the light colours, with its legend below it.

    Call it, and save the figure, under `theme(PRINTED, printed)`.
    """
    drawn = figure.draw()
    if not printed.single_runs:
        for artist in drawn.findobj(lambda artist: str(artist.get_gid()).startswith("runs ")):
            artist.remove()
    drawn.set_layout_engine("constrained")
    if printed.width is not None and abs(drawn.get_figwidth() - printed.width) > 0.01:  # a fixed width
        scale = printed.width / drawn.get_figwidth()
        drawn.set_size_inches(printed.width, drawn.get_figheight() * max(scale, 0.7 * printed.font_size / 8.5))
    if figure.legend:
        _add_legend(drawn, [name for name in figure.legend if name in styles], styles)
    return drawn


def save(
    figure: sections.Figure,
    styles: Mapping[str, SeriesStyle],
    path: Path,
    form: str = "",
    printed: Print = ON_PAPER,
) -> None:
    """Write the figure. form: a file format of matplotlib such as "svg" or "pdf", by default the path's suffix."""
    metadata = {"pdf": {"CreationDate": None}, "svg": {"Date": None}}
    format_name = form or path.suffix[1:]
    with theme(PRINTED, printed):
        paper: dict[str, Any] = {} if format_name in metadata else {"facecolor": "white", "dpi": 200}
        drawn = draw_with_legend(figure, styles, printed)
        drawn.savefig(path, format=format_name, metadata=metadata.get(format_name), **paper)


def _add_legend(figure: Figure, labels: Sequence[str], styles: Mapping[str, SeriesStyle]) -> None:
    longest = max((len(shorten(label)) for label in labels), default=1) + 7
    width, size = figure.get_figwidth(), float(mpl.rcParams["legend.fontsize"])
    columns = max(1, min(len(labels), int(_LEGEND_CHARACTERS * width / WIDTH * 8 / size) // longest))
    figure.set_figheight(figure.get_figheight() + 0.1 + 0.19 * size / 8 * -(-len(labels) // columns))
    handles = [_legend_line(styles[label]) for label in labels]
    legend = figure.legend(handles=handles, loc="outside lower center", ncols=columns, frameon=False, handlelength=3)
    for text, label in zip(legend.get_texts(), labels):  # matplotlib leaves out labels that begin with "_"
        text.set_text(shorten(label))


def _legend_line(style: SeriesStyle) -> Line2D:
    return Line2D(
        [],
        [],
        color=style.colour,
        linestyle=style.linestyle,
        marker=style.marker,
        linewidth=1.6,
        markersize=4,
        label="a",
    )
