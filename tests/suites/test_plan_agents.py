"""Which algorithms are run on environments with several agents, and what is said of it."""

import pytest

from rlbench.api import SuiteError
from rlbench.plugins import load_plugins
from rlbench.suites import Suite, plan

CLIMBING = {"id": "rlbench.envs.matrix_games:climbing", "backend": "pettingzoo", "steps": 2000, "label": "climbing"}
MASKED = {"id": "support.scripted_worlds:MaskedScript", "backend": "pettingzoo", "steps": 2000}
CONTINUOUS = {"id": "support.scripted_worlds:ContinuousScript", "backend": "pettingzoo", "steps": 2000}


def planned(algorithms, *environments):
    suite = {"name": "s", "algorithms": algorithms, "environments": list(environments), "seeds": 2}
    return plan(Suite.model_validate(suite), load_plugins())


def test_an_algorithm_of_one_agent_controls_all_agents_together_and_that_is_said():
    made = planned(["random", "dqn", "ppo"], CLIMBING)
    wrappers = {group.algorithm: [w.name.partition(":")[2] for w in group.task.wrappers] for group in made.groups}
    assert wrappers == {"random": [], "dqn": ["JointControl", "ActionsAsOneChoice"], "ppo": ["JointControl"]}
    assert made.notes[-2:] == [
        "climbing for dqn: one policy chooses the actions of all agents; each combination of an action's numbers is one"
        " discrete action",
        "climbing for ppo: one policy chooses the actions of all agents",
    ]


def test_an_algorithm_of_several_agents_needs_several():
    made = planned(["vdn", "ippo"], CLIMBING, {"id": "CartPole-v1", "steps": 2000})
    assert [(group.algorithm, group.task.name) for group in made.groups] == [("vdn", "climbing"), ("ippo", "climbing")]
    assert [skip.reason for skip in made.skipped] == [
        f"it has a single agent, but {name} trains several; list an environment with several agents"
        for name in ("vdn", "ippo")
    ]


def test_masks_and_continuous_actions_are_for_algorithms_that_take_them():
    made = planned(["random", "dqn", "vdn", "ippo"], MASKED, CONTINUOUS)
    assert [(group.algorithm, group.task.name.partition(":")[2]) for group in made.groups] == [
        ("random", "MaskedScript"),
        ("vdn", "MaskedScript"),
        ("ippo", "MaskedScript"),
        ("random", "ContinuousScript"),
        ("ippo", "ContinuousScript"),
    ]
    assert [skip.reason for skip in made.skipped] == [
        "each agent has a mask of allowed actions, so dqn, which trains a single agent, cannot control all",
        "actions are Box, but dqn supports discrete actions",
        "actions are continuous, but vdn supports discrete actions",
    ]


def test_a_reward_of_its_own_needs_several_agents():
    assert planned(["random"], {**CLIMBING, "reward": "individual"}).groups[0].task.reward == "individual"
    with pytest.raises(SuiteError, match="it has a single agent, so its reward is the only one; leave `reward` out"):
        planned(["random"], {"id": "CartPole-v1", "steps": 2000, "reward": "individual"})


def test_what_each_agent_learns_from_is_part_of_the_key_but_not_for_a_single_agent():
    team, own = (planned(["random"], {**CLIMBING, "reward": kind}).groups[0].runs[0] for kind in ("team", "individual"))
    assert team.key != own.key
    plain = planned(["random"], {"id": "CartPole-v1", "steps": 2000}).groups[0].runs[0]
    assert plain.key.short == "faf24a2ce28c"  # as before there were several agents
