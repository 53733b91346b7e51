"""The cooperative matrix games: payoffs of the literature, PettingZoo's own check, and learners that fall short."""

from collections import Counter
from functools import cache
from itertools import product

import numpy as np
import pytest
from support.table_learners import greedy_payoffs

from rlbench.api import RlbenchError
from rlbench.envs.matrix_games import climbing, penalty, two_step

SEEDS = range(200)


def play(game, *pairs):
    """Play pairs of actions from a reset. Returns: each step's answer with the sum of the rewards in front."""
    game.reset(seed=0)
    answers = [game.step({"agent_0": first, "agent_1": second}) for first, second in pairs]
    return [(sum(answer[1].values()), *answer) for answer in answers]


def payoffs(game):
    return [[play(game, (first, second))[-1][0] for second in range(3)] for first in range(3)]


@pytest.fixture(scope="module")
def learned():
    """Give how often each payoff is that of the greedy actions at the end, over all seeds, by game and learner."""
    return cache(lambda make, learner: Counter(greedy_payoffs(payoffs(make()), learner, SEEDS).tolist()))


def test_the_teams_return_is_the_number_in_the_table():
    assert payoffs(climbing()) == [[11, -30, 0], [-30, 7, 6], [0, 0, 5]]
    assert payoffs(penalty()) == [[-100, 0, 10], [0, 2, 0], [10, 0, -100]]
    assert payoffs(penalty(k=-3.5)) == [[-3.5, 0, 10], [0, 2, 0], [10, 0, -3.5]]
    _, _, rewards, *_ = play(climbing(), (0, 0))[0]
    assert rewards == {"agent_0": 5.5, "agent_1": 5.5}  # each has its share


def test_the_first_action_of_agent_0_picks_the_table_of_the_two_step_game():
    for ignored, first, second in product(range(2), repeat=3):
        safe, risky = (play(two_step(), (pick, ignored), (first, second)) for pick in range(2))
        assert [step[0] for step in safe] == [0, 7]
        assert [step[0] for step in risky] == [0, [[0, 1], [1, 8]][first][second]]


def test_agents_observe_the_state_and_episodes_end_by_termination():
    for game in (climbing(), penalty()):
        observations, infos = game.reset()
        assert observations["agent_0"].dtype == np.float32 and infos == {"agent_0": {}, "agent_1": {}}
        assert {agent: row.tolist() for agent, row in observations.items()} == {"agent_0": [1.0], "agent_1": [1.0]}
        _, _, _, terminations, truncations, _ = play(game, (0, 0))[0]
        assert terminations == {"agent_0": True, "agent_1": True} and not any(truncations.values())
        assert game.agents == []
    game = two_step()
    assert game.reset()[0]["agent_1"].tolist() == [1, 0, 0]
    for pick, state in ((0, [0, 1, 0]), (1, [0, 0, 1])):
        first, second = play(game, (pick, 0), (0, 0))
        assert {tuple(row) for row in first[1].values()} == {tuple(state)}
        assert not any(first[3].values()) and all(second[3].values())
        assert all(game.observation_space(agent).contains(row) for agent, row in second[1].items())


def test_two_instances_share_no_state_and_spaces_stay_the_same_objects():
    one, other = two_step(), two_step()
    one.reset(), other.reset()
    one.step({"agent_0": 1, "agent_1": 0})
    assert other.step({"agent_0": 0, "agent_1": 0})[0]["agent_0"].tolist() == [0, 1, 0]
    assert one.action_space("agent_0") is one.action_space("agent_0")
    assert one.observation_space("agent_1") is one.observation_space("agent_1")
    assert one.action_space("agent_0") is not one.action_space("agent_1")


@pytest.mark.parametrize(
    ("actions", "message"),
    [
        ({"agent_0": 3, "agent_1": 0}, "climbing: the action of agent_0 is 3, not an integer from 0 to 2"),
        ({"agent_0": 0, "agent_1": -1}, "the action of agent_1 is -1"),
        ({"agent_0": 0, "agent_1": 0.5}, "the action of agent_1 is 0.5"),
        ({"agent_0": 0}, r"needs an action of agent_0 and agent_1, got \['agent_0'\]"),
    ],
)
def test_a_wrong_action_is_an_error_that_names_agent_and_range(actions, message):
    game = climbing()
    game.reset()
    with pytest.raises(RlbenchError, match=message):
        game.step(actions)


def test_a_step_without_a_reset_is_an_error():
    game = climbing()
    for _ in range(2):  # before the first episode, and after one
        with pytest.raises(RlbenchError, match="the episode has ended; call reset"):
            game.step({"agent_0": 0, "agent_1": 0})
        play(game, (np.int64(1), np.int32(1)))


@pytest.mark.parametrize("make", [climbing, penalty, two_step])
@pytest.mark.filterwarnings("error")
def test_pettingzoo_accepts_the_games(make):
    checks = pytest.importorskip("pettingzoo.test", reason="PettingZoo, whose own check this is, is not installed")
    checks.parallel_api_test(make(), num_cycles=10)


@pytest.mark.parametrize(
    ("make", "learner", "expected", "share"),
    [
        # The pair that pays 5 is no equilibrium, so some runs have moved on to 6. Hardly any finds 11.
        (climbing, "independent", {5, 6}, 0.99),
        (climbing, "independent", {5}, 0.85),
        (climbing, "vdn", {5, 6}, 0.99),
        (climbing, "vdn", {5}, 0.85),
        (climbing, "joint", {11}, 0.95),
        (penalty, "independent", {2}, 0.95),
        (penalty, "vdn", {2}, 0.95),
        (penalty, "joint", {10}, 0.95),
    ],
)
def test_only_values_of_joint_actions_find_the_best_payoff(learned, make, learner, expected, share):
    returns = learned(make, learner)
    assert sum(returns[value] for value in expected) >= share * returns.total(), returns
