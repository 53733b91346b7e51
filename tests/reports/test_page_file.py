"""The page as a file: whole in itself, the same for the same results, and drawn whatever the results are."""

import json
import re
import shutil
import subprocess
import sys

import pytest
from click.testing import CliRunner
from support.read_back import render, write_report
from support.report_pages import BAD, TASK, Page, group, page_of, play, suite_of

from rlbench.api import StoreError, Task, Wrapper
from rlbench.cli.commands.report import report
from rlbench.reports.style import clean, shorten
from rlbench.results import JsonlSink, Store, publish
from rlbench.results.checksums import with_checksum
from rlbench.results.file_io import write_json


# -- the file --------------------------------------------------------------------------------------------------------
def test_names_arrive_as_text_wherever_they_stand(tmp_path):
    def hostile(*names):
        label, env, message, parameter = names
        task = Task(env, 100, TASK.evaluation, {parameter: message}, (Wrapper(label),))
        g = group(label, 4, task, label, {parameter: env})
        store = suite_of(tmp_path / str(len(label)), [g], note=message)
        grid = [[(50, 1.0), (100, 2.0)]] * 3
        attempt = play(store, g, [1.0, 2.0, 3.0, None], grid, message=message, versions={parameter: label})
        write_json(attempt / "exit.json", {"status": "failed", "message": message})
        play(store, g, [None, None, None, 4.0], status="diverged", message=message, code={parameter: message})
        suite = json.loads((store.root / "suite.json").read_text())
        pair = {"algorithm": label, "environment": env, "reason": message}
        write_json(store.root / "suite.json", with_checksum({**suite, "skipped": [pair]}))
        return page_of(store)

    harmless, harmful = hostile("mine", "Task-v0", "why", "lr"), hostile(*BAD)
    assert [tag for tag, _ in harmful.tags] == [tag for tag, _ in harmless.tags]
    assert [set(attributes) for _, attributes in harmful.tags] == [set(attributes) for _, attributes in harmless.tags]
    assert all(name in "".join(harmful.texts) for name in BAD)
    assert harmful.texts.count(shorten(BAD[0])) == 1  # beside the dots


def test_control_characters_do_not_arrive(tmp_path):
    g = group("a\x00b\x1b[31mc\u202ed", 3)
    store = suite_of(tmp_path, [g])
    play(store, g, [1.0, 2.0, 3.0], [[(50, 1.0)]] * 3)
    text = render(store)
    assert "ab[31mcd" in text and not re.search(r"[\x00-\x09\x0b-\x1f\x7f\u202e]", text)


def test_the_file_is_whole_in_itself(tmp_path):
    g = group("mine")
    store = suite_of(tmp_path, [g])
    play(store, g, [1.0, 2.0, 3.0, 4.0, 5.0], [[(50, 1.0), (100, 2.0)]] * 5)
    text = render(store)
    page = Page(text)
    assert "http" not in re.sub(r"http-equiv", "", text) and "@import" not in text
    assert not {"script", "link", "iframe", "object", "img", "base", "form"} & {tag for tag, _ in page.tags}
    for _, attributes in page.tags:
        assert "src" not in attributes and attributes.get("href", "#").startswith("#")
        assert not any(name.startswith("on") for name in attributes)
    assert set(re.findall(r"url\((.)", text)) <= {"#"}
    (policy,) = [a["content"] for t, a in page.tags if a.get("http-equiv") == "Content-Security-Policy"]
    assert policy.startswith("default-src 'none'") and "script" not in policy


def test_ids_are_unique_and_references_find_them(tmp_path):
    groups = [group("mine", 3, Task(name, 100, TASK.evaluation)) for name in ("A-v0", "B-v0")]
    store = suite_of(tmp_path, groups)
    for g in groups:
        play(store, g, [1.0, 2.0, 3.0], [[(50, 1.0), (100, 2.0)]] * 3)
    text = render(store)
    ids = [a["id"] for _, a in Page(text).tags if "id" in a]
    assert len(ids) == len(set(ids))
    assert {*re.findall(r'href="#([^"]*)"', text), *re.findall(r"url\(#([^)]*)\)", text)} <= set(ids)


def test_every_figure_says_what_it_shows(tmp_path):
    g = group("mine")
    store = suite_of(tmp_path, [g])
    play(store, g, [500.0, 0.0, 10.0, 20.0, 30.0], [[(50, 1.0), (100, 2.0)]] * 5)
    pictures = [a["aria-label"] for t, a in page_of(store).tags if t == "svg" and a.get("role") == "img"]
    assert all("CartPole-v1" in picture for picture in pictures)
    assert any("mine: IQM 20.0" in picture for picture in pictures)


ODD = {
    "nothing": ([None] * 5, [[]] * 5),
    "one run": ([1.0, None, None, None, None], [[(50, 1.0), (100, 2.0)]]),
    "no grid": ([1.0, 2.0, 3.0, 4.0, 5.0], []),
    "ragged": ([1.0, 2.0, 3.0, 4.0, 5.0], [[(50, 1.0)], [(50, 2.0), (100, 3.0)], [], [(100, 1.0)], [(20, 1.0)]]),
    "equal": ([5.0] * 5, [[(50, 5.0), (100, 5.0)]] * 5),
    "one point": ([1.0, 2.0, 3.0, 4.0, 5.0], [[(50, float(i))] for i in range(5)]),
    "no score": ([float("nan")] * 5, [[]] * 5),
    "huge": ([1e300, -1e300, 1.0, 2.0, 3.0], [[(50, 1e300), (100, -1e300)]] * 5),
    "tiny": ([1e-300, 2e-300, 3e-300, 0.0, 0.0], [[(50, 1e-300)]] * 5),
}


@pytest.mark.parametrize("status", ["done", "diverged"])
@pytest.mark.parametrize("case", ODD)
def test_odd_results_render_without_a_warning(tmp_path, case, status):
    scores, grid = ODD[case]
    g = group("$odd$ 深度 \\frac{1", 5)
    store = suite_of(tmp_path, [g])
    play(store, g, scores, grid, status)
    page = page_of(store)
    assert "$odd$ 深度 \\frac{1" in page.text
    (row,) = (row for row in page.rows if row[0].strip() == "$odd$ 深度 \\frac{1" and len(row) == 6)
    assert row[3].strip() == f"{sum(s is not None and s == s for s in scores)}/5" or grid


def test_a_result_that_says_little_renders(tmp_path):
    g = group("mine", 1)
    store = Store(tmp_path)
    store.describe_suite({"name": "s"}, g.runs, "0")
    attempt = store.new_attempt(g, {}, "rlbench")
    JsonlSink(attempt).close()
    publish(store.folder(g.runs[0]), g.runs[0], attempt, {}, {"status": "done", "steps": 100})
    page = page_of(store)
    assert page.row("mine", "CartPole-v1")[4] == "it has no evaluation of its final policy"
    assert "1 of 1 run finished" in page.text


def test_the_same_results_give_the_same_file_wherever_they_lie(tmp_path):
    g = group("mine")
    store = suite_of(tmp_path / "a", [g])
    play(store, g, [1.0, 2.0, 3.0, 4.0, None], [[(50, 1.0), (100, 2.0)]] * 4)
    (store.folder(g.runs[0]) / "episodes.parquet").write_bytes(b"x")
    shutil.copytree(tmp_path / "a", tmp_path / "b")
    assert render(store) == render(Store(tmp_path / "b"))


def test_the_command_writes_the_file_and_prints_where(tmp_path):
    suite_of(tmp_path, [group()])
    ran = CliRunner().invoke(report, [str(tmp_path)])
    assert ran.exit_code == 0 and ran.output == f"{tmp_path}/report.html\n"
    assert (tmp_path / "report.html").read_text("utf-8") == render(Store(tmp_path))
    elsewhere = tmp_path / "x.html"
    assert CliRunner().invoke(report, [str(tmp_path), "-o", str(elsewhere)]).output == f"{elsewhere}\n"
    assert sorted(p.name for p in tmp_path.iterdir()) == ["report.html", "runs", "suite.json", "x.html"]


def test_a_place_that_cannot_be_written_is_an_error_that_says_what_to_do(tmp_path):
    store = suite_of(tmp_path / "s", [group()])
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="choose another place with -o FILE"):
        write_report(store, tmp_path / "file/report.html")
    (tmp_path / "folder.html").mkdir()
    with pytest.raises(StoreError, match="choose another place"):
        write_report(store, tmp_path / "folder.html")
    assert [p.name for p in tmp_path.iterdir() if p.name.endswith(".tmp")] == []


def test_a_folder_without_results_is_refused(tmp_path):
    with pytest.raises(StoreError, match="no results here"):
        write_report(Store(tmp_path), tmp_path / "report.html")


def test_the_command_line_draws_nothing_before_it_is_asked_to():
    code = "import sys, rlbench.cli.commands.report, rlbench.reports; print(*{'matplotlib', 'seaborn', 'jinja2'} & set(sys.modules))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout == "\n"


def test_names_in_figures_are_cut_in_their_middle():
    assert shorten("short") == "short" and clean("a\tb\nc") == "a b c"
    first, second = shorten("ppo_with_many_settings_one"), shorten("ppo_with_many_settings_two")
    assert len(first) == 20 and first != second and first.startswith("ppo_with_m") and first.endswith("tings_one")
