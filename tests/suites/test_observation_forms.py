"""Which form of observations an algorithm gets, and the reason where it gets none."""

import numpy as np
import pytest
from gymnasium import spaces

from rlbench.api import Supports, Task
from rlbench.suites.compatibility import adapted, describe_wrappers, own_wrappers
from rlbench.suites.observation_forms import form_problem, losses, misfit

VECTOR, NUMBER, TABLE = spaces.Box(-1, 1, (4,)), spaces.Box(-1, 1, ()), spaces.Box(0, 255, (40, 40), np.uint8)
IMAGE, TINY = spaces.Box(0, 255, (48, 40, 3), np.uint8), spaces.Box(0, 255, (7, 7, 3), np.uint8)
PARTS = spaces.Dict({"at": VECTOR, "camera": IMAGE, "goal": spaces.Discrete(3, start=1)})
GRID = spaces.Dict({"image": TINY, "direction": spaces.Discrete(4), "mission": spaces.Text(9)})
PAIR = spaces.Tuple((spaces.Discrete(2), spaces.Dict({"a": spaces.Tuple((spaces.MultiBinary(2),))})))
FLOATS, CNN = Supports(discrete=True), Supports(discrete=True, pixels=True, nested=True, smallest_image=36)
BLIND = Supports(discrete=True, pixels=True, no_observations=True)


class Missions(spaces.Space):
    """Text of a package's own, which is no Text of Gymnasium's."""

    def __init__(self):
        super().__init__(dtype=str)


def given(space, supports, form="auto"):
    """The wrapper that a plan adds, "" for none, or the reason for which the pair is skipped."""
    task, (shown, _) = adapted(Task("X-v0", 1), (space, spaces.Discrete(2)), supports, form)
    return misfit("it", supports, shown) or "".join(w.name.partition(":")[2] for w in task.wrappers)


@pytest.mark.parametrize(
    ("space", "form", "floats", "cnn", "blind"),
    [
        (VECTOR, "auto", "", "", ""),
        (NUMBER, "auto", "", "", ""),
        (VECTOR, "flat", "", "", ""),
        (spaces.Box(-1, 1, (4,), np.float64), "auto", "", "", ""),
        (spaces.Box(-np.inf, np.inf, (4,), np.float16), "auto", "", "", ""),
        (spaces.Box(-1, 1, (4,), np.longdouble), "auto", *["FlatObservation"] * 3),
        (spaces.Box(0, 1, (3, 3), np.bool_), "auto", *["FlatObservation"] * 3),
        (spaces.Box(0, 9, (), np.int64), "auto", *["FlatObservation"] * 3),
        (spaces.Discrete(3, start=7), "auto", *["FlatObservation"] * 3),
        (TABLE, "auto", *["FlatObservation"] * 3),
        (TABLE, "image", "images of shape (40, 40)", "ImageObservation", "FlatObservation"),
        (IMAGE, "auto", "images of shape (48, 40, 3)", "ImageObservation", ""),
        (IMAGE, "image", "images of shape (48, 40, 3)", "ImageObservation", ""),
        (IMAGE, "flat", "FlatObservation", "FlatObservation", ""),
        (TINY, "auto", "images of shape (7, 7, 3)", "images of 7 × 7, but it needs at least 36 × 36", ""),
        (PARTS, "auto", "FlatObservation", "NestedObservation", "FlatObservation"),
        (PARTS, "nested", "are Dict, but it supports vectors", "NestedObservation", "FlatObservation"),
        (PARTS, "flat", *["FlatObservation"] * 3),
        (PAIR, "auto", "FlatObservation", "NestedObservation", "FlatObservation"),
        (GRID, "auto", *["FlatObservation"] * 3),  # too small for a convolution
        (GRID, "nested", "are Dict, but it", "images in part 'image' of the observations are 7 × 7", "FlatObservation"),
        (spaces.Box(-1, 1, (0,)), "auto", *["have no numbers (shape (0,))"] * 2, "NoObservation"),
        (spaces.Dict({}), "auto", *["are an empty Dict"] * 2, "NoObservation"),
        (spaces.Text(3), "flat", *["are Text, but it"] * 2, "NoObservation"),
        (spaces.Dict({"a": spaces.Text(3)}), "auto", *["are a Dict of Text alone"] * 2, "NoObservation"),
        (spaces.Sequence(NUMBER), "auto", *["are Sequence"] * 2, "NoObservation"),
        (spaces.OneOf([NUMBER, VECTOR]), "auto", *["are OneOf"] * 2, "NoObservation"),
        (spaces.Graph(NUMBER, None), "auto", *["are Graph"] * 2, "NoObservation"),
        (spaces.Dict({"a": Missions()}), "auto", *["are a Dict of Text alone"] * 2, "NoObservation"),
        (
            spaces.Dict({"t": Missions(), "b": spaces.Sequence(NUMBER)}),
            "auto",
            *["are Dict with Sequence in 'b'"] * 2,
            "NoObservation",
        ),
        (
            spaces.Dict({"a": spaces.Tuple((VECTOR, spaces.Sequence(NUMBER)))}),
            "auto",
            *["are Dict with Sequence in 'a/1'"] * 2,
            "NoObservation",
        ),
        (spaces.Discrete(10**8), "auto", *["are Discrete of 100,000,000 numbers"] * 2, "NoObservation"),
    ],
)
def test_the_form_is_what_the_algorithm_supports_or_a_reason_to_skip_it(space, form, floats, cnn, blind):
    for supports, expected in ((FLOATS, floats), (CNN, cnn), (BLIND, blind)):
        found = given(space, supports, form)
        assert expected in found if " " in expected else expected == found, supports


@pytest.mark.parametrize(("space", "form"), [(IMAGE, "auto"), (TINY, "auto"), (PARTS, "nested"), (GRID, "nested")])
def test_a_skip_names_the_way_out_and_the_way_out_works(space, form):
    for supports in (FLOATS, CNN):
        if " " in (found := given(space, supports, form)):
            assert "`observations: flat` gives one vector" in found
            assert given(space, supports, "flat") == "FlatObservation"


@pytest.mark.parametrize(
    ("space", "form", "problem"),
    [
        (VECTOR, "image", "observations are not images"),
        (VECTOR, "nested", "observations are neither Dict nor Tuple"),
        (VECTOR, "flat", ""),
        (TABLE, "image", ""),
        (PAIR, "nested", ""),
        (spaces.Text(3), "auto", ""),
    ],
)
def test_a_form_that_an_environment_cannot_have_is_a_problem(space, form, problem):
    found = form_problem(form, space, "gymnasium")
    assert problem in found and bool(found) == bool(problem)
    assert bool(form_problem(form, space, "envpool")) == (form != "auto")


def test_what_observations_lose_is_said_and_nothing_else():
    big = spaces.Box(0, 1 << 30, (2,), np.int64)
    assert losses(GRID) == ["text is left out of observations (mission)"]
    assert losses(spaces.Dict({"a": Missions(), "b": VECTOR})) == ["text is left out of observations (a)"]
    nested = spaces.Dict({"a": spaces.Tuple((spaces.Text(2), big)), "b": spaces.Text(4)})
    assert losses(nested) == [
        "text is left out of observations (a/0, b)",
        "whole numbers above 16,777,216 are rounded in observations",
    ]
    assert losses(spaces.Box(-(1 << 24), 1 << 24, (2,), np.int64)) == []
    assert [losses(space) for space in (VECTOR, PARTS, PAIR, IMAGE, spaces.Text(3))] == [[]] * 5


def test_a_plans_own_wrappers_are_told_apart_from_the_suites():
    task, _ = adapted(Task("X-v0", 1), (PARTS, spaces.Discrete(2, start=1)), CNN)
    assert describe_wrappers(task) == "observations are given part by part; actions are numbered from 0"
    assert own_wrappers(task) == ()
