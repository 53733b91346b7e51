"""What algorithms get from the environments is read by name."""

from dataclasses import fields, make_dataclass

import numpy as np
import pytest

from rlbench import Transition

STEP = {field.name: np.zeros((1, 1)) for field in fields(Transition)}


def test_a_transition_is_read_by_the_names_of_its_fields():
    assert list(STEP) == ["obs", "action", "reward", "next_obs", "terminated", "truncated", "agent_rewards"]
    assert Transition(**STEP).next_obs is STEP["next_obs"]


def test_a_transition_cannot_be_unpacked_so_that_a_further_field_breaks_nobody():
    with pytest.raises(TypeError, match="cannot be unpacked in plugin API 2; read its fields; docs/plugin-api.md"):
        _obs, _action, *_ = Transition(**STEP)
    with pytest.raises(TypeError, match="has no index in plugin API 2"):
        Transition(**STEP)[0]
    with pytest.raises(TypeError, match="positional"):
        Transition(*STEP.values())
    later = make_dataclass("Later", [("mask", object, None)], bases=(Transition,), kw_only=True)
    assert later(**STEP).reward is STEP["reward"]


def test_a_transition_keeps_no_dictionary_and_takes_no_other_name():
    with pytest.raises(AttributeError):
        Transition(**STEP).rewards = 1
