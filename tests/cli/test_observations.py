"""A Tuple of observations from `check` to `evaluate`: what is said, what is in the key, and what is played again."""

import json

import pytest
from support.cli import rlbench

SUITE = """
name: cards
algorithms:
  - random
  - {id: dqn, params: {net_arch: [16], learning_starts: 50}}
  - {id: sb3/ppo, params: {n_steps: 32, net_arch: [16]}}
environments: [{id: Blackjack-v1, steps: 64%s}]
seeds: 1
evaluation: {every: 0, final_episodes: 25}
"""


@pytest.fixture
def cards(tmp_path):
    def written(form=""):
        (tmp_path / "cards.yaml").write_text(SUITE % (f", observations: {form}" if form else ""))
        return tmp_path / "cards.yaml"

    return written


def checked(suite, *more):
    ran = rlbench("check", suite, "-o", suite.parent / "none", *more)
    return ran.returncode, ran.stdout + ran.stderr


def test_check_says_which_algorithm_gets_which_form_and_who_is_skipped(cards):
    code, said = checked(cards())
    assert code == 0 and "Blackjack-v1 for random, dqn: observations are given as one vector" in said
    assert "Blackjack-v1 for sb3/ppo: observations are given part by part" in said
    code, said = checked(cards("flat"))
    assert code == 0 and "Blackjack-v1: observations are given as one vector" in said and "part by part" not in said
    code, said = checked(cards("nested"))
    assert code == 0 and "dqn on Blackjack-v1: observations are Tuple, but dqn supports vectors" in said
    code, said = checked(cards("image"))
    assert code == 2 and "cards.yaml:7" in said and "observations are not images" in said
    code, said = checked(cards("picture"))
    assert code == 2 and "should be one of 'auto', 'flat', 'image', 'nested'" in said


def test_a_plain_vector_is_not_spoken_of(tmp_path):
    (tmp_path / "plain.yaml").write_text(SUITE.replace("Blackjack-v1", "CartPole-v1") % "")
    code, said = checked(tmp_path / "plain.yaml")
    assert code == 0 and "observations" not in said


def test_published_policies_play_their_final_evaluation_again(cards, tmp_path):
    suite, out = cards(), tmp_path / "out"
    ran = rlbench("run", suite, "-o", out, "-j", "1", "-a", "dqn", "-a", "sb3/ppo")
    runs = sorted(path.parent for path in (out / "runs").glob("*/result.json"))
    assert [run.name.partition("--")[0] for run in runs] == ["dqn", "sb3-ppo"], ran.stderr
    wrappers = [json.loads((run / "spec.json").read_text())["task"]["wrappers"] for run in runs]
    assert [names[0]["name"].rpartition(":")[2] for names in wrappers] == ["FlatObservation", "NestedObservation"]
    for run in runs:
        for more in ((), ("--suite", suite)):
            said = rlbench("evaluate", run, "--json", *more)
            assert said.returncode == 0, said.stderr
            found = json.loads(said.stdout)
            assert (found["recorded_episodes"], found["equal"]) == (25, True)
