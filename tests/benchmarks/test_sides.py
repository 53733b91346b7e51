"""That every side is given the same work: our configuration, the peers' arguments, and the turns they wait for."""

import io
import json

import pytest
import stable_baselines3
import torch
from stable_baselines3.common.noise import NormalActionNoise

from benchmarks.speed.sb3 import arguments
from benchmarks.speed.turnstile import Turnstile
from benchmarks.speed.works import WORKS, ours_of, peers_of
from rlbench.plugins import load_plugins

by_algorithm = pytest.mark.parametrize("work", WORKS, ids=lambda work: work.algorithm)


@by_algorithm
def test_our_configuration_names_fields_that_the_algorithm_has(work):
    load_plugins().algorithm(work.algorithm).load().Config(**work.config)


@by_algorithm
def test_the_peer_is_built_with_the_same_hyperparameters(work):
    library = getattr(stable_baselines3, work.algorithm.upper())
    c, passed = work.config, arguments(library, work)
    model = library("MlpPolicy", work.env_id, device="cpu", **passed)
    as_given = set(c) - {
        "n_envs",
        "net_arch",
        "activation_fn",
        "noise_type",
        "noise_std",
    }  # `play` gives the first three
    assert set(passed) == as_given | ({"action_noise"} if "noise_type" in c else set())
    for name in as_given - {"train_freq", "clip_range", "use_rms_prop", "rms_prop_eps"}:
        assert getattr(model, name) == c[name], name
    if "train_freq" in c:
        assert model.train_freq.frequency == c["train_freq"]
    if "clip_range" in c:
        assert model.clip_range(1.0) == c["clip_range"]
    if "use_rms_prop" in c:
        rms_prop = model.policy.optimizer
        assert isinstance(rms_prop, torch.optim.RMSprop) and rms_prop.defaults["eps"] == c["rms_prop_eps"]
    if "noise_type" in c:
        assert isinstance(model.action_noise, NormalActionNoise) and model.action_noise._sigma == c["noise_std"]


@by_algorithm
def test_no_two_sides_are_the_same(work):
    sides = ours_of(work) + peers_of(work)
    assert len({side.name for side in sides}) == len(sides)


def test_a_turn_ends_at_the_first_safe_point_after_its_seconds_and_counts_its_own_steps():
    commands, answers = io.StringIO("0\n1000\n"), io.StringIO()
    turnstile = Turnstile(commands, answers, warm_steps=100)
    for steps in (
        0,
        60,
        120,
        150,
        10_000,
        20_000,
    ):  # warm at 120; the turn of no length ends at 150; the next never does
        turnstile.passed(steps)
    told = [json.loads(line) for line in answers.getvalue().splitlines()]
    assert [answer["steps"] for answer in told] == [120, 30]
    assert all(answer["wall"] > 0 and answer["cpu"] >= 0 for answer in told)
