"""Sides in processes of their own: they take turns, and one that fails, or for which there is no time, holds up no other."""

import pytest

from benchmarks.speed.rounds import Plan, play
from benchmarks.speed.works import Side

DQN = "dqn CartPole-v1"
pytestmark = pytest.mark.slow


def test_a_side_that_fails_is_named_with_its_reason_and_the_others_have_their_turns():
    heard = []
    floor, wrong = play([Side(DQN, "floor"), Side(DQN, "nonesuch")], Plan(2, 0.05, None, ()), heard.append)
    assert len(floor.turns) == 2 and not floor.failed
    assert "no side called 'nonesuch'" in wrong.failed and not wrong.late and not wrong.turns
    assert any("nonesuch" in line for line in heard)


def test_every_side_has_as_many_turns_and_each_counts_its_own_steps():
    alone, peer = play([Side(DQN, "ours"), Side(DQN, "sb3")], Plan(2, 0.05, None, ()), lambda line: None)
    for played in (alone, peer):
        assert played.failed == ""
        assert 128 <= played.warm_up["steps"] < 140  # as many as the work says, to the next safe point
        assert len(played.turns) == 2 and all(turn["steps"] >= 1 for turn in played.turns)


def test_what_there_is_no_time_for_is_left_out_and_no_failure_of_its_own():
    (late,) = play([Side(DQN, "ours")], Plan(1, 0.05, None, (), limit=0.0), lambda line: None)
    assert late.late and late.failed and not late.turns
