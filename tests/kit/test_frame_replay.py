"""Replay that stores each frame once, beside a plain list of all transitions that were added."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from rlbench import SeedStreams
from rlbench.api import frame_rows
from rlbench.kit import Field, FrameReplay, PrioritizedReplay, Replay, pack, replay_fields, replay_for, unpack

ACTION = Field(dtype=torch.int64)


def fields(frames, size):
    return replay_fields(Field((frames * size,), torch.uint8, frames), ACTION)


class World:
    """Lanes [S, N] whose stacks move on by one frame, unless a draw makes them do anything else.

    surprise: the probability of each of: an end of the episode, a successor that is drawn, that is the observation, or
    whose last frame is repeated. few: frames are drawn from a few, so that different stacks share frames.
    """

    def __init__(self, seeds, lanes, frames, size, surprise, few, seed):
        self.rng, self.shape = np.random.default_rng(seed), (seeds, lanes)
        self.frames, self.size, self.surprise, self.few, self.steps = frames, size, surprise, few, 0
        self.obs = self.stacks()

    def frame(self):
        if self.few:
            return np.full(self.size, self.rng.integers(3), np.uint8)
        return self.rng.integers(256, size=self.size, dtype=np.uint8)

    def first(self):
        """A first stack: padded with its frame, with zeros, or drawn."""
        frame, kind = self.frame(), self.rng.integers(3)
        padding = [frame, np.zeros_like(frame)][kind : kind + 1] or [None]
        return np.stack([*(padding[0] if kind < 2 else self.frame() for _ in range(self.frames - 1)), frame])

    def stacks(self):
        return np.stack([[self.first() for _ in range(self.shape[1])] for _ in range(self.shape[0])])

    def step(self):
        """Return the transitions of a step, and move on."""
        following, begin = np.empty_like(self.obs), np.empty_like(self.obs)
        for lane in np.ndindex(*self.shape):
            stack, kind = self.obs[lane], self.rng.random() / self.surprise if self.surprise else 9
            new = stack[-1] if 2 <= kind < 3 else self.frame()
            moved = np.concatenate([stack[1:], new[None]])
            following[lane] = self.first() if kind < 1 else stack if 1 <= kind < 2 else moved
            begin[lane] = self.first() if 3 <= kind < 4 else following[lane]
        self.steps += 1
        numbers = self.steps * 100 + np.arange(np.prod(self.shape)).reshape(self.shape)
        lead, obs = self.shape, self.obs
        self.obs = begin
        return {
            "obs": obs.reshape(*lead, -1),
            "action": numbers,
            "reward": numbers.astype(np.float32),
            "next_obs": following.reshape(*lead, -1),
            "discount": (numbers % 2).astype(np.float32),
        }


def later(steps, n):
    """Transitions as `NStep` gives them: from each observation to the successor n − 1 steps later."""
    return [{**first, "next_obs": last["next_obs"]} for first, last in zip(steps, steps[n - 1 :])]


def expected(added, capacity, seed):
    """The newest transitions of a seed, as a list of (obs, action, reward, next_obs, discount)."""
    rows = [tuple(t[name][seed, n].tolist() for name in t) for t in added for n in range(t["reward"].shape[1])]
    return rows[-capacity:]


def held(replay, seed):
    stored = {name: replay.stored(name)[seed] for name in ("obs", "action", "reward", "next_obs", "discount")}
    rows = [tuple(stored[name][i].tolist() for name in stored) for i in range(replay.size)]
    first = replay.position if replay.size == replay.capacity else 0
    return rows[first:] + rows[:first]


cases = given(
    seeds=st.integers(1, 3),
    lanes=st.integers(1, 3),
    frames=st.integers(2, 4),
    size=st.sampled_from([1, 3, 8]),
    capacity=st.integers(1, 40),
    n_step=st.integers(1, 3),
    surprise=st.sampled_from([0.0, 0.02, 0.1, 0.25]),
    few=st.booleans(),
    seed=st.integers(0, 2**31),
)


@settings(max_examples=100, deadline=None)
@cases
def test_what_is_sampled_is_what_was_added_whatever_the_environment_does(
    seeds, lanes, frames, size, capacity, n_step, surprise, few, seed
):
    world = World(seeds, lanes, frames, size, surprise, few, seed)
    added = later([world.step() for _ in range(120)], n_step)
    replay = replay_for(seeds, capacity, "cpu", fields(frames, size), n_step)
    assert isinstance(replay, FrameReplay)
    for ring in replay._rings:  # begin with little room, so that rings wrap and grow
        ring.load(3, 0, ring.frames[:0])
    for i, transition in enumerate(added):
        given = {name: values.copy() for name, values in transition.items()}
        replay.add(**given)
        for values in given.values():
            values[:] = 77  # the caller writes to its arrays
        if i % 30 == 29:
            assert [held(replay, s) for s in range(seeds)] == [expected(added[: i + 1], capacity, s) for s in range(seeds)]  # fmt: skip


@settings(max_examples=40, deadline=None)
@cases
def test_a_replay_that_is_saved_and_loaded_goes_the_same_way(
    seeds, lanes, frames, size, capacity, n_step, surprise, few, seed
):
    world = World(seeds, lanes, frames, size, surprise, few, seed)
    added = later([world.step() for _ in range(60)], n_step)
    replay, again = (replay_for(seeds, capacity, "cpu", fields(frames, size), n_step) for _ in range(2))
    for transition in added[:31]:
        replay.add(**transition)
    unpack({"replay": again}, pack({"replay": replay}, seeds))
    for transition in added[31:]:
        replay.add(**transition)
        again.add(**transition)
    assert [held(again, s) for s in range(seeds)] == [expected(added, capacity, s) for s in range(seeds)]
    if capacity >= n_step * lanes:  # the numbers of the frames are the same too
        one, other = pack({"replay": replay}, seeds), pack({"replay": again}, seeds)
        assert all(one[name][s].tobytes() == other[name][s].tobytes() for name in one for s in range(seeds))


def test_a_minibatch_has_the_bits_of_one_from_whole_stacks():
    world = World(3, 2, 4, 10, 0.05, False, 5)
    plain, once = Replay(3, 50, **fields(4, 10)), replay_for(3, 50, "cpu", fields(4, 10))
    for _ in range(70):
        transition = world.step()
        plain.add(**transition)
        once.add(**transition)
    one, other = (replay.minibatch(SeedStreams([1, 2, 3]), 16) for replay in (plain, once))
    assert list(one) == list(other)
    for name, values in one.items():
        assert values.dtype == other[name].dtype and torch.equal(values, other[name])


def test_prioritized_replay_draws_the_same_from_both():
    world = World(2, 1, 3, 6, 0.1, False, 8)
    whole = {name: field._replace(frames=1) for name, field in fields(3, 6).items()}
    one, other = (PrioritizedReplay(2, 30, alpha=0.6, floor=0.01, **f) for f in (whole, fields(3, 6)))
    assert isinstance(other.ring, FrameReplay) and not isinstance(one.ring, FrameReplay)
    for _ in range(45):
        transition = world.step()
        one.add(**transition)
        other.add(**transition)
    uniform = np.random.default_rng(0).random((2, 8))
    for (index, batch), (index_2, batch_2) in [(one.sample(uniform, 0.5), other.sample(uniform, 0.5))]:
        assert (index == index_2).all() and all(torch.equal(batch[name], batch_2[name]) for name in batch)


@pytest.mark.parametrize(("lanes", "n_step"), [(1, 1), (4, 1), (1, 3), (4, 3)])
def test_each_frame_is_stored_once(lanes, n_step):
    world = World(2, lanes, 4, 5, 0.0, False, 1)
    world.obs[:] = world.obs[..., -1:, :]  # padded with the first frame
    steps = [world.step() for _ in range(50)]
    replay = replay_for(2, 1_000, "cpu", fields(4, 5), n_step)
    for transition in later(steps, n_step):
        replay.add(**transition)
    # The first frame, those that lead to the first successor, and one for each transition.
    first = {1: 1 + 1, 3: 1 + 4}[n_step]  # with n = 3 the first successor's four frames are all new
    count = 50 - n_step + 1
    extra = {1: 0, 3: 2}[n_step]  # observations 2 and 3 are no successors, so their newest frames are stored again
    assert [ring.count for ring in replay._rings] == [lanes * (first + count - 1 + extra)] * 2


def test_a_new_episode_adds_one_frame_and_memory_does_not_grow():
    """Episodes of eight steps whose first stack repeats the first frame: nine frames for eight transitions."""
    replay, number = replay_for(1, 800, "cpu", fields(4, 1)), 0
    for _ in range(500):
        stack = np.full(4, number % 251, np.uint8)
        for _ in range(8):
            number += 1
            following = np.append(stack[1:], np.uint8(number % 251))
            replay.add(
                obs=stack[None, None],
                action=np.zeros((1, 1), np.int64),
                reward=np.zeros((1, 1), np.float32),
                next_obs=following[None, None],
                discount=np.ones((1, 1), np.float32),
            )
            stack = following
        number += 1
    (ring,) = replay._rings
    assert ring.count == 500 * 9 and ring.rows == frame_rows(800) == 1028


def test_a_stack_that_never_moves_is_stored_again_and_again_but_memory_is_bounded():
    replay = replay_for(1, 100, "cpu", fields(4, 2))
    rng = np.random.default_rng(3)
    still = rng.integers(256, size=(1, 1, 8), dtype=np.uint8)
    for i in range(5_000):
        obs, following = (still, still) if i < 2_000 else rng.integers(256, size=(2, 1, 1, 8), dtype=np.uint8)
        numbers = np.full((1, 1), i)
        replay.add(obs=obs, action=numbers, reward=numbers, next_obs=following, discount=numbers)
        if i == 1_999:
            assert replay._rings[0].count == 4
    # Two stacks of four frames for each transition, those that a look at the age keeps, and a quarter.
    assert replay._rings[0].rows <= 1.25 * (8 * 101 + 4 * 4 * 5)


def test_seeds_with_different_numbers_of_frames_are_saved_together_and_loaded_apart():
    """A checkpoint holds an array for each seed, and a group may resume with seeds of several groups."""
    from rlbench.api import stack_seeds

    rng = np.random.default_rng(2)
    replay = replay_for(2, 20, "cpu", fields(2, 3))
    still = rng.integers(256, size=6, dtype=np.uint8)
    for i in range(10):
        drawn = np.stack([still, rng.integers(256, size=6, dtype=np.uint8)])[:, None]
        numbers = np.full((2, 1), i)
        replay.add(obs=drawn, action=numbers, reward=numbers, next_obs=drawn, discount=numbers)
    packed = pack({"replay": replay}, 2)
    assert packed["replay.count"].tolist() == [2, 20] and [len(own) for own in packed["replay.frames"]] == [2, 20]
    alone = replay_for(1, 20, "cpu", fields(2, 3))
    unpack({"replay": alone}, {name: array[:1] for name, array in packed.items()})  # fmt: skip
    assert held(alone, 0) == held(replay, 0)
    both = replay_for(2, 20, "cpu", fields(2, 3))
    apart = [pack({"replay": alone}, 1), {name: array[1:] for name, array in packed.items()}]
    unpack({"replay": both}, {name: stack_seeds([state[name][0] for state in apart]) for name in packed})
    assert [held(both, s) for s in range(2)] == [held(replay, s) for s in range(2)]


def test_vectors_and_single_images_keep_the_plain_replay():
    for field in (Field((4,)), Field((12,), torch.uint8)):
        assert type(replay_for(1, 10, "cpu", replay_fields(field, ACTION))) is Replay


def test_what_cannot_be_stored_is_refused():
    with pytest.raises(ValueError, match="observations of 10 numbers cannot be split into 4 frames of one size"):
        replay_for(1, 10, "cpu", replay_fields(Field((10,), torch.uint8, 4), ACTION))
    replay, world = replay_for(1, 10, "cpu", fields(2, 3)), World(1, 2, 2, 3, 0.0, False, 0)
    replay.add(**world.step())
    with pytest.raises(ValueError, match="transitions of 1 environments after those of 2"):
        replay.add(**World(1, 1, 2, 3, 0.0, False, 0).step())
