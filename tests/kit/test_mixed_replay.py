"""Minibatches from two memories: how many of each, drawn from what."""

import numpy as np
import pytest
import torch

from rlbench.kit import Field, MixedReplay, Replay
from rlbench.seeding import SeedStreams


def memories(share):
    first, second = Replay(2, 10, reward=Field()), Replay(2, 30, reward=Field())
    first.add(reward=np.arange(1.0, 7.0, dtype=np.float32) * np.ones((2, 1), np.float32))
    second.add(reward=-np.arange(1.0, 21.0, dtype=np.float32) * np.ones((2, 1), np.float32))
    return MixedReplay(first, second, share)


@pytest.mark.parametrize(("share", "count"), [(0.0, 0), (0.05, 6), (0.5, 64), (1.0, 128)])
def test_a_share_of_each_minibatch_is_from_the_first(share, count):
    reward = memories(share).minibatch(SeedStreams((0, 1)), 128)["reward"]
    assert reward.shape == (2, 128)
    assert (reward[:, :count] > 0).all() and (reward[:, count:] < 0).all()
    if share == 0.5:
        assert set(reward[:, :64].flatten().tolist()) == set(range(1, 7))
        assert set(reward[:, 64:].flatten().tolist()) <= set(range(-20, 0))


def test_while_the_second_is_empty_all_are_from_the_first():
    mixed = memories(0.5)
    reward = MixedReplay(mixed.first, Replay(2, 30, reward=Field()), 0.5).minibatch(SeedStreams((0, 1)), 128)["reward"]
    assert reward.shape == (2, 128) and (reward > 0).all()


def test_a_seed_draws_the_same_alone_and_in_a_stack():
    both, mixed = memories(0.5).minibatch(SeedStreams((0, 1)), 16)["reward"], memories(0.5)
    assert torch.equal(both[1:], _only(mixed, 1).minibatch(SeedStreams((1,)), 16)["reward"])


def _only(mixed, seed):
    alone = [Replay(1, r.capacity, reward=Field()) for r in (mixed.first, mixed.second)]
    for replay, whole in zip(alone, (mixed.first, mixed.second)):
        replay.add(reward=whole.stored("reward")[seed : seed + 1].numpy())
    return MixedReplay(*alone, mixed.share)


def test_what_was_stored_is_restored():
    one, other = memories(0.5), memories(0.5)
    one.first.add(reward=np.full((2, 5), 9.0, np.float32))
    other.load_state(one.state())
    for name in ("first", "second"):
        assert torch.equal(getattr(one, name).stored("reward"), getattr(other, name).stored("reward"))
    assert other.first.position == one.first.position == 1
