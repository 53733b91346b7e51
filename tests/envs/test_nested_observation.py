"""Dict and Tuple observations as vectors and back: beside Gymnasium's own flattening, on spaces of any shape."""

import copy

import numpy as np
import pytest
from gymnasium import spaces
from gymnasium.spaces.utils import flatten, flatten_space, unflatten
from hypothesis import given, settings
from hypothesis import strategies as st

from rlbench.envs.flat_observation import FlatObservation
from rlbench.envs.nested_observation import NestedObservation, NestedVectors

SHAPES = st.lists(st.integers(1, 3), max_size=3).map(tuple)
FLAT_SHAPES = SHAPES.filter(lambda shape: len(shape) < 3)  # bytes or booleans of three axes are images
COUNTS = st.lists(st.integers(1, 4), min_size=1, max_size=3)
LEAVES = st.one_of(
    st.builds(lambda shape: spaces.Box(-5, 5, shape, np.float32), SHAPES),
    st.builds(lambda shape: spaces.Box(0, 255, shape, np.uint8), FLAT_SHAPES),
    st.builds(lambda shape: spaces.Box(-1000, 1000, shape, np.int64), SHAPES),
    st.builds(lambda shape: spaces.Box(0, 1, shape, np.bool_), FLAT_SHAPES),
    st.builds(spaces.Discrete, st.integers(1, 5), start=st.integers(-3, 3)),
    st.builds(spaces.MultiDiscrete, COUNTS),
    st.builds(lambda n: spaces.MultiDiscrete([[n, 2], [3, n]], start=[[1, -1], [0, n]]), st.integers(1, 3)),
    st.builds(spaces.MultiBinary, st.one_of(st.integers(1, 4), st.just([2, 3]))),
)
KEYS = st.text("abcz./_", max_size=3)
NESTED = st.recursive(
    LEAVES,
    lambda part: st.one_of(
        st.dictionaries(KEYS, part, min_size=1, max_size=3).map(spaces.Dict),
        st.lists(part, min_size=1, max_size=3).map(spaces.Tuple),
    ),
    max_leaves=6,
).filter(lambda space: isinstance(space, (spaces.Dict, spaces.Tuple)))


def leaves(value):
    """List the arrays in nested Dicts and Tuples, by sorted key."""
    if isinstance(value, dict):
        return [leaf for key in sorted(value) for leaf in leaves(value[key])]
    return [leaf for part in value for leaf in leaves(part)] if isinstance(value, tuple) else [np.asarray(value)]


@settings(deadline=None, max_examples=60)
@given(NESTED, st.integers(0, 99))
def test_the_vector_is_gymnasiums_and_the_way_back_is_exact(space, seed):
    space.seed(seed)
    values = [space.sample() for _ in range(3)]
    vectors = np.stack([np.asarray(flatten(space, value), np.float32) for value in values])
    shown = NestedVectors(space)
    assert shown.shape == flatten_space(space).shape and shown.dtype == np.float32 and shown.contains(vectors[0])
    for value, vector in zip(values, vectors):
        for ours, theirs, own in zip(leaves(shown.restore(vector)), leaves(unflatten(space, vector)), leaves(value)):
            assert (
                (ours == own).all() and (ours == theirs).all() and ours.shape == own.shape and ours.dtype == own.dtype
            )
    batch = leaves(shown.restore(vectors[None]))  # [1, 3, n]
    for i, own in enumerate(zip(*[leaves(value) for value in values])):
        assert batch[i].shape == (1, 3, *own[0].shape) and (batch[i][0] == np.stack(own)).all()


def test_keys_are_sorted_whatever_order_the_space_has():
    from collections import OrderedDict

    space = spaces.Dict(OrderedDict(z=spaces.Box(-9, 9, (1,)), a=spaces.Box(-9, 9, (2,))))
    shown = NestedObservation.shown(space)
    assert list(shown.parts.spaces) == ["a", "z"]
    assert {k: v.tolist() for k, v in shown.restore(np.arange(3.0)).items()} == {"a": [0, 1], "z": [2]}


def test_whole_numbers_are_exact_up_to_two_to_the_24th_and_float64_becomes_float32():
    space = spaces.Dict({"n": spaces.Box(0, 1 << 40, (3,), np.int64), "x": spaces.Box(-1, 1, (1,), np.float64)})
    value = {"n": np.array([1 << 24, (1 << 24) + 1, (1 << 24) + 2]), "x": np.array([1 / 3])}
    back = NestedVectors(space).restore(np.asarray(flatten(space, value), np.float32))
    assert back["n"].tolist() == [1 << 24, 1 << 24, (1 << 24) + 2] and back["x"] == [np.float32(1 / 3)]


def test_text_is_left_out_and_the_space_survives_a_copy():
    space = spaces.Dict({"mission": spaces.Text(5), "t": spaces.Tuple((spaces.Text(3), spaces.Discrete(2)))})
    shown = copy.deepcopy(NestedObservation.shown(space))
    assert shown.parts == spaces.Dict({"t": spaces.Tuple((spaces.Discrete(2),))})
    assert shown.restore(np.array([0, 1])) == {"t": (1,)} and isinstance(shown, spaces.Box)


@pytest.mark.parametrize("space", [spaces.Discrete(2), spaces.Box(-1, 1, (2,)), spaces.Dict({"a": spaces.Text(3)})])
def test_a_space_without_parts_is_refused(space):
    with pytest.raises(TypeError, match="neither a Dict nor a Tuple of numbers"):
        NestedObservation.shown(space)


def test_the_vectors_are_those_of_the_flat_form():
    space = spaces.Dict({"b": spaces.Discrete(3), "a": spaces.Box(0, 255, (2, 2, 3), np.uint8)})
    assert NestedObservation.shown(space) == FlatObservation.shown(space)


def test_images_are_restored_with_their_channels_first():
    space = spaces.Tuple((spaces.Box(0, 9, (4, 5, 3), np.uint8), spaces.Box(0, 1, (2, 2, 2))))
    space.seed(0)
    image, other = space.sample()
    shown = NestedVectors(space)
    back = shown.restore(np.asarray(flatten(space, (image, other)), np.float32)[None])
    assert shown.parts[0] == spaces.Box(0, 255, (3, 4, 5), np.uint8) and shown.parts[1] == space[1]
    assert back[0].dtype == np.uint8 and all(back[0][0, c, y, x] == image[y, x, c] for y, x, c in np.ndindex(4, 5, 3))
    assert (back[1][0] == other).all()
