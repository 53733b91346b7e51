"""Every code block of the README and of CONTRIBUTING is run, in order, as a newcomer would."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def blocks(document: str) -> list[tuple[str, str]]:
    return BLOCK.findall((ROOT / document).read_text())


def shell(script: str, folder: Path, results: Path) -> subprocess.CompletedProcess:
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    environment = {**os.environ, "PATH": path, "RLBENCH_RESULTS": str(results)}
    return subprocess.run(["bash", "-e", "-c", script], cwd=folder, env=environment, capture_output=True, text=True)


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_the_first_command_prints_the_table_of_quickstart_and_the_scores_it_promises(tmp_path, monkeypatch):
    """`make run`, here of the one-minute suite: dqn's IQM at least 400 and ppo's at least 450; the same again trains
    nothing."""
    monkeypatch.setenv("SUITE", "quickstart")
    monkeypatch.delenv("RLBENCH_NO_REPORT")
    command = blocks("README.md")[0]
    assert command == ("sh", "make run\n")
    first = shell(command[1], ROOT, tmp_path)
    assert first.returncode == 0, first.stderr
    scores = {
        row.split()[1]: float(row.split()[2]) for row in first.stdout.splitlines() if row.startswith("CartPole-v1")
    }
    assert f"report:  {tmp_path}/quickstart/report.html" in first.stderr
    assert scores["dqn"] >= 400 and scores["ppo"] >= 450 and scores["random"] < 50
    second = shell(command[1], ROOT, tmp_path)
    assert second.returncode == 0 and second.stdout == first.stdout and "0 to do" in second.stderr


def test_the_table_in_the_readme_is_of_the_form_that_is_printed():
    (text,) = [body for kind, body in blocks("README.md") if kind == "text"]
    assert re.search(r"CartPole-v1 +ppo +\d+\.\d +\[\d+\.\d, \d+\.\d\] +5/5", text)


@pytest.mark.slow
def test_the_suites_the_plugin_and_the_commands_of_the_readme_work_as_written(tmp_path):
    found = blocks("README.md")
    assert {kind for kind, _ in found} == {"sh", "text", "yaml", "python"}
    for kind, body in found[1:]:
        if kind == "yaml":
            (tmp_path / f"{re.search('name: (.*)', body)[1]}.yaml").write_text(body)
        elif kind == "python" and body.startswith("# "):
            (tmp_path / body.splitlines()[0].removeprefix("# ")).write_text(body)
        elif kind == "python":
            ran = shell(f"python -c '{body}'", tmp_path, tmp_path / "results")
            assert ran.returncode == 0 and "return_mean" in ran.stdout, ran.stderr
        elif kind == "sh":
            ran = shell(body, tmp_path, tmp_path / "results")
            assert ran.returncode == 0, ran.stderr
            assert "CartPole-v1" in ran.stdout or (body.startswith("rlbench new") and "test-plugin" in ran.stdout)
    assert sorted(p.name for p in (tmp_path / "results").iterdir()) == ["mine", "mine-too"]


def test_the_commands_of_contributing_work_as_written(tmp_path):
    for kind, body in blocks("CONTRIBUTING.md"):
        assert kind == "sh"
        ran = shell(body, ROOT, tmp_path)
        assert ran.returncode == 0, ran.stderr


@pytest.mark.parametrize(
    "document",
    [*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), *ROOT.glob("plugins/*/*.md")],
    ids=lambda p: str(p.relative_to(ROOT)),
)
def test_links_lead_somewhere(document):
    for target in re.findall(r"\]\(([^)#]+)\)", document.read_text()):
        assert (document.parent / target).exists(), target
