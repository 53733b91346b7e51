"""The key `tune` of a suite: what it may hold, where each problem is, and what other commands make of it."""

import json
import re

import pytest
from support.cli import rlbench

from rlbench.suites import Suite, load_suite
from rlbench.suites.tune_models import DistributionEntry, TuneEntry

SUITE = """\
name: tiny
algorithms:
  - random
  - {id: dqn, params: {net_arch: [16], learning_starts: 50}}
environments: [{id: CartPole-v1, steps: 400}]
seeds: 3
evaluation: {every: 0, final_episodes: 5}
"""
TUNED = """\
tune:
  trials: 4
  seeds: [1, 3]
  space:
    dqn:
      learning_rate: {log: [1e-4, 1e-2]}
"""


def check(tmp_path, text, *options):
    (tmp_path / "s.yaml").write_text(text)
    return rlbench("check", tmp_path / "s.yaml", "-o", tmp_path / "out", *options, RLBENCH_RESULTS=str(tmp_path))


def problems(tmp_path, text):
    """Return each problem as "line:column message", the line as in the tuned part."""
    ran = check(tmp_path, text)
    assert ran.returncode == 2, ran
    found = re.findall(r"s\.yaml:(\d+):(\d+): error: (.*)", ran.stderr)
    return [f"{int(line) - len(SUITE.splitlines())}:{column} {message}" for line, column, message in found]


def test_tpe_takes_more_trials_than_it_draws_at_random(tmp_path):
    tpe = TUNED.replace("trials: 4", "trials: 10\n  sampler: tpe")
    (text,) = problems(tmp_path, SUITE + tpe)
    assert text == "1:1 tune: sampler tpe draws the first 10 trials at random, so trials should be above that, got 10"
    assert check(tmp_path, SUITE + tpe.replace("10", "11")).returncode == 0


def test_the_form_of_a_space_is_checked_at_its_place(tmp_path):
    """All in one suite: an empty range, a logarithm of 0, no number, two kinds, none, misspelled keys, falling seeds."""
    wrong = """\
tune:
  trials: 1
  seeds: [3, 1]
  sampler: grid
  spice: 1
  space:
    dqn:
      learning_rate: {log: [0, 1]}
      batch_size: {int: [3, 3]}
      gradient_steps: {int: [1, 2.5]}
      gamma: {uniform: [0.9, 0.99], choice: [1]}
      tau: {loog: [1, 2]}
      train_freq: {uniform: 3}
      adam_eps: {choice: []}
      max_grad_norm: {log: [1, .inf]}
      loss: {}
      n_envs: {choice: [1, [2], 1]}
      learning_starts: {uniform: [-1e308, 1e308]}
      buffer_size: {int: [1, 1%s]}
"""
    found = problems(tmp_path, SUITE + wrong % ("0" * 400))
    assert [text.split(" ", 1)[0] for text in found] == [
        "2:11", "3:3", "4:12", "5:3", "8:23", "9:20", "10:24", "11:7", "12:13", "13:29", "14:18", "15:23", "16:7", "17:16", "18:25", "19:21"
    ]  # fmt: skip
    for text, part in zip(
        found,
        (
            "trials: should be at least 2", "an ascending list of such numbers", "should be one of 'random', 'tpe'",
            "unknown key 'spice'", "0 has no logarithm", "is empty, because 3 is not below 3", "whole numbers as its ends",
            "should have one of log, uniform, int and choice, got 2", "did you mean 'log'?",
            "a list of two numbers", "a list of the values to try", "finite ends", "should say how values are drawn, such as {log: [1e-4, 1e-2]}",
            "choice: has 1 twice", "at a finite distance", "finite ends",
        ),
        strict=True,
    ):  # fmt: skip
        assert part in text


def test_ends_that_are_named_min_and_max_are_pointed_to_a_list_of_two(tmp_path):
    found = problems(tmp_path, SUITE + "tune: {space: {dqn: {gamma: {min: 0.9, max: 0.99}}}}\n")
    assert [text.split(" ", 1)[1] for text in found] == [
        "unknown key 'min'; did you mean 'uniform'?",
        "unknown key 'max'; did you mean 'uniform'?",
        "uniform: should be a list of two numbers, the lowest and the highest value, got 0.99",
    ]


def test_what_an_algorithm_refuses_is_an_error_at_the_value(tmp_path):
    wrong = """\
tune:
  space:
    dqm: {tau: {choice: [1]}}
    dqn:
      learning_rat: {log: [1e-4, 1]}
      learning_rate: {log: [1e-4, 1e-3], when: {foo: 3}}
      batch_size: {uniform: [3, 30]}
      gamma: {uniform: [0.9, 1.99], when: {tau: 0.1}}
      tau: {choice: [1, 0.5, blue], when: {gamma: 0.3}}
"""
    found = problems(tmp_path, SUITE + wrong)
    starts = [
        "3:5 space names 'dqm', which is not among the algorithms; did you mean 'dqn'?",
        "5:7 dqn.learning_rat: unknown parameter; did you mean 'learning_rate'?",
        "6:49 when of learning_rate: dqn.foo: unknown parameter",
        "7:20 dqn.batch_size: should be a whole number, got 13.314; values between the ends are drawn as well",
        "8:30 dqn.gamma: should be at most 1, got 1.99",
        "8:37 the conditions `when` go in a circle: gamma → tau → gamma",
        "9:30 dqn.tau: should be a number, got 'blue'",
    ]
    assert len(found) == len(starts), found
    for text, start in zip(found, starts):
        assert text.startswith(start)


def test_a_space_contradicts_a_sweep_and_per_environment(tmp_path):
    own = SUITE.replace("learning_starts: 50}", "learning_starts: 50}, per_environment: {CartPole-v1: {tau: 1.0}}")
    own = own.replace("per_environment", "sweep: {gamma: [0.9]}, per_environment")
    found = problems(tmp_path, own + "tune: {space: {dqn: {tau: {choice: [0.5, 1]}}}}\n")
    assert [text.split(" ", 1)[1] for text in found] == [
        "'dqn' has a sweep and a space; remove one of them",
        "tau of 'dqn' is tuned; per_environment cannot set it",
    ]


def test_other_commands_do_as_before_and_check_says_what_tuning_costs(tmp_path):
    """4 trials with one seed, then the better 2 with two more: 8 runs of 400 steps."""
    plain, tuned = (check(tmp_path, text, "--json") for text in (SUITE, SUITE + TUNED))
    cost = {"algorithm": "dqn", "trials": 4, "runs": 8, "steps": 3_200}
    assert {**json.loads(plain.stdout), "tuning": [cost]} | {"free_bytes": 0} == json.loads(tuned.stdout) | {
        "free_bytes": 0
    }
    text = check(tmp_path, SUITE + TUNED).stdout
    assert "`rlbench tune` would train 4 trials each of dqn, 8 runs, 3,200 environment steps, and then compare" in text


def test_the_stored_suite_has_the_same_space(tmp_path):
    more = "      batch_size: {int: [16, 64], when: {gamma: 0.9}}\n      gamma: {choice: [0.9, 0.99]}\n"
    (tmp_path / "s.yaml").write_text(SUITE + TUNED + more)
    suite = load_suite(tmp_path / "s.yaml")
    assert suite.tune is not None and Suite.model_validate(json.loads(json.dumps(suite.resolved()))).tune == suite.tune


@pytest.mark.parametrize(
    ("seeds", "rounds", "runs"),
    [
        (3, ((20, 3),), 60),
        ([1, 3], ((20, 1), (7, 3)), 20 + 14),
        ([1, 2, 5, 9], ((20, 1), (7, 2), (3, 5), (1, 9)), 20 + 7 + 9 + 4),
    ],
)
def test_each_round_keeps_the_better_third_and_adds_seeds(seeds, rounds, runs):
    tune = TuneEntry(trials=20, seeds=seeds, space={"dqn": {"tau": {"uniform": [0, 1]}}})
    assert tune.rounds == rounds and tune.runs == runs


def test_an_algorithm_must_accept_both_ends_and_a_number_between_or_every_choice():
    assert DistributionEntry(choice=[1, "a"]).samples() == [(("choice", 0), 1), (("choice", 1), "a")]
    assert DistributionEntry(int=[1, 3]).samples() == [(("int", 0), 1), (("int", 1), 3)]
    (_, low), (_, high), (place, between) = DistributionEntry(log=[1, 2]).samples()
    assert (low, high, place) == (1, 2, ("log",)) and 1 < between < 2
