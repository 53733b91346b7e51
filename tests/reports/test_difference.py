"""Two folders: what came out otherwise, what is the same, and what was not alike."""

import re

from click.testing import CliRunner
from support.report_pages import Page, group, play, suite_of

from rlbench.analysis import Results
from rlbench.cli.commands.report import report
from rlbench.reports.difference_section import difference_page
from rlbench.reports.page import as_html

SIX = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0]


def folder(root, scores, config=None, **facts):
    groups = [group(n, 6, config=config or {"n": n}) for n in scores]
    store = suite_of(root, groups)
    for g in groups:
        play(store, g, scores[g.label], **facts)
    return store


def page(first, second):
    return Page(as_html(difference_page(Results(first), Results(second))))


def test_the_same_runs_are_identical(tmp_path):
    said = page(folder(tmp_path / "a", {"x": SIX}), folder(tmp_path / "b", {"x": SIX}))
    assert "Identical: all 1 pairs of algorithm and task have the same runs with the same scores" in said.text
    assert said.row("in both (the same algorithm, configuration, task and seed)")[1] == "6"
    assert said.row("of these with equal scores")[1] == "6"
    assert "Nothing: configurations, protocol, code, numerics and machines are the same." in said.text


def test_a_loss_is_named_first_with_its_size(tmp_path):
    first = folder(tmp_path / "a", {"x": [s + 100 for s in SIX], "y": SIX})
    second = folder(tmp_path / "b", {"x": SIX, "y": SIX}, group_wall_seconds=4.0)
    said = page(first, second)
    assert "In b, of 2 pairs of algorithm and task: 1 worse, 1 identical." in said.text
    assert "Worse in b: x on CartPole-v1, IQM 3.50 after 103.5, difference −100.0 [" in said.text
    assert said.row("x", "worse")[2:5] == ["103.5", "3.50", "−100.0"]
    assert said.row("x", "50.0 → 100× 2.00")  # 400 steps of the stack in 8 s, then in 4 s


def test_what_was_not_alike_is_listed(tmp_path):
    first = folder(tmp_path / "a", {"x": SIX}, {"learning_rate": 0.1})
    second = folder(tmp_path / "b", {"x": SIX}, {"learning_rate": 0.2}, versions={"python": "3.12", "rlbench": "0.1.0"})
    said = page(first, second)
    assert said.row("x: learning_rate") == ["x: learning_rate", "0.1", "0.2"]
    assert said.row("python") == ["python", "3.11", "3.12"]
    assert "only in a" in [row[0] for row in said.rows if row]


def test_names_are_text_here_too(tmp_path):
    bad = "<img src=x onerror=alert(1)>"
    said = page(folder(tmp_path / "a", {bad: SIX}), folder(tmp_path / "<b>", {bad: [s + 50 for s in SIX]}))
    assert "img" not in {tag for tag, _ in said.tags} and "b" not in {tag for tag, _ in said.tags}
    assert bad in said.text


def test_nothing_in_common_is_said(tmp_path):
    said = page(folder(tmp_path / "a", {"x": SIX}), folder(tmp_path / "b", {"y": SIX}))
    assert "Nothing in common" in said.text and "Only in a: x." in said.text and "Only in b: y." in said.text


def test_the_command_takes_two_folders_and_no_more(tmp_path):
    for name in "ab":
        folder(tmp_path / name, {"x": SIX})
    ran = CliRunner().invoke(report, [str(tmp_path / "a"), str(tmp_path / "b")])
    assert ran.exit_code == 0 and ran.output.splitlines()[-1] == f"{tmp_path}/b/difference.html"
    assert re.search("<title>a and b", (tmp_path / "b/difference.html").read_text())
    ran = CliRunner().invoke(report, [str(tmp_path / "a")] * 3)
    assert ran.exit_code == 2 and "one, or the difference between two" in ran.output
