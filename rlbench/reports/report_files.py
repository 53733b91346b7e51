"""The page's tables as CSV, Markdown and LaTeX, and its figures as SVG and PDF, in a folder of their own.

Names come from a suite and may contain anything, so each format escapes them: spreadsheets run cells that begin like a
formula, and Markdown and LaTeX have special characters.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path

from rlbench.api.sections import Beside, Figure, Folded, Part, Table
from rlbench.reports.latex_tables import as_latex
from rlbench.reports.page import Page
from rlbench.reports.style import clean
from rlbench.reports.svg_figures import ON_PAPER, Print, save
from rlbench.results.file_io import make_folder, replace_file, unwritable
from rlbench.results.table_export import escape_formula
from rlbench.text import escape_markdown

FORMATS = ("svg", "pdf")


def write_files(page: Page, folder: Path, formats: Sequence[str] = FORMATS, printed: Print = ON_PAPER) -> list[Path]:
    """Write every table and figure of the page into `folder`, replacing files of the same name. Returns: the files.

    formats: file formats of the figures: "svg", "pdf", "png". printed: the size of figures and of their text.

    Raises: StoreError or DiskFull if a file cannot be written.
    """
    make_folder(folder)
    written: list[Path] = []
    for part in (part for _, _, parts in page.sections for part in every_part(parts)):
        if isinstance(part, Table):
            for ending, form in (("csv", as_csv), ("md", as_markdown), ("tex", as_latex)):
                written.append(_write(folder / f"{part.name}.{ending}", _text(form(part))))
        elif isinstance(part, Figure):
            for ending in formats:
                draw = partial(save, part, page.styles, form=ending, printed=printed)
                written.append(_write(folder / f"{part.name}.{ending}", draw))
    return written


def every_part(parts: Sequence[Part]) -> Iterator[Part]:
    """Yield all parts, including those that are folded away."""
    for part in parts:
        yield part
        if isinstance(part, Folded):
            yield from every_part(part.parts)
        elif isinstance(part, Beside):
            yield from every_part([*part.left, *part.right])


def _text(text: str) -> Callable[[Path], None]:
    def write(path: Path) -> None:
        path.write_text(text, encoding="utf-8")

    return write


def _write(path: Path, write: Callable[[Path], None]) -> Path:
    try:
        replace_file(path, write)
    except OSError as error:
        raise unwritable(path, error) from error
    return path


def _rows(table: Table) -> tuple[list[str], list[list[str]]]:
    """Return header and rows, every cell on one line; the groups' titles, if any, form the first column."""
    grouped = any(title for title, _ in table.groups)
    units = table.units or ("",) * len(table.header)
    named = [f"{name} ({unit})" if unit else name for name, unit in zip(table.header, units)]
    header = [*(["group"] if grouped else []), *named]
    titled = [(title, row) for title, rows in table.groups for row in rows]
    rows = [
        [*([title] if grouped else []), *(_with_marks(cell, table.marks.get((at, c))) for c, cell in enumerate(row))]
        for at, (title, row) in enumerate(titled)
    ]
    return [clean(cell) for cell in header], [[clean(cell) for cell in row] for row in rows]


def _with_marks(cell: str, marks: Sequence[str] | None) -> str:
    return f"{cell} ({', '.join(marks)})" if marks else cell


def notes_of(table: Table) -> str:
    """Return what the table's marks mean, its note, and what bold means, as one text; "" if there are none."""
    legend = "; ".join(f"({letter}) {text}" for letter, text in table.legend)
    return " ".join(filter(None, [f"{legend}." if legend else "", table.note, table.bold_note]))


def as_csv(table: Table) -> str:
    """Write a table as CSV. Numbers have a plain minus sign; text that a spreadsheet would run begins with a single
    quote.
    """
    header, rows = _rows(table)
    first = len(header) - len(table.header)
    numbers = {place + first for place in table.numbers}
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow([escape_formula(cell) for cell in header])
    for row in rows:
        writer.writerow([_number(cell) if place in numbers else escape_formula(cell) for place, cell in enumerate(row)])
    return out.getvalue()


def _number(cell: str) -> str:
    """Convert a number to the form that programs read, and keep anything else as text."""
    plain = cell.replace("−", "-").replace(",", "")
    try:
        float(plain)
    except ValueError:
        return "" if cell == "–" else escape_formula(cell)
    return plain


def as_markdown(table: Table) -> str:
    """Write a table as a pipe table under its title."""
    header, rows = _rows(table)
    numbers = {place + len(header) - len(table.header) for place in table.numbers}
    ruler = ["--:" if place in numbers else "---" for place in range(len(header))]
    lines = [
        [escape_markdown(cell) for cell in header],
        ruler,
        *([escape_markdown(cell) for cell in row] for row in rows),
    ]
    text = "\n".join(f"| {' | '.join(line)} |" for line in lines)
    note = f"\n\n{escape_markdown(clean(notes))}" if (notes := notes_of(table)) else ""
    return f"**{escape_markdown(clean(table.title))}**\n\n{text}{note}\n"
