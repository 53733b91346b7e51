"""Runs that never left a stage of their curriculum are named wherever their scores are shown."""

import json
from dataclasses import replace

import pytest
from support.cli import rlbench
from support.result_folders import folder

from rlbench.analysis import Results, reached_stages
from rlbench.analysis.curriculum_gains import curriculum_gains
from rlbench.analysis.reached_stages import TargetEntry, target_entry
from rlbench.api import Curriculum, Stage
from rlbench.reports.verdict_section import section

CURRICULUM = Curriculum((Stage("Easy-v0", mean_return=-60.0, episodes=20), Stage("Easier-v0", steps=1_000)))
SCORES = [-200.0, -190.0, -180.0, -150.0, -120.0, -110.0]
# Of six seeds, three never leave the first stage and one never leaves the second.
ENTERED = {"staged": [[0], [0], [0], [0, 300], [0, 300, 500], [0, 200, 700]]}
NOTES = [
    note
    for name in ("quick", "slow")  # and none of `random`
    for note in (
        f"3 of 6 runs of {name} on staged never left stage 1 of 2 (until a mean return of -60 over 20 episodes;"
        " at the end: -19)",
        f"1 of 6 runs of {name} on staged never left stage 2 of 2 (until 1,000 steps)",
    )
]


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    sampled = Curriculum((Stage("Easy-v0"),), "uniform")
    tasks = {
        "staged": {"env_id": "Hard-v0", "label": "staged", "curriculum": CURRICULUM},
        "sampled": {"env_id": "Hard-v0", "label": "sampled", "curriculum": sampled},
        "alone": {"env_id": "Hard-v0", "label": "alone"},
    }
    scores = {
        "quick": dict.fromkeys(tasks, SCORES),
        "slow": dict.fromkeys(["staged", "alone"], SCORES),
        "random": {"staged": SCORES},
    }
    return folder(tmp_path_factory.mktemp("stages") / "made", scores, tasks, (0.5, 1.0), stages=ENTERED).root


def test_each_view_of_scores_names_the_runs_that_never_left_a_stage(made):
    for command in (["table", made], ["compare", "--curriculum", "-d", made], ["compare", "slow", "quick", "-d", made]):
        lines = rlbench(*command).stdout.splitlines()
        assert sorted(line for line in lines if "never left" in line) == sorted(NOTES), command
        assert sorted(json.loads(rlbench(*command, "--json").stdout)["left_in_stages"]) == sorted(NOTES), command
    (text,) = [str(part) for part in section(Results(made)).parts if "never left" in str(part)]
    assert all(note in text for note in NOTES) and "random on staged never" not in text


def test_how_many_runs_entered_the_target_and_when_is_compared(made):
    results = Results(made)
    by_task = {gain.staged: gain.target for gain in curriculum_gains(results, ["quick"]).curves}
    assert by_task == {"staged": TargetEntry(6, 2, None), "sampled": None}
    staged = results.final_scores.samples["quick", "staged"]
    three = replace(staged, stages=dict(list(staged.stages.items())[3:]))
    assert target_entry(three) == TargetEntry(3, 2, 700.0)
    text = " ".join(rlbench("compare", "--curriculum", "quick", "-d", made).stdout.split())
    assert "steps to the target > 1,000 runs that enter it 2 of 6" in text
    found = json.loads(rlbench("compare", "--curriculum", "quick", "-d", made, "--json").stdout)["curves"]
    assert [curve["target"] for curve in found] == [{"runs": 6, "entered": 2, "median": None}, None]


def test_metrics_are_read_of_runs_with_stages_alone(made, monkeypatch):
    read, true = [], reached_stages.read_arrow
    monkeypatch.setattr(reached_stages, "read_arrow", lambda at, *rest: read.append(at.name) or true(at, *rest))
    results = Results(made)
    assert len(results.final_scores.samples) == 6
    assert sorted(read) == sorted(run.name for run in results.requested if run.task.name == "staged")


def test_a_run_of_which_no_stage_is_known_is_in_no_count(tmp_path):
    tasks = {"staged": {"env_id": "Hard-v0", "label": "staged", "curriculum": CURRICULUM}}
    entered = {"staged": [[0], [], [], [0], [], []]}
    made = folder(tmp_path / "made", {"quick": {"staged": SCORES}}, tasks, stages=entered).root
    (note,) = [line for line in rlbench("table", made).stdout.splitlines() if "never left" in line]
    assert note.startswith("2 of 2 runs of quick")
