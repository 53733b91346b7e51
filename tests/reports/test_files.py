"""Tables and figures as files, in which every name is text."""

import csv
import io
from email.message import Message

import pytest
from support.report_pages import group, play, suite_of

from rlbench.analysis import Results
from rlbench.api import StoreError
from rlbench.api.sections import Table
from rlbench.reports.citation import bibtex
from rlbench.reports.latex_tables import as_latex
from rlbench.reports.latex_text import latex
from rlbench.reports.page import results_page
from rlbench.reports.report_files import as_csv, as_markdown, write_files

NAMES = [
    "=cmd()",
    "+1",
    "-2+3",
    "@SUM(A1)",
    "\t=x",
    "a,b",
    'say "x"',
    "a\nb",
    "\x1b[31mred",
    "<b>",
    "50 % & $x_1$ \\~^#{}",
]


def table(*rows):
    return Table("t", "A title", ("algorithm", "IQM", "note"), [("CartPole-v1", rows)], (1,), note="How it was done.")


def test_csv_reads_back_with_numbers_and_without_formulas():
    rows = list(csv.reader(io.StringIO(as_csv(table(*[(name, "−1,234.5", "–") for name in NAMES])))))
    assert rows[0] == ["group", "algorithm", "IQM", "note"]
    assert [row[1] for row in rows[1:5]] == ["'=cmd()", "'+1", "'-2+3", "'@SUM(A1)"]
    assert not any(cell.lstrip().startswith(("=", "+", "@")) for row in rows for cell in row)
    assert {row[2] for row in rows[1:]} == {"-1234.5"}
    assert rows[6][1] == "a,b" and rows[8][1] == "a b" and rows[9][1] == "[31mred"


def test_units_stand_in_the_header_of_csv_and_markdown():
    scores = Table("t", "T", ("algorithm", "IQM"), [("", [("a", "1.0")])], (1,), units=("", "return"))
    assert as_csv(scores).splitlines() == ["algorithm,IQM (return)", "a,1.0"]
    assert as_markdown(scores).splitlines()[2] == "| algorithm | IQM (return) |"


def test_markdown_holds_names_as_text_in_one_row_each():
    lines = as_markdown(table(("a|b", "1.0", "<img src=x>"), ("*x*_y_", "2.0", "[a](b)"))).splitlines()
    assert lines[0] == "**A title**"
    assert lines[3] == "| --- | --- | --: | --- |"
    assert lines[4] == r"| CartPole-v1 | a\|b | 1.0 | &lt;img src=x&gt; |"
    assert lines[5] == r"| CartPole-v1 | \*x\*\_y\_ | 2.0 | \[a\](b) |"


def test_latex_prints_what_means_something_to_it():
    text = as_latex(table((r"50 % & $x_1$ \~^#{}", "−1.0", "[0, 1]")))
    row = next(line for line in text.splitlines() if line.startswith("50"))
    assert row == (
        r"50 \% \& \$x\_1\$ \textbackslash{}\textasciitilde{}\textasciicircum{}\#\{\} & $-1.0^{\mathrm{a}}$ \tabularnewline"
    )
    assert r"$^{\mathrm{a}}$\,{}[0, 1]\par" in text
    assert latex("1 → 2") == r"1 $\to$ 2"
    assert r"\caption{A title.}" in text and r"\begin{tabular}{@{}lr@{}}" in text


def test_every_table_and_figure_of_the_page_is_written(tmp_path):
    groups = [group(name, 5, config={"n": name}) for name in ("a", "b")]
    store = suite_of(tmp_path / "s", groups)
    for g in groups:
        play(store, g, [1.0, 2.0, 3.0, 4.0, 5.0], [[(50, 1.0), (100, 2.0)]] * 5)
    written = write_files(results_page(Results(store)), tmp_path / "files")
    assert sorted(path.name for path in written) == sorted(path.name for path in (tmp_path / "files").iterdir())
    names = {path.name for path in written}
    assert {
        "scores-by-task.csv",
        "scores-by-task.md",
        "scores-by-task.tex",
        "curves-CartPole-v1.svg",
        "curves-CartPole-v1.pdf",
    } <= names
    assert (tmp_path / "files/curves-CartPole-v1.pdf").read_bytes().startswith(b"%PDF")
    assert "var(--" not in (tmp_path / "files/curves-CartPole-v1.svg").read_text()  # it stands for itself
    again = write_files(results_page(Results(store)), tmp_path / "again")
    assert [path.read_bytes() for path in written] == [path.read_bytes() for path in again]


def test_a_folder_that_cannot_be_made_is_an_error(tmp_path):
    (tmp_path / "file").write_text("")
    store = suite_of(tmp_path / "s", [group()])
    with pytest.raises(StoreError, match="cannot be written"):
        write_files(results_page(Results(store)), tmp_path / "file/x")


def test_bibtex_has_author_year_and_address():
    package = Message()
    package["Author"] = "A. Group"
    assert bibtex("0.2.0", "abc", package).splitlines()[1:6] == [
        "  author = {{A. Group}},",
        "  title = {{rlbench: which reinforcement-learning algorithm is better, and how sure are we?}},",
        "  year = {2026},",
        "  version = {0.2.0},",
        "  note = {Version 0.2.0, commit abc},",
    ]
    package["Project-URL"] = "Source, https://example.org/rlbench"
    assert "  url = {https://example.org/rlbench}," in bibtex("0.2.0", "", package).splitlines()
