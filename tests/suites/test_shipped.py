"""The suites that come with rlbench: each can be planned as it stands."""

from importlib.util import find_spec

import pytest

from rlbench.analysis.seed_count import reach_of
from rlbench.api import SuiteError
from rlbench.plugins import load_plugins
from rlbench.suites import load_suite, plan, read_suite
from rlbench.suites.loader import builtin_suites

SUITES = builtin_suites()
MUJOCO = {"InvertedPendulum-v5", "Reacher-v5", "Hopper-v5", "HalfCheetah-v5"}
CONTINUOUS = {"Pendulum-v1", "MountainCarContinuous-v0", "LunarLanderContinuous-v3", *MUJOCO}
# What suites need beyond the dev extra, and what their error then contains.
EXTRAS = {
    "minigrid": ("minigrid", "No module named 'minigrid'"),
    "memory": ("popgym", "No module named 'popgym'"),
    "agents": ("lbforaging", "No module named 'lbforaging'"),
    "minatar": ("minatar", "No module named 'minatar'.*pip install"),
    "minatar-full": ("minatar", "No module named 'minatar'.*pip install"),
    "atari-100k": ("ale_py", r'pip install "rlbench\[atari\]"'),
}
MISSING = {name for name, (module, _) in EXTRAS.items() if find_spec(module) is None}


@pytest.mark.parametrize("name", sorted(SUITES.keys() - MISSING))
def test_it_is_planned_and_leaves_out_only_what_acts_otherwise(name):
    planned = plan(load_suite(SUITES[name]), load_plugins())
    assert planned.suite.name == name and planned.groups
    for skip in planned.skipped:
        assert ("supports continuous actions" in skip.reason) == (skip.environment not in CONTINUOUS), skip


@pytest.mark.parametrize("name", sorted(MISSING))
def test_one_whose_package_is_not_installed_names_it_at_its_place(name):
    with pytest.raises(SuiteError, match=rf"{name}.yaml:\d+:\d+: error: .*{EXTRAS[name][1]}"):
        plan(read_suite(SUITES[name]), load_plugins())


def test_the_built_in_suites_cover_each_kind_of_task():
    assert {"quickstart", "classic", "tabular", "box2d", "minigrid", "mujoco"} <= SUITES.keys()


def test_what_make_run_runs_can_decide_every_pair_on_single_tasks():
    """Five learners on each of two tasks and four on the third: 10 + 10 + 6 pairs, for which seven seeds would do."""
    found = reach_of(plan(load_suite(SUITES["classic"]), load_plugins()).groups)
    assert (found.pairs, found.decidable, found.described) == (26, 26, {})
    assert found.seeds == (10, 10) and found.seeds_needed == 7


def test_ours_and_stable_baselines3s_are_given_the_same_runs():
    groups = plan(load_suite(SUITES["vs-sb3"]), load_plugins()).groups
    runs = [run for group in groups for run in group.runs]
    ours = [(r.label, r.task.env_id, r.task.steps, r.seed) for r in runs if not r.label.startswith("sb3/")]
    theirs = [(r.label[4:], r.task.env_id, r.task.steps, r.seed) for r in runs if r.label.startswith("sb3/")]
    assert ours and sorted(ours) == sorted(theirs)


@pytest.mark.parametrize(("batch_size", "fits"), [(64, True), (256, True), (300, True), (48, False)])
def test_ppos_minibatches_divide_the_rollout_or_are_all_of_it(batch_size, fits):
    from rlbench_ppo.ppo import PPO

    given = {"n_envs": 8, "n_steps": 32, "batch_size": batch_size}
    if fits:
        assert PPO.Config(**given).batch_size == batch_size
    else:
        with pytest.raises(ValueError, match="batch_size 48 does not divide"):
            PPO.Config(**given)
