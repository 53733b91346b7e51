"""The settings of trials: where each value may lie, and what it must not depend on."""

import math

import numpy as np
from numpy.random import PCG64, Generator

from rlbench.suites.tune_models import DistributionEntry
from rlbench.tuning.random_search import draw_settings, value_of

DEFAULTS = {"rate": 1e-3, "epochs": 5, "loss": "huber", "delta": 1.0, "share": 0.5}
ENTRIES = {
    "rate": {"log": [1e-5, 1e-2]},
    "epochs": {"int": [3, 6]},
    "loss": {"choice": ["huber", "mse"]},
    "delta": {"uniform": [0.5, 2.0], "when": {"loss": "huber"}},
}


def space(entries=ENTRIES):
    return {name: DistributionEntry(**entry) for name, entry in entries.items()}


def drawn(entry, count=2_000):
    draw = Generator(PCG64(3))
    return [value_of(DistributionEntry(**entry), draw) for _ in range(count)]


def test_values_fill_their_range_and_no_more():
    """By hand: whole numbers have both ends; a logarithm has as many values in each decade; uniform is flat."""
    whole = drawn({"int": [3, 6]})
    assert set(whole) == {3, 4, 5, 6} and all(type(value) is int for value in whole)
    assert all(abs(whole.count(value) - 500) < 100 for value in (3, 4, 5, 6))
    rates = np.array(drawn({"log": [1e-5, 1e-2]}))
    assert rates.min() >= 1e-5 and rates.max() <= 1e-2
    for low in (1e-5, 1e-4, 1e-3):
        assert abs(((low <= rates) & (rates < 10 * low)).sum() - 667) < 100
    shares = np.array(drawn({"uniform": [0.8, 1.0]}))
    assert shares.min() >= 0.8 and shares.max() <= 1.0 and abs(shares.mean() - 0.9) < 0.01
    assert set(drawn({"choice": [[64], "tanh", None]}, 50) and map(str, drawn({"choice": [[64], "tanh"]}))) == {
        "[64]",
        "tanh",
    }


def test_a_number_has_four_digits_and_stays_within_its_ends():
    """So a suite that is written shows the number that was tried, and logarithms of other libraries give the same."""
    assert all(value == float(f"{value:.4g}") for value in drawn({"log": [1e-5, 1e-2]}))
    narrow = drawn({"uniform": [0.99991, 0.99992]}, 200)
    assert len(set(narrow)) > 150 and all(0.99991 <= value <= 0.99992 for value in narrow)
    assert all(1.00001 <= value <= 1.00002 for value in drawn({"log": [1.00001, 1.00002]}, 50))


def test_the_first_trial_is_the_suites_own_and_others_differ_from_it_and_from_each_other():
    settings = draw_settings("ppo", space(), DEFAULTS, 60, 0)
    assert len(settings) == 60 and settings[0] == {}
    wholes = [{**DEFAULTS, **setting} for setting in settings]
    assert all(a != b for i, a in enumerate(wholes) for b in wholes[:i])
    few = space({"loss": {"choice": ["huber", "mse", "l1"]}, "epochs": {"int": [5, 6]}})
    for seed in range(5):
        assert len(draw_settings("ppo", few, DEFAULTS, 6, seed)) == 6  # there are six, the suite's own among them
        assert len(draw_settings("ppo", few, DEFAULTS, 7, seed)) == 6


def test_a_trial_depends_on_seed_label_and_number_alone():
    """Not on the number of trials, on the order in which the suite lists hyperparameters, or on further ones."""
    settings = draw_settings("ppo", space(), DEFAULTS, 20, 0)
    assert draw_settings("ppo", space(), DEFAULTS, 8, 0) == settings[:8]
    turned = draw_settings("ppo", space(dict(reversed(ENTRIES.items()))), DEFAULTS, 20, 0)
    assert turned == settings and list(turned[1]) != list(settings[1])
    more = draw_settings("ppo", space({"share": {"uniform": [0, 1]}, **ENTRIES}), DEFAULTS, 20, 0)
    assert [{k: v for k, v in setting.items() if k != "share"} for setting in more] == settings
    for other in (draw_settings("ppo", space(), DEFAULTS, 20, 1), draw_settings("a2c", space(), DEFAULTS, 20, 0)):
        assert not any(a["rate"] == b["rate"] for a, b in zip(settings[1:], other[1:]))


def test_a_conditional_hyperparameter_is_drawn_only_where_its_condition_holds():
    settings = draw_settings("ppo", space(), DEFAULTS, 40, 0)[1:]
    assert {setting["loss"] for setting in settings} == {"huber", "mse"}
    assert all(("delta" in setting) == (setting["loss"] == "huber") for setting in settings)
    chain = {
        "share": {"uniform": [0, 1], "when": {"delta": 2}},
        "delta": {"choice": [1, 2], "when": {"epochs": 3}},
        "epochs": {"int": [3, 4]},
    }
    found = draw_settings("ppo", space(chain), DEFAULTS, 40, 0)[1:]
    kinds = {tuple(sorted(setting)) for setting in found}
    assert kinds == {("epochs",), ("delta", "epochs"), ("delta", "epochs", "share")}
    fixed = space({"share": {"uniform": [0, 1], "when": {"loss": "mse"}}})  # the suite's own loss is another one
    assert draw_settings("ppo", fixed, DEFAULTS, 5, 0) == [{}]
    assert math.isfinite(draw_settings("ppo", fixed, {**DEFAULTS, "loss": "mse"}, 5, 0)[1]["share"])
