"""Every code block of the README and of CONTRIBUTING is run, in order, as a newcomer would (tests/docs/running.py)."""

import re

import pytest
from support.block_runs import bash, run
from support.document_blocks import ROOT, blocks


@pytest.mark.long
@pytest.mark.timeout(600)
def test_the_first_command_prints_the_table_of_quickstart_and_the_scores_it_promises(tmp_path, monkeypatch):
    """`make run`, here of the one-minute suite: dqn's IQM at least 400 and ppo's at least 450; the same again trains
    nothing."""
    monkeypatch.setenv("SUITE", "quickstart")
    monkeypatch.setenv("RLBENCH_RESULTS", str(tmp_path))
    monkeypatch.delenv("RLBENCH_NO_REPORT")
    command = blocks("README.md")[0]
    assert (command.language, command.body) == ("sh", "make run\n")
    first = bash(command.body, ROOT)
    assert first.returncode == 0, first.stderr
    scores = {
        row.split()[1]: float(row.split()[2]) for row in first.stdout.splitlines() if row.startswith("CartPole-v1")
    }
    assert f"report:  {tmp_path}/quickstart/report.html" in first.stderr
    assert scores["dqn"] >= 400 and scores["ppo"] >= 450 and scores["random"] < 50
    second = bash(command.body, ROOT)
    assert second.returncode == 0 and second.stdout == first.stdout and "0 to do" in second.stderr


def test_the_table_in_the_readme_is_of_the_form_that_is_printed():
    (text,) = [block.body for block in blocks("README.md") if block.language == "text"]
    assert re.search(r"CartPole-v1 +ppo +\d+\.\d +\[\d+\.\d, \d+\.\d\] +5/5", text)


@pytest.mark.long
def test_the_suites_the_plugin_and_the_commands_of_the_readme_work_as_written(tmp_path):
    assert {block.language for block in blocks("README.md")} == {"sh", "text", "yaml", "python"}
    said = run("README.md", tmp_path)
    for printed in ("return_mean", "mine-too: mean return", "rlbench test-plugin my_q"):
        assert printed in said
    assert sorted(path.name for path in (tmp_path / "results").iterdir()) == ["mine", "mine-too"]


def test_the_commands_of_contributing_work_as_written(tmp_path):
    run("CONTRIBUTING.md", tmp_path)


@pytest.mark.parametrize(
    "document",
    [*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), *ROOT.glob("plugins/*/*.md")],
    ids=lambda p: str(p.relative_to(ROOT)),
)
def test_links_lead_somewhere(document):
    for target in re.findall(r"\]\(([^)#]+)\)", document.read_text()):
        assert (document.parent / target).exists(), target
