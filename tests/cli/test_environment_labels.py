"""Forms of one environment on the command line: every view names them by their label and keeps them apart."""

import json
import shutil
from pathlib import Path

import pytest
from support.cli import rlbench

import rlbench as package

SUITE = """
name: forms
algorithms: [random]
environments:
  - {id: Pendulum-v1, steps: 200}
  - {id: Pendulum-v1, label: light, steps: 200, kwargs: {g: 5.0}, anchors: {lower: -2000, upper: 0}}
seeds: 2
evaluation: {every: 0, final_episodes: 2}
"""


@pytest.fixture(scope="module")
def out(tmp_path_factory):
    root = tmp_path_factory.mktemp("forms")
    (root / "forms.yaml").write_text(SUITE)
    ran = rlbench("run", root / "forms.yaml", "-o", root / "out")
    assert ran.returncode == 0, ran.stderr
    assert "random on light" in ran.stderr
    return root / "out"


@pytest.mark.parametrize("command", ["table", "status", "check", "show"])
def test_a_view_names_both_forms(out, command):
    what = {
        "check": [out.parent / "forms.yaml", "-o", out],
        "show": [next(run for run in (out / "runs").iterdir() if "5.0" in (run / "spec.json").read_text())],
    }.get(command, [out])
    printed = rlbench(command, *what).stdout
    assert "light" in printed and (command == "show" or "Pendulum-v1" in printed)


def test_frames_and_scores_keep_the_forms_apart(out):
    results = package.load(out)
    scores = results.scores(normalized=False)
    assert scores.groupby("environment", sort=False).size().to_dict() == {"Pendulum-v1": 2, "light": 2}
    assert set(results.evaluations()["environment"]) == {"Pendulum-v1", "light"}
    assert results.anchors["light"].lower == -2000 and results.anchors["Pendulum-v1"].lower != -2000


def test_two_folders_of_random_alone_are_compared_form_by_form(out, tmp_path):
    shutil.copytree(out, tmp_path / "again")
    told = rlbench("compare", out, tmp_path / "again", "--json")
    assert told.returncode == 5, told.stderr  # undecided: two runs are too few
    rows = json.loads(told.stdout)["rows"]
    assert [row["environment"] for row in rows if row["environment"]] == ["Pendulum-v1", "light"]


def test_anchors_of_a_suite_are_measured_for_each_form(out, tmp_path):
    told = rlbench("anchors", out.parent / "forms.yaml", "--episodes", 2, "-o", tmp_path / "anchors.json", "--json")
    entries = json.loads(told.stdout)["anchors"]
    assert list(entries) == ["Pendulum-v1", "light"] and entries["light"]["kwargs"] == {"g": 5.0}
    assert entries["light"]["id"] == "Pendulum-v1" and "id" not in entries["Pendulum-v1"]


def test_the_report_has_a_row_for_each_form(out):
    assert rlbench("report", out).returncode == 0
    page = Path(out, "report.html").read_text()
    assert "light" in page and "gymnasium; Pendulum-v1; g 5.0" in page
