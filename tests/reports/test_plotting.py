"""Figures and tables in notebooks: `rlbench.load(...).plot`, and the example, executed cell by cell."""

import ast
import json
from pathlib import Path

import pytest
from support.report_pages import TASK, group, play, suite_of

import rlbench
from rlbench.api import RlbenchError, StoreError, Task
from rlbench.reports.notebook_plots import Plot, Plots

EXAMPLE = Path(__file__).parents[2] / "examples/results.ipynb"
GRID = [[(50, 1.0), (100, 2.0)]] * 5


@pytest.fixture
def results(tmp_path):
    tasks = [TASK, Task("Acrobot-v1", 100, TASK.evaluation)]
    groups = [group(name, 5, task, config={"n": name}) for name in ("<a>", "b") for task in tasks]
    store = suite_of(tmp_path / "s", groups)
    for g in groups:
        play(store, g, [1.0, 2.0, 3.0, 4.0, 5.0], GRID)
    return rlbench.load(tmp_path / "s")


def test_a_figure_shows_itself_and_can_be_saved_and_changed(results, tmp_path):
    plot = results.plot.curves("CartPole-v1")
    assert isinstance(plot, Plot) and plot._repr_svg_().count("<svg") == 1
    assert "&lt;a&gt;" in plot._repr_svg_() and "<a>" not in plot._repr_svg_()
    assert "CartPole-v1" in plot.caption and "IQM over runs" in plot.method
    for ending, begins in (("svg", b"<?xml"), ("pdf", b"%PDF"), ("png", b"\x89PNG")):
        assert plot.save(tmp_path / f"f.{ending}").read_bytes().startswith(begins)
    assert plot.draw().axes[0].get_xlabel() == "environment steps"
    with pytest.raises(StoreError, match="cannot be written"):
        plot.save(tmp_path / "f.docx")


def test_without_a_task_there_is_a_figure_for_each(results):
    plots = results.plot.scores()
    assert isinstance(plots, Plots) and len(plots) == 2
    assert plots._repr_html_().count("<svg") == 2 and "<?xml" not in plots._repr_html_()


def test_what_cannot_be_drawn_is_an_error_that_says_what_there_is(results):
    with pytest.raises(RlbenchError, match="no task 'Pong'; it has CartPole-v1, Acrobot-v1"):
        results.plot.curves("Pong")
    with pytest.raises(RlbenchError, match="use one of steps, cpu_seconds, wall_seconds"):
        results.plot.curves(against="hours")


def test_a_notebook_shows_the_table_with_names_as_text(results):
    shown = results._repr_html_()
    assert "<td>&lt;a&gt;</td>" in shown and "<a>" not in shown
    assert shown.count("<tr>") == 7 and "10 done" not in shown and "20 done" in shown


@pytest.mark.long
def test_the_example_runs_cell_by_cell_and_shows_what_it_ends_with(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    cells = [c for c in json.loads(EXAMPLE.read_text())["cells"] if c["cell_type"] == "code"]
    assert all(cell["outputs"] == [] for cell in cells)
    names, shown = {}, []
    for cell in cells:
        body = ast.parse("".join(cell["source"])).body
        last = body.pop() if isinstance(body[-1], ast.Expr) else None
        exec(compile(ast.Module(body, []), "cell", "exec"), names)
        if last is not None:
            value = eval(compile(ast.Expression(last.value), "cell", "eval"), names)
            shown.append(next(kind for kind in ("_repr_svg_", "_repr_html_", "__fspath__") if hasattr(value, kind)))
    assert shown == ["_repr_html_"] * 3 + ["_repr_svg_"] * 4 + ["_repr_html_", "__fspath__"]
    assert (tmp_path / "notebook.html").exists() and (tmp_path / "notebook-files/curves-CartPole-v1.pdf").exists()
