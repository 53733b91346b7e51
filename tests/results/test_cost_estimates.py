"""What a suite will cost, from what smaller ones have cost."""

from dataclasses import replace

import pytest

from rlbench.api import Curriculum, RunGroup, Stage, Task
from rlbench.results import cost_estimates
from rlbench.results.cost_estimates import estimate_cost, remember_cost


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setattr(cost_estimates, "cache_folder", lambda name: tmp_path / "cache")
    (tmp_path / "cache").mkdir()


def test_records_grow_with_the_steps_and_policies_do_not(tmp_path):
    """Two seeds of 100 steps: 300 bytes of records, so 1.5 a step, and 2,000 bytes of policies, so 1,000 a run."""
    files = {"episodes.jsonl": 200, "metrics.parquet": 100, "policy.safetensors": 1900, "result.json": 100}
    for name, size in files.items():
        (tmp_path / name).write_bytes(bytes(size))
    group = RunGroup("dqn", {}, Task("CartPole-v1", 100), (0, 1))
    remember_cost(group, 3.0, 10.0, [tmp_path / name for name in files])
    longer = replace(group, task=replace(group.task, steps=10_000))
    cost = estimate_cost([(longer, 10_000)], workers=1)
    assert cost.bytes == pytest.approx(2 * (1_000 + 1.5 * 10_000))
    assert cost.seconds == pytest.approx(3.0 + 10.0 / 200 * 20_000)


def test_a_curriculum_has_costs_of_its_own_and_those_of_the_target_until_it_was_run():
    group = RunGroup("dqn", {}, Task("CartPole-v1", 100), (0,))
    staged = replace(group, task=replace(group.task, curriculum=Curriculum((Stage("CartPole-v1", steps=50),))))
    remember_cost(group, 0.0, 10.0, [])
    assert estimate_cost([(staged, 100)], workers=1).seconds == pytest.approx(10.0)
    remember_cost(staged, 0.0, 30.0, [])
    assert [estimate_cost([(one, 100)], workers=1).seconds for one in (group, staged)] == pytest.approx([10.0, 30.0])


def test_more_workers_than_groups_take_as_long_as_the_longest_group_and_no_memory():
    group = RunGroup("dqn", {}, Task("CartPole-v1", 100), (0, 1))
    remember_cost(group, 3.0, 10.0, [])
    groups = [(group, 100), (group, 50)]
    assert estimate_cost(groups, workers=1 << 60).seconds == pytest.approx(13.0)
    assert estimate_cost(groups, workers=1).seconds == pytest.approx(13.0 + 8.0)
