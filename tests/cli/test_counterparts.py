"""X and sb3/X get the same numbers: the translation against a suite that was written by hand, number for number."""

import pytest
from support.cli import rlbench

from rlbench.cli.counterparts import in_their_words
from rlbench.plugins import load_plugins, resolve
from rlbench.suites import builtin_suites, load_suite

PLUGINS = load_plugins()
# They are the same thing said otherwise: theirs counts the entropy of all dimensions, and Pendulum has one.
ALIKE = {"target_entropy": {"auto"}}


@pytest.fixture(scope="module")
def by_hand():
    pytest.importorskip("stable_baselines3")
    return {a.id: a.params for a in load_suite(builtin_suites()["vs-sb3"]).algorithms}


@pytest.mark.parametrize("name", ["dqn", "a2c", "ppo", "ddpg", "td3", "sac"])
def test_the_translation_is_what_was_written_by_hand(by_hand, name):
    ours, theirs, defaults = resolve(
        PLUGINS, [(name, by_hand[name]), (f"sb3/{name}", by_hand[f"sb3/{name}"]), (f"sb3/{name}", {})]
    )
    (translated,) = resolve(PLUGINS, [(f"sb3/{name}", in_their_words(name, ours.config, defaults.config))])
    assert {k: v for k, v in translated.config.items() if v != theirs.config[k]} == {}


def test_a_suite_of_both_gives_both_the_same_numbers(tmp_path, monkeypatch):
    pytest.importorskip("stable_baselines3")
    monkeypatch.chdir(tmp_path)
    assert rlbench("new", "suite", "both", "-a", "dqn", "-a", "sb3/dqn").returncode == 0
    ours, theirs = (
        next(a for a in load_suite(tmp_path / "both.yaml").algorithms if a.id == n) for n in ("dqn", "sb3/dqn")
    )
    a, b, defaults = resolve(PLUGINS, [(ours.id, ours.params), (theirs.id, theirs.params), ("sb3/dqn", {})])
    assert b.config["learning_rate"] == a.config["lr"] == 1e-3 and b.config["net_arch"] == a.config["hidden"] == [
        128,
        128,
    ]
    assert b.config["target_update_interval"] == 100 != defaults.config["target_update_interval"]
    assert "the numbers of dqn" in (tmp_path / "both.yaml").read_text()
