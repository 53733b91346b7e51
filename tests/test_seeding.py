"""Streams: a seed's draws depend on its own number, the name and the calls, and on nothing else."""

import json

import numpy as np
import pytest
from gymnasium.spaces import Box, Discrete, Tuple
from scipy import stats

from rlbench import SeedStreams
from rlbench.seeding import EpisodeSeeds


def draws(streams, name="x"):
    return [
        streams.uniform(name, 3),
        streams.normal(name, 2, 2),
        streams.integers(name, 7, 5),
        streams.permutations(name, 6),
        streams.sample(name, Discrete(4), (len(streams.seeds), 3)),
        streams.sample(name, Box(-1, 2, (2,)), (len(streams.seeds), 3)),
    ]


def test_a_seeds_draws_do_not_depend_on_its_neighbours():
    alone, stacked = draws(SeedStreams([3])), draws(SeedStreams([7, 3, 5]))
    for a, b in zip(alone, stacked):
        assert a.shape[0] == 1 and b.shape[0] == 3
        assert (a[0] == b[1]).all()


def test_seeds_names_and_spaces_are_independent_streams():
    first = SeedStreams([0, 1]).uniform("a", 100)
    others = [first[1], SeedStreams([0]).uniform("b", 100)[0], SeedStreams([0], "tuning").uniform("a", 100)[0]]
    for other in others:
        assert (first[0] != other).all() and abs(np.corrcoef(first[0], other)[0, 1]) < 0.35


def test_streams_come_back_from_json_in_the_middle_of_a_block():
    streams = SeedStreams([3, 4])
    for _ in range(5):
        draws(streams)
    states = json.loads(json.dumps([streams.state(i) for i in range(2)]))
    expected = [draws(streams) for _ in range(2000)][-1]  # past the end of several blocks
    again = SeedStreams([3, 4])
    again.load(states)
    found = [draws(again) for _ in range(2000)][-1]
    assert all((a == b).all() for a, b in zip(expected, found))


def test_a_seed_comes_back_in_another_stack():
    streams = SeedStreams([3, 4])
    draws(streams)
    again = SeedStreams([4])
    again.load([streams.state(1)])
    assert (streams.uniform("x", 4)[1] == again.uniform("x", 4)[0]).all()


def test_integers_are_uniform():
    counts = np.bincount(SeedStreams([0]).integers("x", 6, 60_000)[0], minlength=6)
    assert stats.chisquare(counts).pvalue > 0.001 and len(counts) == 6


def test_samples_lie_in_their_space():
    streams, space = SeedStreams([0, 1]), Box(np.array([-1.0, 5.0], np.float32), np.array([1.0, 6.0], np.float32))
    drawn = streams.sample("x", space, (2, 50))
    assert drawn.shape == (2, 50, 2) and drawn.dtype == np.float32
    assert all(space.contains(row) for row in drawn.reshape(-1, 2))
    assert set(streams.sample("x", Discrete(3, start=5), (2, 50)).ravel()) == {5, 6, 7}


@pytest.mark.parametrize(
    ("low", "high", "dtype"), [(0, 1, np.int64), (-2, 2, np.int64), (0, 255, np.uint8), (-128, 127, np.int8)]
)
def test_each_whole_number_of_an_integer_box_is_drawn_equally_often(low, high, dtype):
    drawn = SeedStreams([0]).sample("x", Box(low, high, (1,), dtype), (1, 60_000))
    assert drawn.dtype == dtype
    counts = np.bincount(drawn.astype(int).ravel() - low, minlength=high - low + 1)
    assert len(counts) == high - low + 1 and stats.chisquare(counts).pvalue > 0.001


def test_the_ends_of_the_widest_integer_box_do_not_wrap_around():
    info = np.iinfo(np.int64)
    drawn = SeedStreams([0]).sample("x", Box(info.min, info.max, (1,), np.int64), (1, 1000))
    assert (drawn > 0).any() and (drawn < 0).any() and abs(np.mean(drawn / 2.0**63)) < 0.1


@pytest.mark.parametrize("space", [Box(-np.inf, np.inf, (2,)), Tuple([Discrete(2)])])
def test_a_space_without_a_uniform_distribution_is_refused(space):
    with pytest.raises(TypeError, match="cannot draw uniformly"):
        SeedStreams([0]).sample("x", space, (1, 1))


def test_only_refuses_every_other_stream_meanwhile():
    streams = SeedStreams([0])
    streams.uniform("explore", 1)
    with streams.only("evaluate"):
        streams.uniform("evaluate", 1)
        for draw in (lambda: streams.uniform("explore", 1), lambda: streams.permutations("order", 3)):
            with pytest.raises(RuntimeError, match="which would change training"):
                draw()
    streams.uniform("explore", 1)


def test_restart_derives_a_stream_anew():
    streams = SeedStreams([0])
    streams.restart("evaluate", 10)
    first = streams.uniform("evaluate", 5)
    streams.restart("evaluate", 20)
    assert (streams.uniform("evaluate", 5) != first).all()
    streams.restart("evaluate", 10)
    assert (streams.uniform("evaluate", 5) == first).all()


def test_reset_seeds_of_training_evaluation_and_tuning_are_disjoint_by_construction():
    sequence = SeedStreams([0]).sequence("environment", 0, 0)
    seeds = {
        space: {EpisodeSeeds(sequence, space)[k] for k in range(200)} for space in ("training", "evaluation", "tuning")
    }
    assert {space: {s >> 29 for s in found} for space, found in seeds.items()} == {
        "training": {0},
        "evaluation": {1},
        "tuning": {2},
    }
    assert all(0 <= s < 2**31 for found in seeds.values() for s in found)


def test_the_kth_reset_seed_can_be_had_from_k_alone():
    sequence = SeedStreams([0]).sequence("environment", 0, 1)
    in_order = [EpisodeSeeds(sequence, "training")[k] for k in range(300)]
    assert EpisodeSeeds(sequence, "training")[250] == in_order[250]


def test_generators_that_an_algorithm_holds_on_to_come_back_too():
    streams = SeedStreams([3])
    streams.permutations("order", 9)
    states = [streams.state(0)]
    expected = streams.permutations("order", 9)
    again = SeedStreams([3])
    held = again.generators("order")
    again.load(states)
    assert (held[0].permutation(9) == expected[0]).all()
