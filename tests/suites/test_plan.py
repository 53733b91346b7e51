"""From a suite to groups: what trains together, what is skipped, what is an error before anything runs."""

from types import SimpleNamespace

import pytest
import torch

from rlbench.api import Run, SuiteError, Task
from rlbench.plugins import load_plugins
from rlbench.suites import Suite, plan
from rlbench.suites.devices import choose_devices
from rlbench.suites.environment_notes import fact_notes


def suite(algorithms, env="CartPole-v1", steps=2000, seeds=3, **more):
    environments = [{"id": env, "steps": steps, **more.pop("environment", {})}]
    return Suite.model_validate(
        {"name": "s", "algorithms": algorithms, "environments": environments, "seeds": seeds, **more}
    )


def made(*args, **kwargs):
    return plan(suite(*args, **kwargs), load_plugins())


def test_seeds_of_one_algorithm_and_task_are_one_group():
    groups = made(["random", "dqn"], seeds=[4, 2]).groups
    assert [(g.algorithm, g.seeds) for g in groups] == [("random", (4, 2)), ("dqn", (4, 2))]
    assert groups[1].config["learning_rate"] == 1e-3 and groups[1].config["net_arch"] == [128, 128]
    assert groups[0].task.evaluation.every == 200 and groups[0].checkpoint_every == 200


def test_a_library_that_owns_its_loop_gets_a_group_a_seed():
    assert [g.seeds for g in made(["sb3/dqn"]).groups] == [(0,), (1,), (2,)]


def test_pairs_that_do_not_fit_are_skipped_with_a_reason():
    planned = made(["random", "dqn", "double_dqn"], env="Pendulum-v1")
    assert [g.algorithm for g in planned.groups] == ["random"]
    assert [(s.algorithm, s.reason) for s in planned.skipped] == [
        ("dqn", "actions are Box, but dqn supports discrete actions"),
        ("double_dqn", "actions are Box, but double_dqn supports discrete actions"),
    ]


@pytest.mark.parametrize(
    "wrapper",
    [
        {"name": "gymnasium.wrappers:FrameStackObservation", "kwargs": {"stack_size": 2}},
        {"name": "gymnasium.wrappers:DiscretizeObservation", "kwargs": {"bins": 2}},
    ],
)
def test_observations_of_another_form_become_a_vector_and_that_is_said(wrapper):
    env = "MountainCar-v0" if "Discretize" in wrapper["name"] else "CartPole-v1"
    planned = made(["dqn"], env=env, environment={"wrappers": [wrapper]})
    (group,) = planned.groups
    assert [w.name for w in group.task.wrappers][1:] == ["rlbench.envs.flat_observation:FlatObservation"]
    assert planned.notes == [f"{env}: observations are given as one vector"]


FACTORS = "rlbench.testing.action_fakes:rlbench/Factors-v0"
FORBIDDING = "rlbench.testing.action_fakes:rlbench/Forbidding-v0"


def test_actions_take_a_form_for_each_algorithm_and_that_is_said():
    planned = made(["random", "dqn", "ppo", "sac"], env=FACTORS, steps=2048, environment={"kwargs": {"kind": "tuple"}})
    added = {g.algorithm: [w.name.rpartition(":")[2] for w in g.task.wrappers] for g in planned.groups}
    assert added == {"random": ["ActionsAsDraws"], "dqn": ["ActionsAsOneChoice"], "ppo": ["ActionsAsChoices"]}
    assert planned.notes == [
        f"{FACTORS} for random: each part of an action is drawn uniformly",
        f"{FACTORS} for dqn: each combination of an action's numbers is one discrete action",
        f"{FACTORS} for ppo: actions are given as one choice for each of their numbers",
    ]
    assert [str(s) for s in planned.skipped] == [
        f"skipped: sac on {FACTORS}: actions are Tuple, but sac supports continuous actions"
    ]


def test_what_is_adapted_for_some_algorithms_names_them():
    planned = made(["random", "ppo", "dqn"], env=FACTORS, steps=2048)
    assert planned.notes == [f"{FACTORS} for dqn: each combination of an action's numbers is one discrete action"]


def test_masks_are_part_of_the_key_only_where_the_suite_asks_for_them():
    without, false, true = (
        made(["random", "dqn", "ppo", "a2c"], env=FORBIDDING, steps=2048, environment=more)
        for more in ({}, {"action_masks": False}, {"action_masks": True})
    )
    keys = [[group.runs[0].key for group in planned.groups] for planned in (without, false, true)]
    assert keys[0] == keys[1] and not set(keys[0]) & set(keys[2])
    advice = "`action_masks: true` makes algorithms choose among them"
    assert without.notes == [f"{FORBIDDING}: `info` says which actions are allowed; {advice}"]
    assert [(s.algorithm, s.reason) for s in true.skipped] == [
        ("a2c", "a2c takes no action masks: leave out action_masks, or list algorithms such as random, dqn and ppo")
    ]
    assert true.notes == [f"{FORBIDDING}: actions are chosen among those that info['action_mask'] allows"]


def test_a_vector_of_floats_is_left_alone():
    planned = made(["dqn"])
    assert planned.groups[0].task.wrappers == () and planned.notes == []


def test_environments_of_a_seed_divide_the_budget():
    with pytest.raises(SuiteError, match="n_envs 8 does not divide steps 1001; nearest multiples: 1000 and 1008"):
        made(["ppo"], steps=1001)


def test_everything_wrong_is_told_at_once():
    algorithms = [
        {"id": "dqnn"},
        {"id": "dqn", "params": {"learning_rate": -1, "btch_size": 3}},
        {"id": "ppo", "params": {"batch_size": 7}},
    ]
    with pytest.raises(SuiteError) as error:
        made(algorithms)
    for said in (
        "did you mean 'dqn'",
        "dqn.learning_rate: should be above 0, got -1",
        "did you mean 'batch_size'",
        "batch_size 7 does not divide",
    ):
        assert said in str(error.value)


def test_an_environment_that_cannot_be_made_is_an_error():
    with pytest.raises(SuiteError, match="NoSuchEnv-v0: cannot be made"):
        made(["random"], env="NoSuchEnv-v0")


def test_keyword_arguments_are_compared_as_they_are_written():
    written = [{}, {"x": None}, {"x": 1}, {"x": 1.0}, {"x": True}]
    assert len({Run("random", {}, Task("X-v0", 400, kwargs=kwargs), 0).key for kwargs in written}) == 5


def test_parameters_may_differ_by_environment():
    entry = {
        "id": "dqn",
        "params": {"learning_rate": 0.1, "batch_size": 8},
        "per_environment": {"CartPole-v1": {"learning_rate": 0.2}},
    }
    config = made([entry]).groups[0].config
    assert (config["learning_rate"], config["batch_size"]) == (0.2, 8)


def test_an_algorithm_may_have_a_budget_of_its_own_on_an_environment_and_the_same_grid():
    budgets = {"steep": {"steps": 8000}, "dqn": {"steps": 4000}}
    algorithms = ["random", "dqn", {"id": "dqn", "label": "steep", "params": {"learning_rate": 0.1}}]
    groups = made(algorithms, environment={"per_algorithm": budgets}).groups
    assert {g.label: g.task.steps for g in groups} == {"random": 2000, "dqn": 4000, "steep": 8000}
    assert {g.task.evaluation.every for g in groups} == {200}
    assert {g.label: g.checkpoint_every for g in groups} == {"random": 200, "dqn": 400, "steep": 800}


def test_a_budget_given_by_id_holds_for_every_label_of_it():
    algorithms = [
        {"id": "dqn", "label": name, "params": {"learning_rate": lr}} for name, lr in (("a", 0.1), ("b", 0.2))
    ]
    groups = made(algorithms, environment={"per_algorithm": {"dqn": {"steps": 2500}}}).groups
    assert [g.task.steps for g in groups] == [2500, 2500]


def test_an_algorithm_may_have_seeds_and_environments_of_its_own():
    algorithms = [{"id": "random", "seeds": [7, 9]}, {"id": "dqn", "environments": "Acrobot-v1"}, "ppo"]
    asked = Suite.model_validate(
        {
            "name": "s",
            "algorithms": algorithms,
            "environments": [{"id": "CartPole-v1", "steps": 2000}, {"id": "Acrobot-v1", "steps": 2000}],
            "seeds": 3,
        }
    )
    planned = plan(asked, load_plugins())
    assert [(g.algorithm, g.task.env_id, g.seeds) for g in planned.groups] == [
        ("random", "CartPole-v1", (7, 9)),
        ("ppo", "CartPole-v1", (0, 1, 2)),
        ("random", "Acrobot-v1", (7, 9)),
        ("dqn", "Acrobot-v1", (0, 1, 2)),
        ("ppo", "Acrobot-v1", (0, 1, 2)),
    ]
    assert not planned.skipped  # nobody asked for it
    again = plan(Suite.model_validate(asked.resolved()), load_plugins())
    assert [g.runs for g in again.groups] == [g.runs for g in planned.groups]


def test_the_key_depends_on_what_is_asked_for_and_on_nothing_else():
    def keys(*args, **kwargs):
        return [run.key for group in made(*args, **kwargs).groups for run in group.runs]

    base = keys(["dqn"])
    assert (
        keys([{"id": "dqn", "label": "other", "params": {"learning_rate": 0.001}}]) == base
    )  # a label and a default spelled out
    assert keys(["dqn"], seeds=[2, 1, 0])[::-1] == base
    assert keys(["dqn"], checkpoint_every=7, jobs=3, compile=True) == base
    changes = [
        {"steps": 4000},
        {"env": "Acrobot-v1"},
        {"seed_space": "tuning"},
        {"evaluation": {"episodes": 9}},
        {"environment": {"kwargs": {"sutton_barto_reward": True}}},
        {"environment": {"wrappers": ["gymnasium.wrappers:FlattenObservation"]}},
    ]
    others = [keys(["dqn"], **change) for change in changes] + [
        keys([{"id": "dqn", "params": {"learning_rate": 0.002}}])
    ]
    assert len(set(base).union(*others)) == 3 * (1 + len(others))


def test_the_same_algorithm_under_two_labels_is_an_error():
    with pytest.raises(SuiteError, match="dqn and again on CartPole-v1 are the same"):
        made(["dqn", {"id": "dqn", "label": "again", "params": {"learning_rate": 1e-3}}])


@pytest.mark.parametrize(
    ("device", "there", "said"),
    [
        ("cuda", 0, "device cuda is not available: torch finds no cuda device"),
        ("mps", 0, "device mps is not available"),
        (["cpu", "cuda:2"], 2, "device cuda:2 is not available: torch finds 2, cuda:0 to cuda:1"),
    ],
)
def test_a_device_that_is_absent_is_an_error_before_anything_runs(device, there, said, monkeypatch):
    monkeypatch.setattr("rlbench.suites.devices.device_counts", lambda: {"cuda": there, "mps": there})
    with pytest.raises(SuiteError, match=said):
        made(["random"], devices=device)
    assert made(["random"]).groups


def test_groups_are_dealt_over_the_chosen_devices(monkeypatch):
    monkeypatch.setattr("rlbench.suites.devices.device_counts", lambda: {"cuda": 2, "mps": 0})
    assert [g.device for g in made(["random", "dqn", "ppo"], devices="auto").groups] == ["cuda:0", "cuda:1", "cuda:0"]
    assert [g.device for g in made(["sb3/dqn"], devices=["cpu", "cuda"]).groups] == ["cpu", "cuda:0", "cpu"]
    monkeypatch.setattr("rlbench.suites.devices.device_counts", lambda: {"cuda": 0, "mps": 1})
    assert {g.device for g in made(["random", "dqn"], devices="auto").groups} == {"cpu"}


def test_torch_itself_is_asked_for_devices():
    assert choose_devices(["cpu"]) == (("cpu",), []) and choose_devices(["cuda:63"])[1]
    assert (choose_devices(["cuda"])[1] == []) is torch.cuda.is_available()


def test_devices_of_tasks_elsewhere_are_those_that_the_tasks_ask_for():
    assert choose_devices(["auto"], 1) == (("cuda:0",), []) and choose_devices(["auto"], 0) == (("cpu",), [])
    assert choose_devices(["cuda", "cpu"], 0.5) == (("cuda:0", "cpu"), [])
    assert choose_devices(["cuda:1"], 2)[1] == ["device cuda:1: a task sees only its own GPUs; write cuda"]


def test_limits_of_a_group_come_from_the_suite_and_the_environments_own_go_first():
    groups = made(["random"], timeout="1h30m", stall_timeout="10m", resume="never").groups
    assert (groups[0].timeout, groups[0].stall_timeout, groups[0].resume) == (5400.0, 600.0, "never")
    own = made(["random"], timeout="2h", environment={"timeout": 90, "checkpoint_every": 7}).groups
    assert (own[0].timeout, own[0].checkpoint_every) == (90.0, 7)


def test_an_environments_evaluation_changes_what_it_names_and_nothing_else():
    evaluation = {"episodes": 3, "final_episodes": 9}
    protocol = (
        made(["random"], evaluation=evaluation, environment={"evaluation": {"episodes": 4}}).groups[0].task.evaluation
    )
    assert (protocol.every, protocol.episodes, protocol.final_episodes) == (200, 4, 9)


def test_an_environment_without_a_version_is_an_error_that_names_it():
    with pytest.raises(SuiteError, match="CartPole: the id lacks the version.*write CartPole-v1"):
        made(["random"], env="CartPole")


def test_more_runs_than_anyone_means_are_refused_without_being_listed():
    with pytest.raises(SuiteError, match="20,000 runs are over the limit of 10,000"):
        made(["random", "dqn"], seeds=10_000)
    assert plan(suite(["random", "dqn"], seeds=5_001), load_plugins(), max_runs=20_000).runs == 10_002


def test_pairs_whose_packages_are_missing_are_refused_or_skipped(tmp_path):
    (tmp_path / "needy.py").write_text(
        "from rlbench import Algorithm, AlgorithmSpec, hookimpl\n"
        "@hookimpl\n"
        "def rlbench_algorithms():\n"
        "    return [AlgorithmSpec('needy', 'nowhere:X', requires=('nowhere',), extra='sb3')]\n"
    )
    plugins = load_plugins([tmp_path / "needy.py"])
    with pytest.raises(SuiteError, match=r'needy: needs nowhere: pip install "rlbench\[sb3\]"'):
        plan(suite(["random", "needy"]), plugins)
    planned = plan(suite(["random", "needy"]), plugins, skip_missing=True)
    assert [g.algorithm for g in planned.groups] == ["random"]
    assert [(s.algorithm, s.reason) for s in planned.skipped] == [
        ("needy", 'needs nowhere: pip install "rlbench[sb3]"')
    ]


def test_a_suite_as_it_is_stored_means_the_same_when_it_is_read_again():
    asked = suite(["random"], evaluation={"episodes": 3}, environment={"evaluation": {"every": 50}}, timeout="1h")
    keys = [run.key for group in plan(asked, load_plugins()).groups for run in group.runs]
    again = Suite.model_validate(asked.resolved())
    assert [run.key for group in plan(again, load_plugins()).groups for run in group.runs] == keys


def test_images_cannot_be_normalised_which_is_told_before_any_pair_trains():
    ppo = {"id": "ppo", "params": {"n_envs": 2, "n_steps": 8, "batch_size": 8, "normalize_obs": True}}
    with pytest.raises(SuiteError, match="ppo on .*: normalize_obs is for vectors; .* so leave it out"):
        made([ppo], env="support.image_worlds:rlbench/Dots-v0", steps=320)


def test_notes_on_several_environments_of_one_kind_are_one_line():
    endless = SimpleNamespace(repeats=True, shares_state=False, time_limit=None, ended=False, gives_masks=True)
    odd = SimpleNamespace(repeats=False, shares_state=False, time_limit=9, ended=False, gives_masks=False)
    limit, seeds, masks = fact_notes({"one": endless, "odd": odd, "two": endless}, masked=["one"])
    assert limit.startswith(
        "one, two: no time limit, and no random episode ended within 200 steps; evaluation plays up"
    )
    assert masks.startswith("two: `info` says which actions are allowed") and seeds.startswith("odd: reset(seed=…) is")
