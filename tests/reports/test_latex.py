"""Tables in LaTeX that fit the column of a two-column article."""

import re

import pytest
from support.latex import complaints, needs_tex, widths_in_points
from support.report_pages import group, play, suite_of

from rlbench.analysis import Results
from rlbench.api import EvaluationProtocol, Task
from rlbench.api.sections import Table
from rlbench.reports.latex_cells import grid
from rlbench.reports.latex_layout import LINE, parts_of, total
from rlbench.reports.latex_tables import as_latex
from rlbench.reports.latex_text import SIZE, SMALL, latex, pieces, set_in_lines, width
from rlbench.reports.page import results_page
from rlbench.reports.report_files import every_part
from rlbench.reports.scores_section import matrix, summary
from rlbench.reports.style import letter

TASKS = ["CartPole-v1", "Acrobot-v1", "MountainCarContinuous-v0", "Pendulum-v1", "MiniGrid-DoorKey-16x16-v0"]
NAMES = ["ppo", "dueling_dqn", "my own variant of ppo with a longer name than most", "x" * 60, "50 % & $x_1$ \\~^#{}"]


def scores_of(folder, runs=6):
    """The results of a suite in which the algorithms' scores differ much, on tasks with long names; one algorithm has fewer runs."""
    protocol = EvaluationProtocol(every=50, episodes=2, final_episodes=3)
    ids = ["random", *["dqn"] * (len(NAMES) - 1)]
    groups = [
        (group(name, runs - (i == 1), Task(task, 100, protocol), ids[i], {"place": i}), i)
        for task in TASKS
        for i, name in enumerate(NAMES)
    ]
    store = suite_of(folder / "s", [one for one, _ in groups])
    for one, i in groups:
        play(store, one, [-1234.5 + 300 * i + 7.3 * seed for seed in one.seeds])
    return Results(store)


def every_table(page):
    return [part for _, _, parts in page.sections for part in every_part(parts) if isinstance(part, Table)]


@pytest.fixture(scope="module")
def tables(tmp_path_factory):
    return every_table(results_page(scores_of(tmp_path_factory.mktemp("results"))))


@needs_tex
@pytest.mark.parametrize("options", ["twocolumn,a4paper", "twocolumn,letterpaper,11pt", "a4paper"])
def test_no_table_of_a_report_sticks_out_of_its_column(tables, tmp_path, options):
    assert {"scores", "verdict", "hyperparameters-1", "provenance"} <= {table.name for table in tables}
    body = "\\clearpage\n".join(map(as_latex, tables))
    assert complaints(tmp_path, body, options) == []
    wide = r"\begin{tabular}{@{}l@{}}" + "x" * 200 + r"\end{tabular}"
    assert any("Overfull" in line for line in complaints(tmp_path, wide, options))  # it would be seen


@needs_tex
@pytest.mark.parametrize("size", [SIZE, SMALL])
def test_texts_are_no_wider_than_estimated(tmp_path, size):
    texts = [
        "499.8",
        "[422.7, 500.0]",
        "MountainCarContinuous-v0",
        "dueling_dqn",
        "WMWM ÉÖ",
        "−116.1",
        "fluffy (fi) 0–9",
    ]
    texts += [*map(chr, range(33, 127)), "descriptive only", "The Quick Brown Fox Jumps Over Lazy Dogs"]
    real = widths_in_points(tmp_path, map(latex, texts), size)
    assert len(real) == len(texts)
    assert [text for text, points in zip(texts, real) if points > width(text, size) + 0.01] == []
    bold = widths_in_points(tmp_path, [rf"\bfseries {latex(text)}" for text in texts], size)
    assert [text for text, points in zip(texts, bold) if points > width(text, size, bold=True) + 0.01] == []
    assert width("MountainCarContinuous-v0", size) < 1.25 * real[2]  # and not much narrower either


@pytest.mark.parametrize("columns", range(2, 12))
def test_every_part_of_a_table_fits_by_the_estimate(columns):
    header = ("algorithm", *(f"a task with a longer name {i}" for i in range(columns)))
    cell = "−1,234.5\n[−1,250.0, −1,220.0] · n = 5/5\ndescriptive only"
    table = Table("t", "T", header, [("", [(name, *[cell] * columns) for name in NAMES])], tuple(range(1, columns + 1)))
    _, parts = parts_of(grid(table))
    assert all(total([placed.width for placed in part]) <= LINE for part in parts)
    assert [placed.column.name for part in parts for placed in part[1:]] == list(header[1:])
    assert {part[0].column.name for part in parts} == {"algorithm"}


def test_an_interval_is_a_subscript_and_the_best_are_bold():
    cells = [("ppo", "499.8\n[422.7, 500.0] · n = 5/5"), ("a,b", "−1,012.0\n[−1,250.0, −1.5] · n = 4/5\nslow; odd")]
    table = Table("t", "T", ("algorithm", "return"), [("", cells)], (1,), bold={(0, 1)}, bold_note="Bold: best.")
    text = as_latex(table)
    assert r"ppo & $\mathbf{499.8}_{[422.7,\,500.0]}$ \tabularnewline" in text
    assert r"a,b & $-1{,}012.0_{[-1{,}250.0,\,-1.5]}^{\mathrm{a,b}}$ \tabularnewline" in text
    assert r"\caption{T. n = 5.}" in text and r"\label{tab:t}" in text and r"\toprule" in text
    assert (
        "Bold: best." in text and r"$^{\mathrm{a}}$\,n = 4/5\par" in text and r"$^{\mathrm{b}}$\,slow; odd\par" in text
    )


def test_marks_of_the_page_and_the_usual_number_of_runs_are_kept():
    cells = [("ppo", "499.8\n[422.7, 500.0]"), ("sac", "7.0\n[6.0, 8.0] · n = 4/5")]
    marks = {(0, 1): ["q", "p"], (1, 1): ["p"]}
    legend = [("p", "slow"), ("q", "not\nsure")]
    table = Table("t", "T", ("algorithm", "return"), [("", cells)], (1,), marks=marks, legend=legend, runs="5/5")
    text = as_latex(table)
    assert r"ppo & $499.8_{[422.7,\,500.0]}^{\mathrm{a,b}}$ \tabularnewline" in text
    assert r"sac & $7.0_{[6.0,\,8.0]}^{\mathrm{c,b}}$ \tabularnewline" in text
    assert [line for line in text.splitlines() if line.startswith(r"$^{\mathrm{")] == [
        r"$^{\mathrm{a}}$\,not sure\par", r"$^{\mathrm{b}}$\,slow\par", r"$^{\mathrm{c}}$\,n = 4/5\par"
    ]  # fmt: skip
    assert r"\caption{T. n = 5.}" in text


def test_a_column_of_intervals_spreads_notes_or_counts_joins_the_others():
    header = ("algorithm", "IQM", "±", "95 % interval", "n", "note")
    rows = [("a", "1.0", "0.5", "[0.5, 1.5]", "5/5", "slow; odd"), ("b", "2.0", "–", "–", "5/5", "")]
    lines = as_latex(Table("t", "T", header, [("", rows)], (1, 2, 3, 4))).splitlines()
    assert "algorithm & IQM \\tabularnewline" in lines
    assert r"a & $1.0 \pm 0.5_{[0.5,\,1.5]}^{\mathrm{a,b}}$ \tabularnewline" in lines
    assert r"b & $2.0$ \tabularnewline" in lines
    assert r"\caption{T. n = 5.}" in lines


def test_counts_that_differ_stand_in_headings_and_notes():
    header = ("algorithm", "IQM", "runs")
    groups = [("One", [("a", "1", "5, 5"), ("b", "2", "5, 5"), ("c", "3", "4, 5")]), ("Two", [("a", "1", "9/9")])]
    text = as_latex(Table("t", "T", header, groups, (1, 2)))
    assert r"\textit{One, n = 5 each}" in text and r"\textit{Two, n = 9}" in text
    assert r"c & $3^{\mathrm{a}}$" in text and r"$^{\mathrm{a}}$\,n = 4, 5\par" in text
    assert r"\caption{T.}" in text


def test_many_rows_become_several_floats_with_labels_of_their_own():
    groups = [
        (f"task {i}", [(f"a{j}", f"b{k}", "better", str(k)) for k in range(9)]) for i in range(4) for j in range(3)
    ]
    table = Table(
        "verdict", "Every", ("algorithm", "against", "a long word for the verdict", "difference"), groups, (3,)
    )
    text = as_latex(table)
    labels = re.findall(r"\\label\{(.*?)\}", text)
    assert labels == ["tab:verdict", *(f"tab:verdict-{i}" for i in range(2, len(labels) + 1))] and len(labels) > 2
    assert text.count(" & better & ") == 4 * 3 * 9
    assert rf"Part 1 of {len(labels)}." in text
    assert "longtable" not in text  # it is an error in two columns


def test_a_row_with_nothing_in_a_part_is_left_out_of_it():
    names = [f"MountainCarContinuous-{i}" for i in range(4)]
    rows = [("ppo", "1.0", "2.0", "", ""), ("sac", "", "", "3.0", "4.0")]
    text = as_latex(Table("t", "T", ("algorithm", *names), [("", rows)], (1, 2, 3, 4)))
    assert text.count(r"\begin{tabular}") == 2
    assert text.count("ppo &") == 1 and text.count("sac &") == 1


def test_what_was_computed_is_a_comment_that_no_name_can_leave():
    note = "100 % of\nruns \\end{table}"
    lines = as_latex(Table("t", "T", ("a",), [("", [("b",)])], note=note)).splitlines()
    assert "% 100 % of runs \\end{table}" in lines
    assert lines.count("\\end{table}") == 1


def test_the_highest_iqm_is_bold_and_so_are_those_that_it_is_not_shown_to_be_better_than(tmp_path):
    store = suite_of(
        tmp_path / "s", groups := [group(n, 8, algorithm=n, config={"n": n}) for n in ("low", "near", "best")]
    )
    for one, base in zip(groups, (0.0, 98.0, 100.0)):
        play(store, one, [base + i for i in range(8)])
    table = summary(Results(store), "")
    assert set(table.bold) == {(1, 1), (2, 1)}
    assert set(matrix(Results(store), "").bold) == {(1, 1), (2, 1)}
    assert table.units == ("", "return", "return", "runs", "return", "")


def test_texts_break_after_separators_and_anywhere_only_if_they_must():
    assert pieces("dueling_dqn v-1") == ["dueling_", "dqn ", "v-", "1"]
    assert set_in_lines("dueling_dqn", width("dueling_")) == ["dueling_", "dqn"]
    assert "".join(set_in_lines("x" * 50, 40.0)) == "x" * 50
    assert all(width(line) <= 40.0 for line in set_in_lines("x" * 50, 40.0))


def test_letters_continue_after_z():
    assert [letter(i) for i in (0, 25, 26, 51, 52)] == ["a", "z", "aa", "az", "ba"]


def test_a_name_of_any_length_is_cut_where_a_line_is_full():
    name = "lm" * 10_000
    parts = pieces(name, 80)
    assert "".join(parts) == name and all(width(part) <= 80 for part in parts)
    assert all(width(part + "l") > 80 or width(part + "m") > 80 for part in parts[:-1])
