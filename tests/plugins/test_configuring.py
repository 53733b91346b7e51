"""Parameters of a suite become a Config, or an error that says which and why."""

from dataclasses import dataclass
from typing import Literal

import pytest
from rlbench_dqn.dqn import DQN
from rlbench_ppo.ppo import PPO

from rlbench import setting
from rlbench.api import PluginError
from rlbench.plugins.config_model import configure, schema


@dataclass(frozen=True)
class Config:
    steps: int = setting(10, "a whole number", ge=1)
    rate: float = setting(0.1, "a share", gt=0, le=1)
    sizes: tuple[int, ...] = setting((1, 2), "several")
    kind: Literal["a", "b"] = setting("a", "one of two")
    maybe: float | None = setting(None, "or nothing")
    falling: float | str = setting(0.5, "a number, or one that falls", gt=0, le=1, schedule=True)
    other: float | str | None = setting(None, "likewise, or nothing", gt=0, schedule=True)


def test_defaults_and_conversions():
    assert configure(Config, {}, "x") == Config()
    found = configure(Config, {"steps": 1e5, "rate": 1, "sizes": [3, 4], "kind": "b", "maybe": 2}, "x")
    assert found == Config(100_000, 1.0, (3, 4), "b", 2.0)
    assert isinstance(found.steps, int) and isinstance(found.sizes, tuple)


@pytest.mark.parametrize(
    ("given", "kept"),
    [(1, 1.0), ("3e-4", 3e-4), ("lin_3e-4", "lin_0.0003"), ("lin_0.00030", "lin_0.0003"), ("lin_1", "lin_1.0")],
)
def test_a_number_that_may_fall_is_kept_alike_however_it_is_written(given, kept):
    found = configure(Config, {"falling": given, "other": given}, "x")
    assert (found.falling, found.other) == (kept, kept) and type(found.falling) is type(kept)


def test_a_number_that_may_fall_may_be_nothing_where_its_type_says_so():
    assert configure(Config, {"other": None}, "x").other is None


@pytest.mark.parametrize(
    ("params", "said"),
    [
        ({"steps": 1.5}, r"x\.steps: should be a whole number, got 1\.5"),
        ({"steps": 0}, r"x\.steps: should be at least 1, got 0"),
        ({"rate": 0}, r"x\.rate: should be above 0, got 0"),
        ({"rate": "fast"}, r"x\.rate: should be a number, got 'fast'"),
        ({"kind": "c"}, r"x\.kind: should be one of 'a', 'b', got 'c'"),
        ({"sizes": 3}, r"x\.sizes: should be a list, got 3"),
        ({"sizes": [3, "b"]}, r"x\.sizes\.1: should be a whole number, got 'b'"),
        ({"steps": True}, r"x\.steps: should be a number, got True"),
        ({"rate": True}, r"x\.rate: should be a number, got True"),
        ({"maybe": float("nan")}, r"x\.maybe: should be a number, got nan"),
        ({"maybe": "nan"}, r"x\.maybe: should be a number, got 'nan'"),
        ({"maybe": False}, r"x\.maybe: should be a number, got False"),
        ({"sizes": [3, True]}, r"x\.sizes: should be a number, got \[3, True\]"),
        ({"falling": True}, r"x\.falling: should be a number such as .*; got True"),
        ({"falling": 0}, r"x\.falling: should be above 0, got 0"),
        ({"falling": "lin_2"}, r"x\.falling: should be at most 1, got 'lin_2'"),
        ({"falling": "linear"}, r"x\.falling: should be a number such as 0\.001, or lin_0\.001, .*; got 'linear'"),
        ({"falling": "lin_"}, r"x\.falling: should be a number such as .*; got 'lin_'"),
        ({"falling": "lin_nan"}, r"x\.falling: should be a number such as .*; got 'lin_nan'"),
        ({"falling": None}, r"x\.falling: should be a number such as .*; got nothing"),
        ({"other": [1]}, r"x\.other: should be a number such as .*; got \[1\]"),
        ({"stpes": 1}, r"x\.stpes: unknown parameter; did you mean 'steps'\?"),
        ({"zzz": 1}, "known: falling, kind, maybe, other, rate, sizes, steps"),
    ],
)
def test_what_does_not_fit_is_named(params, said):
    with pytest.raises(PluginError, match=said):
        configure(Config, params, "x")


def test_every_problem_is_told_at_once():
    with pytest.raises(PluginError) as error:
        configure(Config, {"steps": 0, "rate": 2, "knd": "a"}, "x")
    assert len(str(error.value).splitlines()) == 3


@pytest.mark.parametrize(
    ("config", "params", "said"),
    [
        (PPO.Config, {"batch_size": 48}, "batch_size 48 does not divide"),
        (DQN.Config, {"gradient_steps": 0}, "gradient_steps must be"),
        (DQN.Config, {"exploration_schedule": "exponential", "exploration_final_eps": 0}, "above 0"),
    ],
)
def test_an_algorithms_own_rules_are_told_as_errors(config, params, said):
    with pytest.raises(PluginError, match=said):
        configure(config, params, "x")


@pytest.mark.parametrize("config", [DQN.Config, PPO.Config])
def test_every_hyperparameter_says_what_it_is(config):
    assert all(entry["doc"] for entry in schema(config))
