"""The count of public environments: what is found about one, what is planned on it, and how both are added up."""

import itertools

import gymnasium
import numpy as np
import pytest
import yaml
from gymnasium import spaces

from benchmarks import world_facts, world_table, worlds

ENTROPY = itertools.count()


class Own(gymnasium.Env):
    """Show a number drawn at reset, and give the reward that the test asks for."""

    def __init__(self, reward=1.0, chance="seed"):
        self.observation_space, self.action_space = spaces.Box(0, 1, (2,)), spaces.Discrete(2)
        self.reward, self.chance, self.episodes = reward, chance, 0

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.episodes += 1
        drawn = {"seed": self.np_random.random(), "history": 1 / self.episodes, "entropy": next(ENTROPY)}
        self.shown = np.full(2, drawn[self.chance], np.float32)
        return self.shown, {}

    def step(self, action):
        self.shown[:] = self.shown / 2  # the same array again, which an observer has to copy
        return self.shown, self.reward, False, False, {}


@pytest.fixture
def own():
    gymnasium.register("Own-v0", Own, order_enforce=False, disable_env_checker=True)
    yield "Own-v0"
    del gymnasium.registry["Own-v0"]


@pytest.mark.parametrize(
    ("kwargs", "usable", "why"),
    [
        ({}, True, None),
        ({"reward": np.float32(2)}, True, None),
        ({"reward": np.zeros(2)}, False, "its reward is not a number"),
        ({"reward": [1.0]}, False, "its reward is not a number"),
        ({"chance": "entropy"}, False, "never repeats reset(seed)"),
        ({"chance": "history"}, True, None),
        ({"unknown": 1}, False, "TypeError"),
    ],
)
def test_an_environment_is_usable_if_it_rewards_with_one_number_and_repeats_itself(own, kwargs, usable, why):
    found = world_facts.facts(own, kwargs)
    assert world_table.usable(found) == usable
    assert why is None or why in world_table.why_not(found)


def test_an_error_in_a_step_is_told_and_not_raised(own):
    found = world_facts.facts(own, {"reward": Raises()})
    assert found["made"] and not world_table.usable(found)
    assert world_table.why_not(found) == "cannot be played: RuntimeError: broken"


class Raises:
    def __array__(self, *_args, **_kwargs):
        raise RuntimeError("broken")


@pytest.mark.parametrize(
    ("space", "image"),
    [
        (spaces.Box(0, 255, (84, 84, 3), np.uint8), True),
        (spaces.Box(0, 255, (3, 84, 84), np.uint8), True),
        (spaces.Box(0, 255, (7, 7, 3), np.uint8), False),  # a grid of codes
        (spaces.Box(0, 1, (84, 84, 3)), False),
        (spaces.Dict({"a": spaces.Discrete(2), "b": spaces.Box(0, 255, (64, 64, 3), np.uint8)}), True),
    ],
)
def test_images_are_arrays_of_bytes_with_two_long_axes(space, image):
    assert world_facts.has_image(space) == image


def test_children_are_asked_again_after_one_that_ends_or_hangs():
    ids = ["CartPole-v1", "json:tool-v0", "Acrobot-v1"]
    found = dict(worlds.look(ids, "", 120))
    assert list(found) == ids
    assert [world_table.usable(entry) for entry in found.values()] == [True, False, True]
    slow = dict(worlds.look(["Acrobot-v1"], "", 1e-9))
    assert slow["Acrobot-v1"]["reason"] == "took over 1e-09 s"


def test_a_refused_environment_does_not_keep_the_others_of_its_suite_from_a_plan(tmp_path):
    ids = ["CartPole-v1", "Nowhere-v0", "Pendulum-v1"]
    found = worlds.check("gymnasium", ids, tmp_path, 120)
    assert "cannot be made" in found["Nowhere-v0"]["*"]
    assert {*found["CartPole-v1"]} == {"sac"} and {*found["Pendulum-v1"]} == {"dqn"}


def test_a_replay_that_would_fill_the_memory_with_images_is_not_planned(tmp_path, monkeypatch):
    monkeypatch.setattr(worlds, "call_rlbench", lambda words, folder, limit: (0, '{"skipped": []}', ""))
    worlds.check("ale-py", ["ale_py:ALE/Pong-v5"], tmp_path, 120)  # 80,000 of its images take 16 GB
    algorithms = yaml.safe_load((tmp_path / "check-ale-py.yaml").read_text())["algorithms"]
    assert {entry["id"]: entry["params"].get("buffer_size") for entry in algorithms} == {
        "random": None,
        "ppo": None,
        "dqn": 200,
        "sac": 200,
        "sb3/ppo": None,
    }


def test_a_package_that_prints_does_not_spoil_the_plan():
    assert worlds.document('argv[0]=\n{\n "skipped": []\n}\nargv[1]=\n') == {"skipped": []}


def test_one_environment_of_a_pair_of_spaces_is_trained_on_by_what_was_planned(tmp_path):
    planned = {"package": "gymnasium", "refused": {"sac": "for continuous actions"}, "pair": "one"}
    record = {env_id: {**world_facts.facts(env_id, {}), **planned} for env_id in ("CartPole-v1", "Acrobot-v1")}
    assert worlds.representatives(record) == ["Acrobot-v1"]
    worlds.save(tmp_path / "record.json", record)
    worlds.run_pairs(tmp_path, 300, ["gymnasium"])
    ran = {env_id: entry.get("runs") for env_id, entry in worlds.load(tmp_path / "record.json").items()}
    assert ran == {"Acrobot-v1": {"random": "done", "ppo": "done", "sb3/ppo": "done"}, "CartPole-v1": None}


def entry(**more):
    return {
        "package": "minigrid",
        "version": "1",
        "made": True,
        "reward": "number",
        "repeats": "always",
        "image": False,
        "pair": "p",
    } | more


def test_shares_are_of_usable_environments():
    record = {
        "a": entry(refused={}),
        "b": entry(refused={"ppo": "x", "dqn": "x", "sac": "x"}, observations="Text", actions="Discrete(2)"),
        "c": entry(pair="r", refused={"dqn": "x", "sac": "x", "sb3/ppo": "x"}, image=True),
        "d": entry(repeats="never"),
        "g": entry(repeats="when new", refused={}),
        "e": {"package": "minigrid", "made": False, "reason": "ModuleNotFoundError: No module named 'flax'"},
        "f": entry(refused={"*": "its step gave no number"}, pair="q"),
    }
    cells = dict(zip(world_table.HEADER, world_table.row("minigrid", "1", list(record.values()), {"p", "q"})))
    assert cells == {
        "package": "minigrid",
        "version": "1",
        "registered": "7",
        "usable": "5",
        "random": "4 (80 %)",
        "a learner of ours": "3 (60 %)",  # of a, b, c, f and g
        "images": "1",
        "sb3/ppo": "3 (60 %)",
        "pairs run": "1 of 2",  # p and r; f, with q, is refused
        "the rest": "no learner for Text observations, Discrete actions 1; never repeats reset(seed) 1; "
        "usable, but an episode depends on those before it 1; needs jax and flax 1",
    }


def test_a_pair_counts_as_trained_on_if_every_run_on_one_of_its_environments_is_done():
    record = {
        "a": entry(refused={}, runs={"random": "done", "ppo": "done"}),
        "b": entry(refused={}, pair="q", runs={"random": "done", "ppo": "failed: x"}),
        "c": entry(refused={}, package="popgym"),
    }
    place = world_table.HEADER.index("pairs run")
    assert [line[place] for line in world_table.table(record)] == ["1 of 2", "1 of 1", "1 of 2"]


def test_a_share_is_all_only_if_it_is_all():
    assert world_table.share([True] * 3) == "3 (all)"
    assert world_table.share([True] * 1999 + [False]) == "1999 (99.9 %)"


def test_the_table_takes_the_place_of_the_one_between_the_marks(tmp_path):
    page = tmp_path / "environments.md"
    page.write_text("before\n<!-- worlds -->\nold\n<!-- end of worlds -->\nafter\n")
    world_table.write(page, "new")
    assert page.read_text() == "before\n<!-- worlds -->\nnew\n<!-- end of worlds -->\nafter\n"
