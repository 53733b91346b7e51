"""Sections come from plugins: rlbench's own, and a stranger's that behaves or does not."""

import json

import pytest
from support.cli import rlbench
from support.read_back import render, write_report
from support.report_pages import Page, group, play, suite_of

from rlbench.analysis import Results
from rlbench.api import StoreError
from rlbench.plugins import Plugins, load_plugins
from rlbench.reports.page import as_html, results_page

PLUGIN = """
from rlbench import SectionSpec, hookimpl
from rlbench.api.sections import Code, Figure, Folded, Heading, Links, Paragraph, Points, Section, Table

def everything(readings):
    def draw():
        import matplotlib.figure
        figure = matplotlib.figure.Figure()
        figure.add_subplot().imshow([[0, 1], [1, 0]])
        return figure
    return Section([
        Heading("<h>", "mine"), Paragraph("<p>&amp;"), Points([("<li>", "x")]), Code("<script>alert(1)</script>"),
        Links([("<a>", "videos/a b'\\"><x>.mp4")]), Table("own", "<t>", ("<th>",), [("<g>", [("<td>",)])], note="<n>"),
        Folded("<summary>", [Figure("own", draw, "<alt>", "<caption>", "<method>", ["nobody"])]),
    ])

def broken(readings):
    raise ValueError("<b>no</b>")

@hookimpl
def rlbench_report_sections():
    return [
        SectionSpec("own", "My <own>", everything, 210),
        SectionSpec("nothing", "Nothing", lambda readings: None),
        SectionSpec("broken", "Broken", broken),
        SectionSpec("scores", "Taken", everything),
        SectionSpec("later", "Later", everything, api_version=3),
    ]
"""


def test_a_strangers_section_stands_in_its_place_as_text_and_a_broken_one_says_so(tmp_path):
    (tmp_path / "own.py").write_text(PLUGIN)
    g = group("mine", 3)
    store = suite_of(tmp_path / "s", [g])
    play(store, g, [1.0, 2.0, 3.0])
    plugins = load_plugins([tmp_path / "own.py"])
    page = results_page(Results(store), plugins)
    names = [name for name, _, _ in page.sections]
    assert names.index("own") == names.index("scores") + 1
    assert "nothing" not in names and "later" not in names and names.count("scores") == 1
    assert page.problems == [
        "section 'scores' of own.py is left out: the name is taken",
        "section 'later' of own.py is made for a newer rlbench (plugin API 3, here 2); update rlbench",
        "section 'broken' of the report: ValueError: <b>no</b>",
    ]
    read = Page(render(store, plugins))
    assert not {"script", "x", "b", "own", "alt"} & {tag for tag, _ in read.tags}
    assert "This section failed. ValueError: <b>no</b>" in read.text
    assert [a["href"] for t, a in read.tags if t == "a" and "videos" in a["href"]] == [
        "videos/a%20b%27%22%3E%3Cx%3E.mp4"
    ]


def test_the_built_in_sections_are_registered_as_a_strangers_would_be(tmp_path):
    specs, problems = load_plugins().reports()
    assert problems == [] and [spec.order for spec in specs] == sorted(spec.order for spec in specs)
    assert specs[0].name == "verdict"
    entry = next(plugin for plugin in load_plugins().plugins if plugin.name == "report")
    assert entry.target == "rlbench.reports.builtin_sections"


def test_videos_in_the_folder_are_linked_from_where_the_page_lies(tmp_path):
    g = group("mine", 3)
    store = suite_of(tmp_path / "s", [g])
    play(store, g, [1.0, 2.0, 3.0])
    (tmp_path / "s/videos").mkdir()
    (tmp_path / f"s/videos/{g.runs[1].name}.mp4").write_bytes(b"")
    (tmp_path / "s/videos/.begun.mp4").write_bytes(b"")
    page = results_page(Results(store), place=tmp_path / "elsewhere")
    ((text, path),) = {name: parts for name, _, parts in page.sections}["videos"][0].entries
    assert text == "mine on CartPole-v1, seed 1" and path == f"videos/{g.runs[1].name}.mp4"
    assert f'href="../s/videos/{g.runs[1].name}.mp4"' in as_html(page)


def test_sections_are_listed(tmp_path):
    (tmp_path / "own.py").write_text(PLUGIN)
    rows = json.loads(rlbench("ls", "reports", "--plugin", tmp_path / "own.py", "--json").stdout)
    assert [row["name"] for row in rows][:3] == ["verdict", "scores", "own"]
    assert {"name": "own", "title": "My <own>", "order": 210} in rows


def test_where_no_sections_are_installed_the_page_that_is_there_is_kept(tmp_path):
    store = suite_of(tmp_path, [group("mine", 3)])
    (tmp_path / "report.html").write_text("the old one")
    with pytest.raises(StoreError, match=r"no report sections are installed; reinstall rlbench \(make install\)"):
        write_report(store, tmp_path / "report.html", Plugins())
    assert (tmp_path / "report.html").read_text() == "the old one"
