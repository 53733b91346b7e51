"""What algorithms that learn from replay share, against slow obvious loops and numbers computed by hand."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch

from rlbench import SeedStreams, Transition
from rlbench.kit import (
    Batch,
    Every,
    Field,
    Replay,
    Schedule,
    UpdateRounds,
    check_replay_settings,
    pack,
    polyak,
    replay_entry,
    replay_fields,
    unpack,
)


def settings(**more):
    return SimpleNamespace(**{"n_envs": 1, "train_freq": 1, "gradient_steps": 1, "learning_starts": 0} | more)


# -- when --------------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("n_envs", [1, 3, 4])
@pytest.mark.parametrize("train_freq", [1, 2, 5])
@pytest.mark.parametrize("gradient_steps", [1, 2, -1])
@pytest.mark.parametrize("warm_up", [0, 7, 24])
def test_updates_are_due_as_in_a_loop_that_counts_one_step_at_a_time(n_envs, train_freq, gradient_steps, warm_up):
    given = settings(n_envs=n_envs, train_freq=train_freq, gradient_steps=gradient_steps, learning_starts=warm_up)
    rounds, since, steps = UpdateRounds(given, 120), 0, 0
    for _ in range(120 // n_envs):
        since, steps, expected = since + 1, steps + n_envs, 0
        if since == train_freq:
            taken, since = since * n_envs, 0
            expected = (taken if gradient_steps == -1 else gradient_steps) if steps > warm_up else 0
        assert rounds.due(steps) == expected


def test_the_first_round_after_a_warm_up_is_no_larger_than_others():
    """Rounds are counted during the warm-up too; with -1 the updates that it left out are not made up for."""
    rounds = UpdateRounds(settings(n_envs=2, train_freq=5, gradient_steps=-1, learning_starts=33), 100)
    assert {steps: rounds.due(steps) for steps in range(2, 62, 2) if steps % 10 == 0 or rounds.due(steps)} == {
        10: 0,
        20: 0,
        30: 0,
        40: 10,
        50: 10,
        60: 10,
    }


def test_a_warm_up_that_leaves_nothing_is_refused():
    UpdateRounds(settings(learning_starts=99), 100)
    with pytest.raises(ValueError, match="learning_starts 100 leaves none of the 100 steps for learning"):
        UpdateRounds(settings(learning_starts=100), 100)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [({"gradient_steps": 0}, "-1 or at least 1"), ({"buffer_size": 7}, "buffer_size 7 is smaller")],
)
def test_settings_that_contradict_each_other_are_refused(wrong, message):
    right = {"gradient_steps": -1, "buffer_size": 8, "batch_size": 8}
    check_replay_settings(SimpleNamespace(**right))
    with pytest.raises(ValueError, match=message):
        check_replay_settings(SimpleNamespace(**right | wrong))


@pytest.mark.parametrize("part", [lambda: UpdateRounds(settings(train_freq=4, n_envs=3), 500), lambda: Every(4, 3)])
def test_rounds_resume_in_the_middle_of_one(part):
    whole, first, second = part(), part(), part()
    due = [whole.due(steps) for steps in range(3, 120, 3)]
    before = [first.due(steps) for steps in range(3, 30, 3)]
    packed = pack({"train_round": first}, 2)
    assert list(packed) == ["train_round.passed"]
    unpack({"train_round": second}, packed)
    assert before + [second.due(steps) for steps in range(30, 120, 3)] == due and sum(due) > 5


def test_a_period_counts_steps_that_all_environments_take_together():
    every = Every(2, 3)
    assert [steps for steps in range(3, 30, 3) if every.due(steps)] == [6, 12, 18, 24]


# -- schedules ---------------------------------------------------------------------------------------------------------
def test_a_schedule_has_the_values_computed_by_hand():
    assert [Schedule(1.0, 0.2, 100)(steps) for steps in (0, 25, 100, 300)] == pytest.approx([1.0, 0.8, 0.2, 0.2])
    assert Schedule(1.0, 0.01, 100, "exponential")(50) == pytest.approx(0.1)
    assert [Schedule.parse("lin_0.4", 200)(steps) for steps in (0, 50, 200)] == pytest.approx([0.4, 0.3, 0.0])
    assert [Schedule.parse(0.4, 200)(steps) for steps in (0, 200)] == [0.4, 0.4] and Schedule.parse(
        "0.4", 9
    ).start == 0.4


# -- storing and drawing -----------------------------------------------------------------------------------------------
def step(shape=(2, 3), obs=(2, 2)):
    rng = np.random.default_rng(0)
    terminated = np.arange(np.prod(shape)).reshape(shape) % 2 == 0
    truncated = np.arange(np.prod(shape)).reshape(shape) % 3 == 0
    seen, following = (rng.random((*shape, *obs), np.float32) for _ in range(2))
    reward, action = rng.random(shape, np.float32), rng.integers(4, size=shape)
    ends = {"terminated": terminated, "truncated": truncated}
    return Transition(obs=seen, action=action, reward=reward, next_obs=following, **ends)


def test_a_steps_entry_has_flat_observations_and_a_discount_that_is_0_after_termination_alone():
    t = step()
    entry = replay_entry(t, 0.9)
    for s, n in np.ndindex(2, 3):
        assert entry["obs"][s, n].tolist() == [*t.obs[s, n, 0], *t.obs[s, n, 1]]
        assert entry["next_obs"][s, n].tolist() == [*t.next_obs[s, n, 0], *t.next_obs[s, n, 1]]
        assert entry["discount"][s, n] == (0 if t.terminated[s, n] else np.float32(0.9))
    assert entry["discount"].dtype == np.float32
    assert (t.truncated & ~t.terminated).any() and (t.terminated & t.truncated).any()  # each case occurs
    assert entry["action"] is t.action and entry["reward"] is t.reward


def test_an_entry_takes_another_action_where_it_is_given():
    other = np.zeros((2, 3, 5), np.float32)
    assert replay_entry(step(), 0.9, other)["action"] is other


def test_fields_entries_and_batches_fit_together():
    fields, t = replay_fields(4, Field(dtype=torch.int64)), step()
    assert tuple(fields) == Batch._fields == tuple(replay_entry(t, 0.9))
    replay = Replay(2, 10, **fields)
    replay.add(**replay_entry(t, 0.9))
    batch = Batch(**replay.sample(torch.tensor([[0, 2, 1, 0], [1, 1, 0, 2]])))
    assert batch.obs.shape == (2, 4, 4) and batch.action.dtype == torch.int64
    assert batch.reward[1].tolist() == t.reward[1, [1, 1, 0, 2]].tolist()


def test_a_minibatch_is_drawn_by_each_seeds_own_stream_from_what_is_stored():
    stored = np.arange(7, dtype=np.float32) + np.array([[0], [100]], np.float32)  # [S, steps]
    replay = Replay(2, 50, reward=Field())
    for column in stored.T:
        replay.add(reward=column[:, None])
    drawn = replay.minibatch(SeedStreams([3, 8]), 400)["reward"]
    for row, seed in enumerate([3, 8]):
        index = SeedStreams([seed]).integers("replay", 7, 400)[0]
        assert drawn[row].tolist() == stored[row, index].tolist() and set(index.tolist()) == set(range(7))


# -- targets -----------------------------------------------------------------------------------------------------------
def test_a_share_of_1_copies_the_online_network_bit_for_bit_for_active_seeds():
    online = torch.tensor([[1e-30, -0.0, 3.0], [7.0, 8.0, 9.0]]).repeat(1, 16)
    for active, row in (([True, True], online[1]), ([True, False], torch.full((48,), 2.0))):
        target = torch.full_like(online, 2.0)
        polyak(target, online, 1.0, torch.tensor(active))
        assert target[0].numpy().tobytes() == online[0].numpy().tobytes() and torch.equal(target[1], row)
