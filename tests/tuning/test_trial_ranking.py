"""Which trials are best: by score, or first by the runs that reached a threshold."""

from math import inf

from rlbench.tuning.trial_ranking import ranked, survivors


def test_the_best_score_is_first_and_of_equal_ones_the_first_trial():
    assert ranked({0: 3.0, 1: 5.0, 2: -inf, 3: 5.0}) == [1, 3, 0, 2]


def test_runs_that_reached_the_threshold_come_before_scores():
    scores, reached = {0: 400.0, 1: 350.0, 2: 390.0, 3: -inf}, {0: 2.0, 1: 3.0, 2: 3.0, 3: 0.0}
    assert ranked(scores, reached) == [2, 1, 0, 3]
    assert survivors(scores, reached) == [1, 2]
