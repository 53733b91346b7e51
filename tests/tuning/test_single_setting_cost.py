"""The cost of one setting for all tasks: by hand, and in searches where all settings are equal."""

import numpy as np
import pytest
from numpy.random import PCG64, Generator

from rlbench.stats import overall_iqm
from rlbench.tuning.single_setting_cost import task_costs

FIRST = {
    0: {"hop": np.array([0.5, 0.5, 0.5]), "run": np.array([0.5, 0.6, 0.7])},
    2: {"hop": np.array([0.9, 0.9, 0.9]), "run": np.array([0.1, 0.1, 0.1])},
    3: {"hop": np.array([0.5, 0.5, 0.5]), "run": np.array([0.6, 0.6, 0.6])},
}


def test_each_tasks_best_trial_is_held_against_the_chosen_one():
    hop, run = task_costs(FIRST, 3, Generator(PCG64(0)))
    assert (hop.task, hop.chosen, hop.best, hop.best_trial) == ("hop", 0.5, 0.9, 2) and hop.cost == pytest.approx(0.4)
    assert (run.task, run.best_trial) == ("run", 3)  # of equal scores, the chosen trial's
    assert run.cost == pytest.approx(0, abs=1e-12)
    assert hop.luck == 0 and run.luck > 0  # no run of a trial differs from another one on hop


def test_a_single_task_or_a_choice_without_scores_has_no_cost_and_one_seed_shows_no_luck():
    draw = Generator(PCG64(0))
    assert task_costs({0: {"hop": np.ones(3)}}, 0, draw) == () == task_costs(FIRST, 7, draw)
    single = {number: {task: runs[:1] for task, runs in tasks.items()} for number, tasks in FIRST.items()}
    assert [cost.luck for cost in task_costs(single, 3, draw)] == [None, None]


def test_where_all_settings_are_equal_the_cost_is_what_luck_gives():
    """Mean over 150 searches of 12 equal trials with 3 seeds on 3 tasks with other spreads; within four errors."""
    draw, costs, luck = Generator(PCG64(2)), [], []
    for _ in range(150):
        first = {n: {name: draw.normal(0, scale, 3) for name, scale in zip("abc", (1, 1, 3))} for n in range(12)}
        chosen = max(first, key=lambda n: float(overall_iqm(list(first[n].values()))))
        found = task_costs(first, chosen, draw)
        costs.append([cost.cost for cost in found])
        luck.append([cost.luck for cost in found])
    apart = np.array(costs) - luck
    assert (np.abs(apart.mean(0)) < 4 * apart.std(0) / 150**0.5).all(), apart.mean(0)
    assert (np.mean(luck, 0) > 0.3).all()
