"""One HTML file for a result folder, made of sections that plugins register; the built-in ones among them.

The file is whole in itself (no script, no network), holds names and messages as text whatever they contain, and is the
same for the same results.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import groupby
from pathlib import Path
from typing import Any
from urllib.parse import quote

import jinja2
from markupsafe import Markup

from rlbench.analysis import Anchors
from rlbench.analysis.final_scores import corrupt_of
from rlbench.api import ReportSpec, StoreError
from rlbench.api.sections import Figure, Paragraph, Part
from rlbench.plugins import Plugins, load_plugins
from rlbench.reports.incomplete_runs import banners, state
from rlbench.reports.report_data import Readings, read
from rlbench.reports.style import DARK, LIGHT, Look, clean
from rlbench.reports.svg_figures import inline
from rlbench.results import Store
from rlbench.results.file_io import replace_file


@dataclass(frozen=True)
class Page:
    """A page before it is drawn. sections: each one's name, title and parts. problems: what went wrong with a section;
    corrupt: a sentence for each run that is damaged.
    """

    title: str
    state: str
    banners: Sequence[tuple[str, Sequence[str]]]
    sections: Sequence[tuple[str, str, Sequence[Part]]]
    looks: Mapping[str, Look]
    problems: Sequence[str] = ()
    corrupt: Sequence[str] = ()


def write_report(store: Store, path: Path, plugins: Plugins | None = None) -> Path:
    """Write the page of a result folder, whole or not at all. Works while the suite runs.

    plugins: where sections are looked for; all that are installed by default. Returns: path. Raises: StoreError where there
    are no results, or where `path` cannot be written.
    """
    return write_page(results_page(store, plugins, path.parent), path)


def write_page(page: Page, path: Path) -> Path:
    """Raises: StoreError where `path` cannot be written."""
    text = as_html(page)
    try:
        replace_file(path, lambda draft: _write(draft, text))
    except OSError as error:
        raise StoreError(f"{path}: cannot be written: {error.strerror}; choose another place with -o FILE") from error
    return path


def _write(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8")


def render(store: Store, plugins: Plugins | None = None) -> str:
    """The page as HTML. Raises: StoreError if this is no result folder, or a newer version's."""
    return as_html(results_page(store, plugins))


def results_page(
    store: Store,
    plugins: Plugins | None = None,
    place: Path | None = None,
    anchors: Mapping[str, Anchors] | None = None,
) -> Page:
    """The page of one result folder. place: the folder that the page is written to, if not its own; links start there.
    anchors: to be taken before the suite's own and the shipped ones.

    Raises: StoreError if it is none, or a newer version's, or no sections are installed.
    """
    specs, problems = (plugins or load_plugins()).reports()
    if not specs:  # entry points are fixed when a package is installed; an empty page would replace a good one
        why = "; ".join(["", *problems])
        raise StoreError(f"no report sections are installed; install again (make install){why}")
    readings = read(store, place, anchors)
    sections = []
    for spec in specs:
        parts, problem = _parts(spec, readings)
        problems += [problem] if problem else []
        sections += [(spec.name, spec.title, parts)] if parts else []
    return Page(
        readings.suite["suite"]["name"],
        state(readings.runs),
        banners(readings),
        sections,
        readings.looks,
        problems,
        corrupt_of(readings.runs),
    )


def _parts(spec: ReportSpec, readings: Readings) -> tuple[Sequence[Part], str]:
    """A section's parts, none if it has nothing to show; and what went wrong."""
    try:
        section = spec.section(readings)
        return (section.parts if section is not None else ()), ""
    except Exception as error:  # noqa: BLE001 - a stranger's section must not take the page along
        problem = f"section {spec.name!r} of the report: {type(error).__name__}: {error}"
        return [Paragraph(f"This section could not be made. {type(error).__name__}: {error}")], problem


def as_html(page: Page) -> str:
    """The page as one HTML document, every text in it escaped; figures are drawn now."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        finalize=_plain,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals.update(
        looks=page.looks,
        kind_of=lambda part: type(part).__name__,
        grouped=lambda parts: list(_grouped(parts)),
        drawn=partial(_drawn, {}),
        path_of=lambda path: quote(path, safe="/."),
    )
    return environment.get_template("page.html.j2").render(
        title=page.title,
        state=page.state,
        banners=page.banners,
        sections=page.sections,
        colours=list(enumerate(zip(LIGHT, DARK))),
        series=sorted(look.index for look in page.looks.values()),
    )


def _drawn(drawn: dict[str, Markup], figure: Figure) -> Markup:
    """Each figure once: the template may ask again."""
    if figure.name not in drawn:
        drawn[figure.name] = inline(figure)
    return drawn[figure.name]


def _grouped(parts: Sequence[Part]) -> Iterator[tuple[list[Figure], list[Part]]]:
    """Runs of figures, which stand side by side, and of everything else."""
    for figures, run in groupby(parts, key=lambda part: isinstance(part, Figure)):
        together = list(run)
        yield ([part for part in together if isinstance(part, Figure)], [] if figures else together)


def _plain(value: Any) -> Any:
    """What every `{{ … }}` of the template goes through, before it is escaped."""
    if isinstance(value, Markup | jinja2.Undefined):
        return value
    return "\n".join(map(clean, str(value).split("\n")))
