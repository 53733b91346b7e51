"""The HTML page of a result folder, made of sections that are registered by plugins and by rlbench itself.

The file is self-contained: no script, no network. Names and messages are text, whatever they contain. Equal results
give an equal file.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import groupby
from pathlib import Path
from typing import Any
from urllib.parse import quote

import jinja2
from markupsafe import Markup

from rlbench.analysis import Results
from rlbench.analysis.final_scores import corrupt_of
from rlbench.api import SectionSpec, StoreError
from rlbench.api.sections import Figure, Paragraph, Part
from rlbench.api.series_styles import DARK, GREY, LIGHT, SeriesStyle
from rlbench.messages import error_text
from rlbench.plugins import Plugins, load_plugins
from rlbench.reports.incomplete_runs import banners, state
from rlbench.reports.line_segments import segmented
from rlbench.reports.page_inputs import NAME, PageInputs, page_inputs
from rlbench.reports.style import clean
from rlbench.reports.svg_figures import inline
from rlbench.results.file_io import replace_file


@dataclass(frozen=True)
class Page:
    """A page before it is drawn. sections: name, title and parts of each. problems: errors of sections.

    corrupt: one sentence for each damaged run. folder: the result folder; the paths of links are relative to it. place:
    the folder that the page is written to. inputs: hashes of what the page is made from.
    """

    title: str
    state: str
    banners: Sequence[tuple[str, Sequence[str]]]
    sections: Sequence[tuple[str, str, Sequence[Part]]]
    styles: Mapping[str, SeriesStyle]
    problems: Sequence[str] = ()
    corrupt: Sequence[str] = ()
    folder: Path = Path()
    place: Path = Path()
    inputs: PageInputs | None = None


def write_page(page: Page, path: Path) -> Path:
    """Write a page as HTML. Raises: StoreError if `path` cannot be written."""
    text = as_html(page)
    try:
        replace_file(path, lambda draft: _write(draft, text))
    except OSError as error:
        raise StoreError(f"{path}: cannot be written: {error.strerror}; choose another place with -o FILE") from error
    return path


def _write(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8")


def results_page(results: Results, plugins: Plugins | None = None, place: Path | None = None) -> Page:
    """Return the page of one result folder.

    plugins: the plugins whose sections the page has; default: all installed ones. place: the folder that the page is
    written to, if not the result folder. Raises: StoreError if no sections are installed.
    """
    plugins = plugins or load_plugins()
    inputs = page_inputs(results, plugins, place or results.folder)  # first, because the results may change meanwhile
    specs, problems = plugins.reports()
    if not specs:  # the installation is at fault; writing an empty page would replace a good one
        why = "; ".join(["", *problems])
        raise StoreError(f"no report sections are installed; reinstall rlbench (make install){why}")
    sections = []
    for spec in specs:
        parts, problem = _parts(spec, results)
        problems += [problem] if problem else []
        sections += [(spec.name, spec.title, parts)] if parts else []
    return Page(
        results.name,
        state(results.rows),
        banners(results),
        sections,
        results.styles,
        problems,
        corrupt_of(results.rows),
        results.folder,
        place or results.folder,
        inputs,
    )


def _parts(spec: SectionSpec, results: Results) -> tuple[Sequence[Part], str]:
    """Return the parts of a section (none if it has nothing to show), and its error ("" if there is none)."""
    try:
        section = spec.section(results)
        return (section.parts if section is not None else ()), ""
    except Exception as error:  # noqa: BLE001 - a third-party section must not break the page
        problem = f"section {spec.name!r} of the report: {error_text(error)}"
        return [Paragraph(f"This section failed. {error_text(error)}")], problem


def as_html(page: Page) -> str:
    """Return the page as one HTML document with all text escaped. Draws the figures."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        finalize=_plain,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals.update(
        styles=page.styles,
        kind_of=lambda part: type(part).__name__,
        grouped=lambda parts: list(_grouped(parts)),
        drawn=partial(_drawn, {}),
        segmented=segmented,
        path_of=partial(_path_of, page),
    )
    return environment.get_template("page.html.j2").render(
        title=page.title,
        inputs=page.inputs and (NAME, " ".join(page.inputs)),
        state=page.state,
        banners=page.banners,
        sections=page.sections,
        colours=list(enumerate(zip((*LIGHT, GREY[0]), (*DARK, GREY[1])))),
        series=sorted(style.index for style in page.styles.values()),
    )


def _path_of(page: Page, path: str) -> str:
    """Return a link's path relative to the page, escaped for a URL."""
    target, start = os.path.realpath(page.folder / path), os.path.realpath(page.place)
    return quote(Path(os.path.relpath(target, start)).as_posix(), safe="/.")


def _drawn(drawn: dict[str, Markup], figure: Figure) -> Markup:
    """Return the markup of a figure, drawing each figure only once: the template may request it again."""
    if figure.name not in drawn:
        drawn[figure.name] = inline(figure)
    return drawn[figure.name]


def _grouped(parts: Sequence[Part]) -> Iterator[tuple[list[Figure], list[Part]]]:
    """Yield consecutive parts in groups: either figures, which the page shows side by side, or other parts."""
    for figures, run in groupby(parts, key=lambda part: isinstance(part, Figure)):
        together = list(run)
        yield ([part for part in together if isinstance(part, Figure)], [] if figures else together)


def _plain(value: Any) -> Any:
    """Clean a value that the template inserts with `{{ … }}`, before it is escaped."""
    if isinstance(value, Markup | jinja2.Undefined):
        return value
    return "\n".join(map(clean, str(value).split("\n")))
