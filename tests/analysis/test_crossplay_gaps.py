"""The gap between self-play and cross-play, counted by hand, and the parts of an action that belong to each seed."""

import numpy as np
import pytest
from gymnasium import spaces

from rlbench.analysis.crossplay_gaps import gap_of
from rlbench.api import AgentGroup, AgentLayout
from rlbench.reevaluation.crossplay_worker import first_agents, mixed_policy, own_numbers
from rlbench.results.crossplay_files import CrossPlay, crossplay_path, read_crossplay, write_crossplay


def record(matrix, algorithm="iql", environment="spread"):
    count = len(matrix)
    runs = tuple((f"key {i}", f"sha {i}") for i in range(count))
    seeds = tuple(range(count))
    return CrossPlay(
        algorithm, environment, seeds, runs, ("a", "b"), 1, 32, "greedy", np.array(matrix, float), None, {"code": {}}
    )


def test_the_gap_of_a_seed_takes_both_orders_of_each_pair():
    """Of seed 0: 10 minus the mean of (2 + 4) / 2 and (3 + 1) / 2. Of 1 and 2: 8 - (3 + 1.5) / 2; 6 - (2 + 1.5) / 2."""
    gap = gap_of(record([[10, 2, 3], [4, 8, 1], [1, 2, 6]]))
    assert gap.by_seed.tolist() == [7.5, 5.75, 4.25]
    assert (gap.self_play, gap.gap) == (8, pytest.approx(17.5 / 3))
    assert gap.cross_play == pytest.approx((2 + 3 + 4 + 1 + 1 + 2) / 6)
    assert 4.25 <= gap.low <= gap.gap <= gap.high <= 7.5


def test_two_seeds_have_a_gap_without_an_interval():
    gap = gap_of(record([[1, 0], [0.5, 1]]))
    assert gap.gap == 0.75 and np.isnan(gap.low) and np.isnan(gap.high)


def test_a_file_is_read_back_as_written_and_names_do_not_meet(tmp_path):
    first, second = record(np.eye(2), "a b", "x"), record(2 * np.eye(2), "a-b", "x")
    for played in (first, second):
        write_crossplay(tmp_path, played)
    for played in (first, second):
        read = read_crossplay(tmp_path, played.algorithm, played.environment)
        assert read.matrix.tolist() == played.matrix.tolist() and read.runs == played.runs and read.repeats is None
    assert crossplay_path(tmp_path, "a b", "x") != crossplay_path(tmp_path, "a-b", "x")
    assert read_crossplay(tmp_path, "c", "x") is None


@pytest.mark.parametrize(("agents", "first"), [(2, 1), (3, 2), (4, 2), (5, 3)])
def test_the_first_half_of_the_agents_is_rounded_up(agents, first):
    assert first_agents(agents) == first


def test_continuous_actions_are_parted_between_agents_and_not_within_one():
    """Agents 0 and 2 have two numbers, agent 1 has three: of three agents, the first two have the first five."""
    two, three = (spaces.Box(-1, 1, (size,), np.float32) for size in (2, 3))
    layout = AgentLayout(("a", "b", "c"), (AgentGroup((0, 2), 4, two), AgentGroup((1,), 4, three)))
    assert own_numbers(layout) == 5


def test_worlds_and_policies_are_matched_by_the_offset():
    """Each policy marks an action with 100 · the row of its seed, plus the number of the world that it saw."""

    def marking(obs, start):
        assert start[:, 0].tolist() == [bool(world % 2) for world in obs[:, 0, 0].astype(int).tolist()]
        return np.repeat(100 * np.arange(4)[:, None, None] + obs, 2, -1)

    worlds = np.arange(4.0)[:, None, None]
    actions = mixed_policy(marking, marking, 1, 3)(worlds, worlds[..., 0] % 2 == 1)
    assert actions[:, 0].tolist() == [[0, 300], [101, 1], [202, 102], [303, 203]]
