"""How seeds are stacked and when updates are compiled: from the suite and the machine alone."""

import dataclasses

import pytest

from rlbench.api import RunGroup, Supports, Task
from rlbench.plugins import Resolved
from rlbench.suites import Suite, grouping
from rlbench.suites.grouping import has_compiler, should_compile, spread, stack_size


def resolved(**changes):
    given = Resolved("a", {"net_arch": [64, 64]}, Supports(), True, None, True, 0.5, "boundary", (), "", ())
    return dataclasses.replace(given, **changes)


def group(env_id, seeds, steps=100):
    return RunGroup("a", {}, Task(env_id, steps), tuple(range(seeds)))


@pytest.mark.parametrize(
    ("found", "size"),
    [
        (resolved(), 10),
        (resolved(max_stack=4), 4),
        (resolved(stackable=False), 1),
        (resolved(config={"net_arch": [256, 256]}), 4),  # ten over three workers: 4, 4, 2
        (resolved(config={"hidden": [256, 256]}), 4),  # what another's plugin may call it
        (resolved(config={"net_arch": [256, 256]}, max_stack=2), 2),
        (resolved(config={}), 10),
    ],
)
def test_small_networks_train_all_seeds_together_and_wide_ones_a_part_for_each_worker(found, size):
    assert stack_size(found, 10, workers=3) == size


def test_a_lone_group_is_halved_until_every_worker_has_one():
    assert [g.seeds for g in spread([group("x", 10)], 1)] == [tuple(range(10))]
    assert [len(g.seeds) for g in spread([group("x", 10)], 2)] == [5, 5]
    assert [len(g.seeds) for g in spread([group("x", 10)], 4)] == [3, 2, 3, 2]
    both = spread([group("x", 4), group("y", 4, steps=900)], 3)  # the longer one
    assert [(g.task.env_id, g.seeds) for g in both] == [("x", (0, 1, 2, 3)), ("y", (0, 1)), ("y", (2, 3))]


def test_splitting_keeps_every_run_once_and_its_key():
    before = [group("x", 10), group("y", 3)]
    after = spread(before, 16)
    assert [r.key for g in after for r in g.runs] == [r.key for g in before for r in g.runs]
    assert all(len(g.seeds) < grouping.FEWEST_TO_SPLIT for g in after)


def test_auto_compiles_runs_with_many_updates_where_there_is_a_compiler(monkeypatch):
    monkeypatch.setattr(grouping, "has_compiler", lambda: True)
    assert should_compile("auto", resolved(), 40_000) and not should_compile("auto", resolved(), 39_999)
    assert not should_compile("auto", resolved(updates_per_step=0.0), 1 << 40)
    assert should_compile("on", resolved(), 1) and not should_compile("off", resolved(), 1 << 40)
    monkeypatch.setattr(grouping, "has_compiler", lambda: False)
    assert not should_compile("auto", resolved(), 40_000)


def test_the_compiler_is_looked_for_where_torch_looks(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("CXX", raising=False)
    has_compiler.cache_clear()
    assert not has_compiler()
    (tmp_path / "g++").write_text("#!/bin/sh\n")
    (tmp_path / "g++").chmod(0o755)
    has_compiler.cache_clear()
    assert has_compiler()
    has_compiler.cache_clear()


@pytest.mark.parametrize(("said", "meant"), [(True, "on"), (False, "off"), ("auto", "auto"), ("on", "on")])
def test_a_suite_says_on_off_or_auto_or_true_or_false(said, meant):
    suite = {"name": "s", "algorithms": ["random"], "environments": [{"id": "CartPole-v1", "steps": 1}], "seeds": 1}
    assert Suite.model_validate({**suite, "compile": said}).compile == meant
