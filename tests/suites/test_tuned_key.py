"""The key `tuned` of an algorithm: what it may hold, what is said of other values, and that it is in no run's key."""

import re

import pytest
from support.cli import rlbench

from rlbench.plugins import load_plugins
from rlbench.suites import load_suite, plan, read_suite

SUITE = """\
name: tiny
algorithms:
  - random
  - {id: dqn, params: {learning_starts: 50}%s}
environments: [{id: CartPole-v1, steps: 400}]
seeds: 2
"""


def tuned_of(tmp_path, text):
    (tmp_path / "s.yaml").write_text(SUITE % text)
    return load_suite(tmp_path / "s.yaml").algorithms[1].tuned


def test_false_is_no_trials_and_nothing_is_not_known(tmp_path):
    assert tuned_of(tmp_path, "") is None and tuned_of(tmp_path, ", tuned: null") is None
    assert tuned_of(tmp_path, ", tuned: false") == tuned_of(tmp_path, ", tuned: {trials: 0}")
    full = tuned_of(tmp_path, ", tuned: {trials: 100, seeds: 3, steps: 1e6, where: 'zoo, 2023'}")
    assert (full.trials, full.seeds, full.steps, full.where) == (100, 3, 1_000_000, "zoo, 2023")
    assert tuned_of(tmp_path, ", tuned: {where: zoo}").trials is None


@pytest.mark.parametrize(
    ("value", "at", "says"),
    [
        ("true", "4:53", "tuned: should be a mapping such as {trials: 20, steps: 1e6}, or false if it was not tuned"),
        ("20", "4:53", "tuned: should be a mapping such as"),
        ("{}", "4:46", "should have at least one of trials, seeds, steps and where"),
        ("{trials: 0, steps: 10}", "4:46", "has 0 trials, so it has no seeds and no steps"),
        ("{trials: -1}", "4:62", "trials: should be at least 0, got -1"),
        ("{trials: true}", "4:62", "trials: should be a number"),
        ("{trails: 3}", "4:54", "unknown key 'trails'; did you mean 'trials'?"),
        ("{steps: 1.5}", "4:61", "steps: should be a whole number"),
    ],
)
def test_other_values_are_refused_at_their_place(tmp_path, value, at, says):
    (tmp_path / "s.yaml").write_text(SUITE % f", tuned: {value}")
    with pytest.raises(Exception, match=re.escape(f"s.yaml:{at}: error: ") + ".*" + re.escape(says)):
        load_suite(tmp_path / "s.yaml")


def test_it_is_in_no_runs_key_and_check_accepts_it(tmp_path):
    keys = []
    for text in ("", ", tuned: false", ", tuned: {trials: 5}"):
        (tmp_path / "s.yaml").write_text(SUITE % text)
        groups = plan(read_suite(tmp_path / "s.yaml"), load_plugins()).groups
        keys.append([run.key for group in groups for run in group.runs])
    assert keys[0] == keys[1] == keys[2] and len(keys[0]) == 4
    assert rlbench("check", tmp_path / "s.yaml", "-o", tmp_path / "out").returncode == 0
