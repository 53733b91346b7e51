"""The report of runs with several agents: each agent's part, and the maximum over training, which is said to be one."""

import shutil

import pytest
from support import scripted_worlds
from support.cli import rlbench as command

import rlbench
from rlbench.reports import agents_section

SUITE = """
name: agents
algorithms: [random]
environments:
  - {id: "scripted_worlds:Script", label: script, backend: pettingzoo, steps: 30, kwargs: {pays: {a: 1, b: 10},
     max_episode_steps: 4}}
  - {id: "scripted_worlds:Walk", label: walk, backend: pettingzoo, steps: 30}
  - {id: CartPole-v1, steps: 30}
seeds: 3
evaluation: {every: 10, episodes: 2, final_episodes: 3}
"""


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    home = tmp_path_factory.mktemp("agents")
    (home / "suite.yaml").write_text(SUITE)
    shutil.copy(scripted_worlds.__file__, home / "scripted_worlds.py")
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(home)
        patch.setenv("PYTHONPATH", str(home))
        ran = command("run", home / "suite.yaml", "-o", home / "r", "-j", "1", "--no-report")
    assert ran.returncode == 0, ran.stderr
    return rlbench.load(home / "r")


def test_each_task_of_several_agents_has_a_table_of_their_returns(results):
    script, walk, _ = agents_section.section(results).parts
    assert script.header == ("algorithm", "team", "a", "b", "c")
    assert script.groups == [("", [("random", "48.0", "4.0", "40.0", "4.0")])]
    assert walk.header == ("algorithm", "team", "agent_0", "agent_1")
    team, *agents = (float(cell.replace("−", "-")) for cell in walk.groups[0][1][0][1:])
    assert sum(agents) == pytest.approx(team, abs=0.2)


def test_the_maximum_over_training_has_a_table_of_its_own_that_says_so(results):
    table = agents_section.section(results).parts[-1]
    assert "optimistic" in table.title and [title for title, _ in table.groups] == ["script", "walk"]
    evaluations = results.evaluations()
    grid = evaluations[(evaluations.environment == "walk") & (evaluations.kind == "grid")]
    best = grid.groupby("key").return_mean.max()
    shown = table.groups[1][1][0]
    assert shown[0] == "random" and shown[4] == "3"
    assert float(shown[1].replace("−", "-")) == pytest.approx(sorted(best)[1], abs=3)  # the middle of three, nearly


def test_runs_of_single_agents_have_no_such_section(results):
    assert agents_section.section(results.select(environments=["CartPole-v1"])) is None
