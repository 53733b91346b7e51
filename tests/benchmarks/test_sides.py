"""That every side is given the same work: our configuration, the peers' arguments, and the turns they wait for."""

import io
import json

import pytest
import stable_baselines3

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
    assert (model.learning_rate, model.gamma) == (c["lr"], c["gamma"])
    if work.algorithm in ("ppo", "a2c"):
        assert (model.n_steps, model.gae_lambda, model.max_grad_norm) == (c["horizon"], c["lam"], c["max_grad_norm"])
        assert (model.ent_coef, model.vf_coef) == (c["entropy_weight"], c["value_weight"])
    else:
        assert (model.batch_size, model.buffer_size, model.learning_starts) == (c["batch"], c["capacity"], c["warmup"])
        assert (model.train_freq.frequency, model.gradient_steps) == (c["train_every"], c["gradient_steps"])
    if work.algorithm == "ppo":
        assert (model.batch_size, model.n_epochs) == (c["batch"], c["epochs"])
    if work.algorithm == "dqn":
        assert model.exploration_initial_eps == model.exploration_final_eps == c["epsilon_end"] == c["epsilon_start"]


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
