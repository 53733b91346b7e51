"""`rlbench.load`: a result folder in Python, with the report's figures (`plot`), its page (`report`) and a notebook
table.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from markupsafe import Markup, escape

from rlbench.analysis.suite_results import Results, SuppliedAnchors

if TYPE_CHECKING:
    from rlbench.api.sections import Table
    from rlbench.reports.notebook_plots import Plotter


class NotebookResults(Results):
    __doc__ = Results.__doc__

    @property
    def plot(self) -> Plotter:
        """Figures: curves(), scores(), metrics(), aggregates(), profile(), efficiency(), improvement()."""
        from rlbench.reports.notebook_plots import Plotter  # imports matplotlib

        return Plotter(self)

    def report(self, path: str | os.PathLike[str] | None = None, files: str | os.PathLike[str] | None = None) -> Path:
        """Write the page, by default to report.html in the folder, and return its path.

        files: a folder to which the page's tables and figures are written too, each as a file. Raises: StoreError if
        the page cannot be written.
        """
        from rlbench.reports.page import results_page, write_page
        from rlbench.reports.report_files import write_files

        target = Path(path) if path is not None else self.folder / "report.html"
        page = results_page(self, place=target.parent)
        if files is not None:
            write_files(page, Path(files))
        return write_page(page, target)

    def _repr_html_(self) -> str:
        from rlbench.reports.scores_section import summary

        return _as_html(summary(self, ""), repr(self))


def _as_html(table: Table, caption: str) -> str:
    """Write the table as plain HTML, with all text escaped."""
    head = Markup("").join(Markup("<th>{}</th>").format(name) for name in table.header)
    rows = []
    for title, group in table.groups:
        rows.append(
            Markup('<tr><th colspan="{}" style="text-align: left">{}</th></tr>').format(len(table.header), title)
        )
        rows += [
            Markup("<tr>{}</tr>").format(Markup("").join(Markup("<td>{}</td>").format(cell) for cell in row))
            for row in group
        ]
    body = Markup("").join(rows)
    return str(Markup("<p>{}</p><table><tr>{}</tr>{}</table>").format(escape(caption), head, body))


def load(folder: str | os.PathLike[str], anchors: SuppliedAnchors | None = None) -> NotebookResults:
    """Read a result folder as it is now. anchors: as in `Results`.

    Raises: StoreError if it is not a result folder or was written by a newer rlbench; AnchorsError for invalid anchors.
    """
    return NotebookResults(os.fspath(folder), anchors)
