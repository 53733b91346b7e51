"""The sum tree and prioritized replay against slow obvious loops and the exact distribution."""

import math

import numpy as np
import pytest
import torch
from scipy import stats

from rlbench import SeedStreams
from rlbench.kit import Field, Replay, pack, unpack
from rlbench.kit.prioritized_replay import FAN, PrioritizedReplay, SumTree, power

CAPACITIES = [1, 2, 5, 15, 16, 17, 33, 100, 256, 257, 5000]


def generator(seed=0):
    return np.random.default_rng(seed)


def replay(capacity, num_seeds=2, alpha=0.6, floor=1e-3):
    return PrioritizedReplay(num_seeds, capacity, alpha=alpha, floor=floor, x=Field())


def add(kept, count, first=0):
    """Append transitions whose field x is their number, plus 1000 for each seed index."""
    numbers = np.arange(first, first + count, dtype=np.float32)
    kept.add(x=numbers + 1000 * np.arange(len(kept.largest), dtype=np.float32)[:, None])


def all_active(kept):
    return np.ones(len(kept.largest), bool)


def bits(tree, seeds=slice(None)):
    """Everything a tree holds of some seeds."""
    return [level[seeds].tobytes() for level in (*tree._levels, tree.total)]


# -- the tree ----------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("capacity", CAPACITIES)
def test_after_many_random_updates_every_node_is_the_sum_of_its_children(capacity):
    rng, tree, slow = generator(), SumTree(3, capacity), np.zeros((3, capacity))
    for _ in range(100):
        index, weight = rng.integers(capacity, size=(3, 7)), rng.exponential(size=(3, 7)) ** 3
        tree.set(index, weight)
        for s in range(3):
            for place, w in zip(index[s], weight[s]):
                slow[s, place] = w  # of a place named twice the last counts
    assert np.array_equal(tree.weights, slow)
    for lower, upper in zip(tree._levels, tree._levels[1:]):
        for s in range(3):
            blocks = [lower[s, i : i + FAN].sum() for i in range(0, lower.shape[1], FAN)]
            assert upper[s].tolist() == [*blocks, *[0.0] * (upper.shape[1] - len(blocks))]  # no drift: the very sums
    assert tree.total == pytest.approx([math.fsum(row) for row in slow], rel=1e-12)


@pytest.mark.parametrize("capacity", CAPACITIES)
def test_a_place_is_found_by_its_share_of_the_running_sum(capacity):
    rng, tree = generator(1), SumTree(2, capacity)
    weights = rng.integers(0, 5, size=(2, capacity)).astype(float)  # whole numbers: their sums are exact
    weights[:, -1] = 3
    tree.load(weights)
    mass = np.concatenate([np.arange(w.sum()) for w in weights])[None].repeat(2, 0) % weights.sum(1)[:, None]
    found = tree.find(mass)
    for s in range(2):
        assert found[s].tolist() == np.searchsorted(weights[s].cumsum(), mass[s], side="right").tolist()


def test_a_weight_of_0_is_never_found_even_where_rounding_passes_the_total():
    tree = SumTree(1, 6)
    tree.load(np.array([[0.0, 0.1, 0.0, 0.7, 0.2, 0.0]]))
    total = tree.total[0]
    mass = np.array([[0.0, 0.1, 0.8, np.nextafter(total, 0), total, 1.5 * total]])
    assert tree.find(mass).tolist() == [[1, 3, 4, 4, 4, 4]]
    assert np.isin(tree.find(generator().random((1, 5000)) * total), [1, 3, 4]).all()


def test_a_tree_loaded_from_its_weights_has_the_bits_of_the_one_that_grew():
    rng, grown, loaded = generator(2), SumTree(3, 337), SumTree(3, 337)
    for _ in range(50):
        grown.set(rng.integers(300, size=(3, 9)), rng.random((3, 9)))
    loaded.set(np.full((3, 1), 336), np.ones((3, 1)))  # must be forgotten
    loaded.load(grown.weights[:, :300].copy())
    assert bits(grown) == bits(loaded)


@pytest.mark.parametrize("shape", [(1, 1), (1, 33), (3, 100), (7, 5)])
def test_a_powers_bits_do_not_depend_on_where_an_element_lies(shape):
    base = generator().exponential(size=shape) + 1e-6
    for exponent in (0.4, 0.6, 1.0):
        found = power(base, exponent)
        assert found == pytest.approx(base**exponent, rel=1e-13)
        one_by_one = [power(np.array([[b]]), exponent)[0, 0] for b in base.ravel()]
        assert found.ravel().tolist() == one_by_one
        assert power(base[:, ::-1], exponent).tolist() == found[:, ::-1].tolist()


# -- drawing -----------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(("capacity", "added"), [(5, 3), (7, 7), (13, 40), (33, 20), (100, 77), (101, 350)])
@pytest.mark.parametrize("alpha", [0.6, 1.0])
def test_transitions_are_drawn_with_exactly_their_probabilities(capacity, added, alpha):
    """Single draws of 20 000 seeds with the same errors are independent: chi-square against p^α / Σ p^α."""
    draws, size = 20_000, min(capacity, added)
    kept, error = replay(capacity, draws, alpha, floor=0.01), generator(3).exponential(size=size).astype(np.float32)
    add(kept, added)
    kept.update(np.arange(size)[None].repeat(draws, 0), error[None].repeat(draws, 0), all_active(kept))
    index, _ = kept.sample(generator(4).random((draws, 1)), 1.0)
    priority = [(float(e) + 0.01) ** alpha for e in error]
    expected = draws * np.array(priority) / sum(priority)
    seen = np.bincount(index[:, 0], minlength=size)
    assert len(seen) == size  # never a place that holds nothing
    assert stats.chisquare(seen, expected).pvalue > 1e-3


def test_strata_draw_each_transition_as_often_as_it_should_be_give_or_take_one():
    kept, error = replay(50, 1, alpha=1.0, floor=0.01), generator(5).random((1, 50)).astype(np.float32)
    add(kept, 50)
    kept.update(np.arange(50)[None], error, all_active(kept))
    index, _ = kept.sample(generator(6).random((1, 1000)), 1.0)
    share = (error[0] + 0.01) / (error[0] + 0.01).sum()
    assert np.abs(np.bincount(index[0], minlength=50) - 1000 * share).max() < 2  # two strata lie across its borders
    assert (np.diff(index[0]) >= 0).all()  # stratum after stratum, hence place after place


def test_one_surprising_transition_is_drawn_more_often_in_exact_proportion():
    """Errors 0.001 but for one of 1: with α = 0.5 it is drawn √(1.001 / 0.002) times as often as another."""
    kept, seeds = replay(11, 4000, alpha=0.5, floor=1e-3), 4000
    add(kept, 11)
    error = np.full((seeds, 11), 1e-3, np.float32)
    error[:, 7] = 1.0
    kept.update(np.arange(11)[None].repeat(seeds, 0), error, all_active(kept))
    index, _ = kept.sample(generator(7).random((seeds, 10)), 1.0)
    odds = (1.001 / 0.002) ** 0.5
    share = (index == 7).mean()
    assert share == pytest.approx(odds / (odds + 10), abs=4 * (0.25 / index.size) ** 0.5)


def test_with_alpha_0_every_transition_is_as_likely_as_another():
    kept = replay(6, 1, alpha=0.0)
    add(kept, 6)
    kept.update(np.array([[2]]), np.array([[50.0]], np.float32), all_active(kept))
    index, batch = kept.sample(generator(8).random((1, 600)), 0.7)
    assert np.bincount(index[0]).tolist() == [100] * 6
    assert (batch["weight"] == 1).all()


def test_importance_weights_are_those_of_the_paper_divided_by_their_maximum_in_each_seeds_minibatch():
    kept, beta = replay(9, 2, alpha=0.6, floor=0.01), 0.4
    add(kept, 9)
    error = generator(9).random((2, 9)).astype(np.float32) * [[1], [100]]
    kept.update(np.arange(9)[None].repeat(2, 0), error, all_active(kept))
    index, batch = kept.sample(generator(10).random((2, 5)), beta)
    for s in range(2):
        p = (error[s].astype(float) + 0.01) ** 0.6
        weight = (9 * p[index[s]] / p.sum()) ** -beta
        assert batch["weight"][s].numpy() == pytest.approx(weight / weight.max(), rel=1e-6)
    assert batch["weight"].dtype == torch.float32 and (batch["weight"].amax(-1) == 1).all()
    assert (kept.sample(generator(10).random((2, 5)), 0.0)[1]["weight"] == 1).all()


# -- beside the ring ---------------------------------------------------------------------------------------------
@pytest.mark.parametrize("per_step", [1, 2, 3])
def test_places_are_those_of_the_ring(per_step):
    """A transition keeps its priority until it is overwritten, and what is drawn is what lies there."""
    kept, plain, rng = replay(7, alpha=1.0, floor=0.5), Replay(2, 7, x=Field()), generator(11)
    priority = [{}, {}]  # of each transition by its number
    for first in range(0, 40, per_step):
        add(kept, per_step, first)
        plain.add(x=np.stack([np.arange(first, first + per_step, dtype=np.float32) + 1000 * s for s in range(2)]))
        for s in range(2):
            priority[s] |= {number: max([1.0, *priority[s].values()]) for number in range(first, first + per_step)}
        index, batch = kept.sample(rng.random((2, 4)), 0.4)
        assert torch.equal(batch["x"], plain.sample(torch.from_numpy(index))["x"])
        error = (batch["x"].numpy() % 7 / 4).astype(np.float32)
        kept.update(index, error, all_active(kept))
        for s in range(2):
            priority[s] |= {int(x) - 1000 * s: float(e) + 0.5 for x, e in zip(batch["x"][s], error[s])}
        held = plain.state()["x"]
        for s in range(2):
            assert kept.tree.weights[s, : plain.size] == pytest.approx([priority[s][int(x) % 1000] for x in held[s]])
    assert torch.equal(kept.state()["x"], plain.state()["x"])


def test_new_transitions_have_the_largest_priority_of_their_own_seed():
    kept = replay(10, alpha=1.0, floor=0.5)
    add(kept, 2)
    assert kept.tree.weights[:, :2].tolist() == [[1, 1], [1, 1]]
    kept.update(np.array([[0, 1], [0, 1]]), np.array([[4.0, 2.0], [0.0, 0.1]], np.float32), all_active(kept))
    add(kept, 1, 2)
    assert kept.tree.weights[:, 2].tolist() == [4.5, 1.0]
    kept.update(np.array([[0, 2], [0, 2]]), np.zeros((2, 2), np.float32), all_active(kept))
    add(kept, 1, 3)
    assert kept.tree.weights[:, 3].tolist() == [4.5, 1.0]  # so far, not at present


def test_the_sign_of_an_error_does_not_matter_and_the_floor_keeps_an_error_of_0_alive():
    kept = replay(3, 1, alpha=1.0, floor=0.25)
    add(kept, 3)
    kept.update(np.array([[0, 1, 2]]), np.array([[-2.0, 2.0, 0.0]], np.float32), all_active(kept))
    assert kept.tree.weights.tolist() == [[2.25, 2.25, 0.25]]


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_a_seed_that_is_not_active_keeps_its_priorities_and_a_bad_error_changes_none(bad):
    kept = replay(4, 3)
    add(kept, 4)
    before = kept.tree.weights.copy()
    index, error = np.array([[0, 1]] * 3), np.array([[0.5, 0.5], [bad, 9.0], [bad, 0.5]], np.float32)
    kept.update(index, error, np.array([True, False, True]))
    after = kept.tree.weights
    assert after[1].tobytes() == before[1].tobytes() and kept.largest[1] == 1
    assert after[2, 0] == before[2, 0] and after[2, 1] == after[0, 1] != before[0, 1]
    assert np.isfinite(kept.tree.total).all() and np.isfinite(kept.largest).all()


def test_a_seeds_draws_and_priorities_do_not_depend_on_its_stack_mates():
    def run(seeds):
        streams, kept = SeedStreams(seeds), replay(21 * FAN, len(seeds))
        seen = []
        for i in range(60):
            kept.add(x=streams.normal("x", 3))
            index, batch = kept.sample(streams.uniform("replay", 33), i / 60)
            kept.update(index, streams.normal("error", 33), all_active(kept))
            seen.append((index, batch["x"].numpy(), batch["weight"].numpy(), kept.tree.weights.copy(), kept.tree.total))
        return lambda s: [tuple(a[s].tobytes() for a in arrays) for arrays in seen]

    assert run([3])(0) == run([7, 3, 11, 5])(1) == run([5, 11, 3])(2)


@pytest.mark.parametrize("added", [5, 40])
def test_replay_comes_back_from_its_state_and_goes_on_bit_for_bit(added):
    kept, again = replay(13), replay(13)
    for i in range(added):
        add(kept, 1, i)
        index, _ = kept.sample(generator(i).random((2, 6)), 0.4)
        kept.update(index, generator(i).random((2, 6)).astype(np.float32) * 3, all_active(kept))
    packed = pack({"replay": kept}, 2)
    assert all(len(array) == 2 for array in packed.values())
    add(again, 13)  # must be forgotten
    unpack({"replay": again}, packed)
    for i in range(added, added + 20):
        assert bits(kept.tree) == bits(again.tree)
        draws = []
        for part in (kept, again):
            add(part, 1, i)
            index, batch = part.sample(generator(i).random((2, 6)), 0.4)
            part.update(index, generator(i).random((2, 6)).astype(np.float32) * 5, all_active(part))
            draws.append((index.tolist(), batch["x"].tolist(), batch["weight"].tolist(), part.largest.tolist()))
        assert draws[0] == draws[1]
