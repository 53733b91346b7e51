"""The table of scores: what is bold, what has a mark, and how often n is said."""

import pytest
from support.report_pages import TASK, Page, group, page_of, play, suite_of

from rlbench.analysis import Results
from rlbench.api import Task
from rlbench.api.sections import Beside, Folded, Section, Table
from rlbench.reports.page import as_html, results_page
from rlbench.reports.report_files import as_csv, as_markdown, every_part
from rlbench.reports.scores_section import matrix, section
from rlbench.reports.style import Letters

ACROBOT = Task("Acrobot-v1", 100, TASK.evaluation)


def around(centre, runs=8):
    return [centre + i for i in range(runs)]


def scored(root, scores, tasks=(TASK,)):
    groups = [group(name, len(values), task, name, {"n": name}) for name, values in scores.items() for task in tasks]
    store = suite_of(root, groups)
    for g in groups:
        play(store, g, scores[g.label])
    return Results(store)


def in_bold(table):
    rows = table.groups[0][1]
    return {(rows[row][0], table.header[column]) for row, column in table.bold}


def test_the_best_and_those_it_is_not_shown_to_beat_are_bold(tmp_path):
    results = scored(
        tmp_path, {"low": around(0.0), "also": around(200.0), "high": around(200.5), "random": around(900.0)}
    )
    assert in_bold(matrix(results, "")) == {("also", "CartPole-v1"), ("high", "CartPole-v1")}


def test_nothing_is_bold_where_the_best_is_not_shown_to_beat_anybody(tmp_path):
    table = matrix(scored(tmp_path, {"a": around(0.0, 3), "b": around(100.0, 3)}), "")
    assert in_bold(table) == set() and "Bold" not in table.note


def test_notes_are_letters_with_one_legend(tmp_path):
    results = scored(
        tmp_path, {"random": around(9.0), "a": around(10.0), "b": around(8.0, 4), "c": around(300.0)}, [TASK, ACROBOT]
    )
    table = matrix(results, "")
    assert table.legend == [("a", "not shown to be better than random"), ("b", "descriptive only")]
    assert table.marks == {(1, 1): ["a"], (1, 2): ["a"], (2, 1): ["a", "b"], (2, 2): ["a", "b"]}
    assert [cell.split("\n")[0] for cell in table.groups[0][1][2]] == ["b", "9.5", "9.5"]


def test_after_z_letters_are_doubled():
    assert Letters().of([str(i) for i in range(28)])[25:] == ["z", "aa", "ab"]


def test_n_is_said_once_and_in_cells_that_differ(tmp_path):
    results = scored(tmp_path, {"a": around(0.0), "b": around(0.0), "c": around(0.0, 6)})
    table = matrix(results, "")
    assert table.note == "n = 8/8 unless a cell has another n."
    assert ["n = " in row[1] for row in table.groups[0][1]] == [False, False, True]
    same = scored(tmp_path / "same", {"a": around(0.0)})
    assert matrix(same, "").note == "n = 8/8 in every cell."


def test_bold_and_marks_reach_the_page_and_the_files(tmp_path):
    results = scored(tmp_path, {"a": around(0.0), "b": around(200.0), "random": around(1.0)})
    read = Page(as_html(results_page(results)))
    cells = {row[0].strip(): "".join(row[1].split()) for row in read.rows if len(row) == 2}
    assert cells["a"].startswith("3.5a[") and cells["b"].startswith("203.5[")
    table = matrix(results, "")
    assert "(a)" in as_csv(table).splitlines()[1] and "(a)" not in as_csv(table).splitlines()[2]
    assert "(a) not shown to be better than random. n = 8/8" in as_markdown(table)


@pytest.mark.parametrize("tasks", [1, 3, 7])
def test_dot_plots_are_beside_the_table_and_folded_where_there_are_many(tmp_path, tasks):
    chosen = [Task(f"T{i}-v0", 100, TASK.evaluation) for i in range(tasks)]
    found = section(scored(tmp_path, {"a": around(0.0)}, chosen))
    assert isinstance(found, Section)
    if tasks == 7:
        table, folded, _ = found.parts
        assert isinstance(table, Table) and isinstance(folded, Folded)
    else:
        assert isinstance(found.parts[0], Beside)
    names = [part.name for part in every_part(found.parts) if hasattr(part, "name")]
    assert names == ["scores", *(f"scores-T{i}-v0" for i in range(tasks)), "scores-by-task"]


def test_tables_and_figures_have_the_suites_order(tmp_path):
    results = scored(tmp_path, {"worst": around(0.0), "best": around(300.0), "middle": around(100.0)}, [TASK, ACROBOT])
    parts = {name: list(every_part(parts)) for name, _, parts in results_page(results).sections}
    assert [row[0] for row in parts["scores"][1].groups[0][1]] == ["worst", "best", "middle"]
    figure = next(part for part in parts["aggregates"] if getattr(part, "wide", False))
    labels = [label.get_text() for label in figure.draw().axes[0].get_yticklabels()]
    assert labels == ["worst", "best", "middle"]
    assert figure.caption.startswith("best has the highest IQM")


def test_a_task_without_scores_has_no_dot_plot(tmp_path):
    store = suite_of(tmp_path, [group("a", 3)])
    assert "CartPole-v1: No run is finished yet." in page_of(store).text
