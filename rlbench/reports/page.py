"""One HTML file for a result folder: scores, learning curves, what is missing, what it cost, and where it comes from.

The file is whole in itself (no script, no network), holds names and messages as text whatever they contain, and is the
same for the same results.
"""

from __future__ import annotations

from importlib import resources
from pathlib import Path
from typing import Any

import jinja2
from markupsafe import Markup

from rlbench.api import StoreError
from rlbench.reports.background import as_yaml, costs, parameters, protocol, provenance, seeds
from rlbench.reports.outcomes import banners, missing, skipped, state
from rlbench.reports.readings import read
from rlbench.reports.style import DARK, LIGHT, clean
from rlbench.reports.summary import chance_cells, pictures, summary
from rlbench.reports.times import legend, times
from rlbench.results import Store
from rlbench.results.files import replace_file


def write_report(store: Store, path: Path) -> Path:
    """Write the page of a result folder, whole or not at all. Works while the suite runs.

    Returns: path. Raises: StoreError where there are no results, or where `path` cannot be written.
    """
    text = render(store)
    try:
        replace_file(path, lambda draft: _write(draft, text))
    except OSError as error:
        raise StoreError(f"{path}: cannot be written: {error.strerror}; choose another place with -o FILE") from error
    return path


def _write(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8")


def render(store: Store) -> str:
    """The page as HTML. Raises: StoreError if this is no result folder, or a newer version's."""
    environment = jinja2.Environment(
        autoescape=True, undefined=jinja2.StrictUndefined, finalize=_plain, trim_blocks=True, lstrip_blocks=True
    )
    source = resources.files("rlbench.reports").joinpath("page.html.j2").read_text("utf-8")
    readings = read(store)
    tasks = [str(name) for name in readings.runs["environment"].unique()]
    time_goes = times(readings)
    return environment.from_string(source).render(
        name=readings.suite["suite"]["name"],
        state=state(readings.runs),
        banners=banners(readings),
        summary=summary(readings),
        chance=chance_cells(readings) != {},
        tasks=[(task, pictures(readings, task, f"t{i}")) for i, task in enumerate(tasks)],
        missing=missing(readings),
        skipped=skipped(readings.suite),
        costs=costs(readings),
        times=time_goes,
        parts=legend(time_goes),
        protocol=protocol(readings),
        seeds=seeds(readings),
        parameters=parameters(readings),
        provenance=provenance(readings),
        made_by=str(readings.suite.get("rlbench", "")),
        suite=as_yaml(readings.suite["suite"]),
        looks=readings.looks,
        colours=list(enumerate(zip(LIGHT, DARK))),
    )


def _plain(value: Any) -> Any:
    """What every `{{ … }}` of the template goes through, before it is escaped."""
    if isinstance(value, Markup | jinja2.Undefined):
        return value
    return "\n".join(map(clean, str(value).split("\n")))
