"""The winner's curse: a search in a space where nothing matters finds a winner, and fresh runs take it back."""

import numpy as np
from numpy.random import PCG64, Generator

from rlbench.stats import overall_iqm
from rlbench.suites.tune_models import TuneEntry
from rlbench.tuning.trial_ranking import ranked, survivors
from rlbench.tuning.winners_curse import fresh_evidence

SEARCHES, FRESH = 2_000, 12  # more fresh runs than the exact permutation test takes, which is slower


def searched(draw, tune):
    """Search where every run of every trial has a score from N(0, 1); return the tuning score of the winner."""
    scores = {}
    entrants = list(range(tune.trials))
    runs = draw.standard_normal((tune.trials, tune.seeds[-1]))
    for _, seeds in tune.rounds:
        scores = dict(zip(entrants, overall_iqm([runs[entrants, :seeds]]).tolist()))
        entrants = survivors(scores)
    return scores[ranked(scores)[0]]


def test_a_search_among_equal_settings_shows_the_curse_and_no_gain():
    """The two numbers that a report of a search owes its reader: how much of the score was luck, and what is left."""
    draw = Generator(PCG64(7))
    tune = TuneEntry(trials=20, seeds=[1, 3], space={"any": {"x": {"uniform": [0, 1]}}})
    curses, covered, found = [], [], []
    for _ in range(SEARCHES):
        chosen, own = ({"task": draw.standard_normal(FRESH)} for _ in range(2))
        shown = fresh_evidence(searched(draw, tune), chosen, own, lambda what: draw, resamples=200, permutations=100)
        curses.append(shown.curse.estimate)
        covered.append(shown.gain.low <= 0 <= shown.gain.high)
        found.append(shown.p <= 0.05)
    error = np.std(curses) / SEARCHES**0.5
    assert np.mean(curses) > 4 * error, (np.mean(curses), error)
    assert np.mean(covered) >= 0.92, np.mean(covered)
    assert np.mean(found) <= 0.065, np.mean(found)  # three standard errors above 0.05


def test_the_smaller_number_wins_a_tie_and_a_failed_trial_is_the_worst():
    scores = {0: 1.0, 1: -np.inf, 2: 3.0, 3: 3.0, 4: -50.0, 5: 3.0}
    assert ranked(scores) == [2, 3, 5, 0, 4, 1]
    assert survivors(scores) == [2, 3]
    assert survivors({**scores, 6: 0.0}) == [2, 3, 5]  # a third of seven, rounded up
    assert survivors({0: 1.0, 4: 1.0}) == [0] == survivors({0: -np.inf, 4: -np.inf})


def test_the_curse_is_the_fresh_interval_seen_from_the_tuning_score():
    chosen, own = {"task": np.arange(5.0)}, {"task": np.arange(5.0) - 3}
    shown = fresh_evidence(10.0, chosen, own, lambda what: Generator(PCG64(1)), 500, 100)
    assert (shown.n, shown.fresh.estimate, shown.curse.estimate, shown.gain.estimate) == (5, 2.0, 8.0, 3.0)
    assert (shown.curse.low, shown.curse.high) == (10 - shown.fresh.high, 10 - shown.fresh.low)
    assert shown.fresh.low < 2 < shown.fresh.high


def test_two_fresh_runs_give_numbers_without_intervals_or_p():
    runs = {"task": np.array([1.0, 2.0])}
    shown = fresh_evidence(3.0, runs, {"task": np.zeros(9)}, lambda what: Generator(PCG64(1)), 500, 100)
    assert (shown.fresh.estimate, shown.curse.estimate, shown.gain.estimate, shown.p) == (1.5, 1.5, 1.5, None)
    bounds = [bound for i in (shown.fresh, shown.curse, shown.gain) for bound in (i.low, i.high)]
    assert np.isnan(bounds).all()
    assert fresh_evidence(3.0, runs, None, lambda what: Generator(PCG64(1)), 500, 100).gain is None
