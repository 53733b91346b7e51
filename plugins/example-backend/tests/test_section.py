"""Checks of the section's numbers against hand-computed ones."""

from types import SimpleNamespace

import pandas as pd
from windy_grid.section import rows_of, section

from rlbench import Task


def test_only_the_last_fifth_of_each_budget_counts():
    episodes = pd.DataFrame(
        {
            "algorithm": ["mine"] * 4 + ["none"],
            "key": ["a", "a", "a", "b", "b"],
            "step": [80, 81, 100, 900, 1000],
            "end": ["terminated", "terminated", "truncated", "terminated", "truncated"],
            "length": [1, 15, 200, 21, 200],
        }
    )
    rows = rows_of(episodes, {"a": 100, "b": 1000})
    assert rows == [("mine", "3", "67%", "18"), ("none", "1", "0%", "–")]


def test_without_tasks_of_this_backend_there_is_no_section():
    runs = {"a": SimpleNamespace(task=Task("CartPole-v1", 100))}
    assert section(SimpleNamespace(run_by_key=runs)) is None
