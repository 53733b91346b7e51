"""`rlbench crossplay`: every seed's agents play with every other's, in a game whose returns are counted by hand."""

import json
import shutil
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from support.cli import rlbench
from support.read_back import render

import rlbench as package
from rlbench.analysis import Results
from rlbench.analysis.crossplay_gaps import JOINT_CONTROL
from rlbench.envs.multiagent.joint_control import JointControl
from rlbench.plugins import load_plugins
from rlbench.reports.page_inputs import page_inputs

PLUGIN = Path(__file__).parents[1] / "support" / "matching_game.py"
SUITE = """
name: matching
algorithms: [convention, roles, copies, draws, alone, random]
environments:
  - {id: "matching_game:MatchingGame", label: two, backend: pettingzoo, steps: 20, kwargs: {steps: 3}}
seeds: 3
evaluation: {episodes: 2, final_episodes: 25}
"""
FOUR = """
name: four
algorithms: [convention]
environments: [{id: "matching_game:MatchingGame", backend: pettingzoo, steps: 20, kwargs: {agents: 4}}]
seeds: 2
evaluation: {episodes: 2, final_episodes: 2}
"""


@pytest.fixture(scope="module")
def out(tmp_path_factory):
    folder = tmp_path_factory.mktemp("matching")
    (folder / "s.yaml").write_text(SUITE)
    ran = rlbench("run", folder / "s.yaml", "-o", folder / "out", "--plugin", PLUGIN, "--executor", "serial")
    assert len(list((folder / "out/runs").glob("*/result.json"))) == 18, ran.stderr
    return folder / "out"


@pytest.fixture
def copied(out, tmp_path):
    return shutil.copytree(out, tmp_path / "copy")


def played(folder, *options):
    ran = rlbench("crossplay", folder, "--plugin", PLUGIN, "--json", *options)
    assert ran.returncode == 0, ran.stderr
    return json.loads(ran.stdout)


@pytest.fixture(scope="module")
def rows(out):
    document = played(out, "--episodes", 25)
    return {row["algorithm"]: row for row in document["rows"]}


def test_a_convention_of_each_seed_is_worth_everything_with_itself_and_nothing_with_another(rows):
    row = rows["convention"]
    assert row["matrix"] == [[3, 0, 0], [0, 3, 0], [0, 0, 3]]  # a mixed-up memory of steps would not even give 3
    assert (row["self_play"], row["cross_play"], row["gap"], row["low"], row["high"]) == (3, 0, 3, 3, 3)
    assert row["agents"] == ["player_0", "player_1"] and row["first"] == 1 and row["n"] == 3


def test_the_row_is_the_seed_of_the_first_agents_and_the_column_of_the_others(rows):
    """The first agent of seed i chooses i, the second min(i, 1): they match for i = min(j, 1)."""
    row = rows["roles"]
    assert row["matrix"] == [[3, 0, 0], [0, 3, 3], [0, 0, 0]]
    # of the other seeds, the mean of both orders: 0; (0 + 1.5) / 2; (0 + 1.5) / 2
    assert row["gap_by_seed"] == [3 - 0, 3 - 0.75, 0 - 0.75]
    assert (row["self_play"], row["cross_play"], row["gap"]) == (2, 0.5, 1.5)


def test_each_agent_sees_the_world_that_it_plays_in(rows):
    """The second agent begins with 0 and copies: all three steps match if the first is of seed 0, else the last two."""
    assert rows["copies"]["matrix"] == [[3, 3, 3], [2, 2, 2], [2, 2, 2]]


def test_of_four_agents_the_first_two_are_of_the_row(tmp_path):
    """One of the three that are rewarded for choosing as the first does is of its own seed."""
    (tmp_path / "s.yaml").write_text(FOUR)
    rlbench("run", tmp_path / "s.yaml", "-o", tmp_path / "out", "--plugin", PLUGIN, "--executor", "serial")
    (row,) = played(tmp_path / "out")["rows"]
    assert np.array(row["matrix"]) == pytest.approx(np.array([[1, 1 / 3], [1 / 3, 1]])) and row["first"] == 2


@pytest.mark.parametrize("algorithm", ["convention", "roles", "copies", "draws", "random"])
def test_the_diagonal_is_the_recorded_final_evaluation_bit_for_bit(out, rows, algorithm):
    row = rows[algorithm]
    final = {}
    for run in Results(out).requested:
        if (run.label or run.algorithm, run.task.name) == (algorithm, "two"):
            records = pq.read_table(out / "runs" / run.name / "evaluations.parquet").to_pylist()
            final[run.seed] = next(record for record in records if record["kind"] == "final")
    assert [row["matrix"][i][i] for i in range(3)] == [np.mean(final[seed]["returns"]) for seed in row["seeds"]]
    assert row["repeats"] is True


def test_an_algorithm_that_holds_one_seed_is_skipped_and_the_reason_given(out, rows):
    skipped = played(out)["skipped"]
    reason = "alone cannot hold the policies of several seeds at once (stackable=False)"
    assert skipped == [f"alone on two: {reason}"]


def test_a_second_call_plays_nothing_until_episodes_change_or_it_is_asked_to(rows, copied):
    again = rlbench("crossplay", copied, "-a", "convention,draws")  # no plugin is needed to show what is there
    assert (again.returncode, again.stderr) == (0, "") and "so nothing was played" in again.stdout
    assert (
        "convention on two: 3 seeds"
        in rlbench("crossplay", copied, "-a", "convention", "--plugin", PLUGIN, "--rerun").stderr
    )
    fewer = rlbench("crossplay", copied, "-a", "draws", "-e", "two", "--plugin", PLUGIN, "--episodes", 4)
    assert "draws on two: 3 seeds" in fewer.stderr and "nothing was played" not in fewer.stdout


def test_what_was_played_of_other_runs_is_not_used_and_says_so(copied):
    assert played(copied, "-a", "convention", "-e", "two", "--episodes", 2)["rows"][0]["n"] == 3
    chosen = Results(copied).select(["convention"], ["two"]).requested
    (lost,) = (run.name for run in chosen if run.seed == 2)
    (copied / "runs" / lost / "result.json").unlink()
    results = Results(copied).select(["convention"], ["two"])
    assert len(results.crossplay()) == 0
    (problem,) = results.crossplays.problems
    assert problem.startswith("the cross-play of convention on two was played by other runs")
    ran = rlbench("crossplay", copied, "-a", "convention", "-e", "two", "--plugin", PLUGIN)
    assert "was played by other runs" in ran.stderr
    assert np.array(Results(copied).select(["convention"], ["two"]).crossplay(pairs=True)["mean_return"]).tolist() == [
        3,
        0,
        0,
        3,
    ]
    ran = rlbench("crossplay", copied, "-a", "convention", "-e", "two")
    assert "–" in ran.stdout and "under 3, it has no interval" in ran.stdout


DAMAGES = {
    "matrix": [
        [[3, 0, 0], [0, 3, 0]],
        [[3, 0], [0, 3], [0, 0]],
        [[3, 0, 0], [0, "x", 0], [0, 0, 3]],
        [[1e300] * 3] * 3,
    ],
    "runs": [[], [{"seed": 0}]],
    "episodes": [0, True, "many"],
    "first": [0, 2],
    "agents": [["player_0", 1], []],
    "schema_version": [2],
    "environment": ["four"],
}


@pytest.mark.parametrize(("name", "value"), [(name, value) for name, values in DAMAGES.items() for value in values])
def test_a_damaged_file_is_named_and_not_used(out, rows, copied, name, value):
    (path,) = (copied / "crossplay").glob("convention--two--*.json")
    path.write_text(json.dumps(json.loads(path.read_text()) | {name: value}))
    results = Results(copied).select(["convention"], ["two"])
    assert len(results.crossplay()) == 0
    assert [str(path) in problem and "cannot be used" in problem for problem in results.crossplays.problems] == [True]


def test_a_file_that_is_no_json_is_named_too(out, rows, copied):
    (path,) = (copied / "crossplay").glob("convention--two--*.json")
    path.write_text("{")
    (problem,) = Results(copied).crossplays.problems
    assert f"{path} cannot be used (it is not valid JSON)" in problem


def test_the_page_is_drawn_again_when_cross_play_has_changed(rows, copied):
    plugins = load_plugins()
    before = page_inputs(Results(copied), plugins, copied)
    (path,) = (copied / "crossplay").glob("convention--two--*.json")
    path.write_text(json.dumps(json.loads(path.read_text()) | {"matrix": [[1, 0, 0], [0, 1, 0], [0, 0, 1]]}))
    assert page_inputs(Results(copied), plugins, copied) != before
    page = render(copied)
    assert 'id="crossplay"' in page and "convention on two: 1.00 with its own seed, 0.00 with another." in page


def test_frames_have_a_row_for_each_algorithm_and_task_or_for_each_pair(out, rows):
    frame = package.load(out).crossplay()
    assert len(frame) == 5
    roles = frame[(frame["algorithm"] == "roles") & (frame["environment"] == "two")].iloc[0]
    assert (roles["n"], roles["episodes"], roles["self_play"], roles["cross_play"], roles["gap"]) == (
        3,
        25,
        2,
        0.5,
        1.5,
    )
    pairs = package.load(out).select(["roles"], ["two"]).crossplay(pairs=True)
    assert pairs[["seed", "with_seed", "mean_return"]].values.tolist()[3:6] == [[1, 0, 0], [1, 1, 3], [1, 2, 3]]


def test_a_folder_runs_no_module_that_it_names_unless_it_is_trusted(out, copied, tmp_path, monkeypatch):
    """The plugin is in another file here, so that nothing offers the game's module."""
    (tmp_path / "elsewhere.py").write_text(PLUGIN.read_text())
    monkeypatch.chdir(PLUGIN.parent)
    asked = ("crossplay", copied, "-a", "convention", "-e", "two", "--rerun", "--plugin", tmp_path / "elsewhere.py")
    refused = rlbench(*asked)
    assert refused.returncode == 1 and "--allow matching_game" in refused.stderr
    for trust in (("--allow", "matching_game"), ("--suite", out.parent / "s.yaml")):
        allowed = rlbench(*asked, *trust)
        assert allowed.returncode == 0, allowed.stderr
    (tmp_path / "other.yaml").write_text(SUITE.replace("steps: 3", "steps: 4"))
    other = rlbench(*asked, "--suite", tmp_path / "other.yaml")
    assert other.returncode == 2 and "does not contain 'matching_game:MatchingGame'" in other.stderr


def test_the_wrapper_is_known_by_its_name():
    assert f"{JointControl.__module__}:{JointControl.__name__}" == JOINT_CONTROL


JOINT = """
name: j
algorithms: [{id: ppo, params: {n_steps: 10, n_envs: 2, batch_size: 10}}]
environments: [{id: "matching_game:MatchingGame", backend: pettingzoo, steps: 40}]
seeds: 2
evaluation: {episodes: 2, final_episodes: 2}
"""


def test_one_policy_for_all_agents_is_skipped(tmp_path):
    (tmp_path / "s.yaml").write_text(JOINT)
    ran = rlbench("run", tmp_path / "s.yaml", "-o", tmp_path / "j", "--executor", "serial", "--plugin", PLUGIN)
    assert len(list((tmp_path / "j/runs").glob("*/result.json"))) == 2, ran.stderr
    ran = rlbench("crossplay", tmp_path / "j", "--plugin", PLUGIN)
    assert ran.returncode == 4 and "no algorithm has seeds that can play together" in ran.stderr
    assert "skipped: ppo on matching_game:MatchingGame: one policy controls all agents together" in ran.stdout


def test_a_folder_without_several_agents_has_nothing_to_play(tmp_path):
    (tmp_path / "s.yaml").write_text(
        "{name: c, algorithms: [random], environments: [{id: CartPole-v1, steps: 40}], seeds: 2}"
    )
    rlbench("run", tmp_path / "s.yaml", "-o", tmp_path / "c", "--executor", "serial")
    ran = rlbench("crossplay", tmp_path / "c")
    assert ran.returncode == 4 and "no finished run of a task with several agents" in ran.stderr
