"""Memory known before a run: what algorithms store, what is said of it, and the groups that fit."""

import dataclasses
import importlib
import inspect
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from gymnasium import spaces
from support.image_worlds import DOTS

import rlbench
from rlbench import Device, FrameStack, SeedStreams, Storage, TaskInfo
from rlbench.api import RunGroup, SuiteError, Task, environments_of, total_size
from rlbench.plugins import load_plugins
from rlbench.suites import Suite, plan
from rlbench.suites.memory_limit import memory_limit, needed, needed_at_once, parted, within_memory

VECTOR, IMAGE = spaces.Box(-1, 1, (7,), np.float32), spaces.Box(0, 255, (3, 36, 40), np.uint8)
STACK = FrameStack(0, 255, 4, (4, 36, 40))
CHOICE, TORQUES = spaces.Discrete(3), spaces.Box(-1, 1, (2,), np.float32)
PLUGINS = load_plugins()


def tensors(part, seen=None):
    """Every tensor and array below a part, each once; a numpy view of a tensor counts as the tensor."""
    seen = {} if seen is None else seen
    if isinstance(part, (torch.Tensor, np.ndarray)):
        array = part.detach().numpy() if isinstance(part, torch.Tensor) else part
        at = array.__array_interface__["data"][0]
        seen[at] = max(array.nbytes, seen.get(at, 0))
    elif isinstance(part, dict):
        for value in part.values():
            tensors(value, seen)
    elif isinstance(part, (list, tuple)):
        for value in part:
            tensors(value, seen)
    elif type(part).__module__.startswith("rlbench.kit"):
        tensors(vars(part), seen)
    return seen


def stored_bytes(agent):
    """The bytes of an agent's replay, rollout or window."""
    parts = [getattr(agent, name) for name in ("replay", "imagined", "rollout", "window") if hasattr(agent, name)]
    seen = {}
    for part in parts:
        tensors(part, seen)
    return sum(seen.values())


def made(name, observations, actions, steps, **params):
    spec = PLUGINS.algorithm(name)
    algorithm = spec.load()
    config = algorithm.Config(**params)
    task = TaskInfo("none", observations, actions, environments_of(config), steps)
    agent = algorithm(config, task, SeedStreams([0, 1]), Device())
    return agent, total_size(spec.storage(config), observations, actions, steps)


@pytest.mark.parametrize(
    ("name", "observations", "actions", "params"),
    [
        *((name, space, CHOICE, {"buffer_size": 3_000}) for name in ("dqn", "double_dqn", "dueling_dqn", "per_dqn", "qrdqn", "rainbow") for space in (VECTOR, IMAGE, STACK)),
        *((name, VECTOR, TORQUES, {"buffer_size": 3_000}) for name in ("sac", "tqc", "td3", "ddpg", "crossq")),
        ("mbpo", VECTOR, TORQUES, {"buffer_size": 3_000, "model_buffer_size": 2_000}),
        *((name, space, CHOICE, {"n_steps": 640, "n_envs": 4}) for name in ("ppo", "a2c") for space in (VECTOR, IMAGE, STACK)),
        *((name, VECTOR, TORQUES, {"n_steps": 640, "n_envs": 4}) for name in ("ppo", "a2c", "reinforce") ),
        ("recurrent_ppo", VECTOR, TORQUES, {"n_steps": 64, "n_envs": 40}),
        ("ppo", VECTOR, spaces.MultiDiscrete([2, 3]), {"n_steps": 640, "n_envs": 4}),
    ],
)  # fmt: skip
@pytest.mark.parametrize("steps", [2_000, 10_000])
def test_what_an_algorithm_declares_is_what_its_tensors_take(name, observations, actions, params, steps):
    params = {**params, "batch_size": 64} if "batch_size" in _parameters(name) else params
    params = {**params, "memory": 700} if name == "reinforce" else params
    agent, declared = made(name, observations, actions, steps, **params)
    assert stored_bytes(agent) == pytest.approx(2 * declared, rel=0.01)


def _parameters(name):
    return PLUGINS.algorithm(name).load().Config.__dataclass_fields__


def bundled():
    """The entries of all algorithms that come with rlbench."""
    root = Path(rlbench.__file__).parents[1] / "plugins"
    for path in sorted(root.glob("rlbench_*/__init__.py")):
        if "def rlbench_algorithms" in path.read_text():
            yield from importlib.import_module(path.parent.name).rlbench_algorithms()


def test_a3c_declares_the_rollouts_of_all_its_workers():
    from rlbench_a3c.a3c import A3C, Worker

    for observations, actions in ((VECTOR, TORQUES), (IMAGE, CHOICE)):
        config = A3C.Config(n_workers=3, n_steps=640)
        task, streams = TaskInfo("none", observations, actions, 1, 10_000), SeedStreams([0])
        env = SimpleNamespace(reset=lambda space=observations: (space.sample(), {}))
        worker = Worker(env, 0, A3C(config, task, streams, Device()).shared, config, task, streams)
        declared = total_size(PLUGINS.algorithm("a3c").storage(config), observations, actions, 10_000)
        assert 3 * stored_bytes(worker) == pytest.approx(declared, rel=0.01)


AGENTS = ("iql", "vdn", "qmix", "ippo", "mappo")


@pytest.mark.parametrize("name", AGENTS)
def test_algorithms_of_several_agents_declare_it_too(name):
    from support.several_agents import UNEQUAL

    from rlbench.envs.multiagent.joint_space import JointVectors, joint_actions

    params = {"buffer_size": 3_000} if name in ("iql", "vdn", "qmix") else {"n_steps": 640, "n_envs": 4}
    agent, declared = made(name, JointVectors(UNEQUAL), joint_actions(UNEQUAL), 10_000, **params)
    assert stored_bytes(agent) == pytest.approx(2 * declared, rel=0.01)


def test_every_algorithm_with_a_replay_or_a_rollout_declares_it():
    silent = []
    for spec in bundled():
        if spec.storage is None and not spec.requires:
            source = inspect.getsource(inspect.getmodule(spec.load()))
            silent += [spec.name] * any(word in source for word in ("Replay(", "replay_for(", "Rollout("))
    assert silent == []


def test_memory_by_hand():
    # 100 transitions of 7 floats twice, a choice, a reward and a discount: 28 · 2 + 8 + 4 + 4 bytes
    assert total_size([Storage(1_000)], VECTOR, CHOICE, 100) == 100 * 72
    assert total_size([Storage(1_000, up_to_budget=False)], VECTOR, TORQUES, 100) == 1_000 * 72
    # the same with a stack of four frames of 1440 bytes: eight numbers of frames, and 100 + 12 + 128 frames
    assert total_size([Storage(100, frames_once=True)], STACK, CHOICE, 500) == 100 * (64 + 16) + 240 * 1440
    assert total_size([Storage(100)], STACK, CHOICE, 500) == 100 * (2 * 5760 + 16)


# -- groups ------------------------------------------------------------------------------------------------------------
def group(seeds, label="dqn", first=0):
    return RunGroup("dqn", {}, Task("E-v0", 10), tuple(range(first, first + seeds)), label=label)


def sizes(groups):
    return [(g.label, len(g.seeds)) for g in groups]


STORED = {("dqn", "E-v0"): 10, ("ppo", "E-v0"): 1}


@pytest.mark.parametrize(
    ("seeds", "workers", "limit", "expected"),
    [
        (10, 1, 110, [10]),  # ten seeds and the copy of one
        (10, 1, 109, [5, 5]),
        (10, 2, 110, [10]),  # one group is all there is
        (10, 2, 109, [4, 3, 3]),  # two of 5 take 120, of 4 and 3 take 90
        (10, 1, 30, [2] * 5),
        (10, 1, 25, [1] * 10),
        (10, 4, 80, [1] * 10),
    ],
)
def test_a_stack_that_does_not_fit_is_parted_equally(seeds, workers, limit, expected):
    parts = parted([group(seeds)], STORED, workers, limit)
    assert [len(part.seeds) for part in parts] == expected
    assert [seed for part in parts for seed in part.seeds] == list(range(seeds))
    assert needed_at_once(parts, STORED, workers) <= limit


def test_a_group_that_exceeds_its_own_limit_is_parted_however_much_the_machine_has():
    limited = dataclasses.replace(group(8), memory=50)
    assert sizes(parted([group(8, "ppo"), limited], STORED, 2, 10_000)) == [("ppo", 8), ("dqn", 4), ("dqn", 4)]
    assert sizes(parted([dataclasses.replace(limited, memory=15)], STORED, 1, 10_000)) == [("dqn", 1)] * 8
    assert parted([limited], STORED, 2, float("inf")) == [limited]  # it stores on another device


def test_only_the_groups_that_need_much_are_parted():
    groups = [group(8, "ppo"), group(8), group(8, "none")]
    assert sizes(parted(groups, STORED, 3, 99)) == [("ppo", 8), ("dqn", 8), ("none", 8)]
    assert sizes(parted(groups, STORED, 1, 50)) == [("ppo", 8), ("dqn", 4), ("dqn", 4), ("none", 8)]
    assert parted(groups, {}, 3, 0) == groups
    assert needed(groups[0], STORED) == 9 and needed(groups[2], STORED) == 0


def test_fewer_groups_run_at_a_time_if_single_seeds_do_not_fit_unless_the_number_was_chosen():
    single = [group(1, first=i) for i in range(4)]
    assert within_memory(single, STORED, 4, 70, fixed=False) == (single, 3, "")
    _, workers, text = within_memory(single, STORED, 4, 70, fixed=True)
    assert workers == 4
    assert text == (
        "replay of 4 jobs at a time takes 80 B even with one seed in each, but a suite may take 70 B of this machine's "
        "memory; lower jobs or buffer_size"
    )


def test_the_limit_is_a_share_of_the_machine_or_of_its_container(monkeypatch, tmp_path):
    file = tmp_path / "memory.max"
    monkeypatch.setattr("rlbench.suites.memory_limit._CONTAINER_LIMIT", file)
    whole = memory_limit()
    for text, expected in (("max\n", whole), ("1000000000\n", 6e8)):
        file.write_text(text)
        assert memory_limit() == expected


# -- the plan ----------------------------------------------------------------------------------------------------------
PIXELS = {
    "wrappers": [{"name": "gymnasium.wrappers:FrameStackObservation", "kwargs": {"stack_size": 4}}],
    "kwargs": {"channels": 0},
}


def planned(memory=None, buffer_size=100_000, jobs=1, seeds=10, own=None):
    entries = [{"id": "dqn", "params": {"buffer_size": buffer_size}}, "random"]
    environment = {"id": DOTS, "steps": 200_000, **PIXELS}
    asked = {"name": "s", "algorithms": entries, "environments": [environment], "seeds": seeds, "memory": own}
    return plan(Suite.model_validate(asked), PLUGINS, memory=memory, jobs=jobs)


# A frame of 6 × 6 pixels, eight numbers of frames, a choice, a reward and a discount; frames for an eighth more.
SEED = 100_000 * (64 + 16) + (112_500 + 128) * 36


def test_check_says_what_a_group_stores():
    plenty = planned()
    assert plenty.stored["dqn", DOTS] == SEED and plenty.stored["random", DOTS] == 0
    assert f"dqn on {DOTS}: replay of 10 seeds takes 121 MB" in plenty.notes
    assert not [note for note in planned(buffer_size=1_000).notes if "replay" in note]


def test_seeds_that_do_not_fit_are_planned_apart_and_the_same_every_time():
    assert [len(g.seeds) for g in planned(11 * SEED).groups] == [10, 10]
    parts = [planned(11 * SEED - 1) for _ in range(2)]
    assert [len(g.seeds) for g in parts[0].groups] == [5, 5, 10] and parts[0].groups == parts[1].groups
    assert {r.key for g in parts[0].groups for r in g.runs} == {r.key for g in planned().groups for r in g.runs}


def test_a_seed_that_does_not_fit_is_a_problem_that_says_what_to_do():
    with pytest.raises(SuiteError, match="dqn on .*: replay of one seed takes 12.1 MB, .* may take 24.1 MB .* lower buffer_size"):  # fmt: skip
        planned(2 * SEED - 1)
    assert len(planned(2 * SEED).groups) == 11


@pytest.mark.parametrize(
    ("given", "size"), [("1GB", 10**9), ("1.5 gb", 1_500_000_000), ("2GiB", 2 << 30), (7_000_000, 7_000_000)]
)
def test_a_size_of_memory_is_bytes_with_or_without_a_unit(given, size):
    environment = {"id": "CartPole-v1", "steps": 1}
    asked = {"name": "s", "algorithms": ["random"], "environments": [environment], "seeds": 1, "memory": given}
    suite = Suite.model_validate(asked)
    assert suite.memory == size and suite.resolved()["memory"] == size


def test_a_limit_for_a_group_decides_how_many_seeds_train_together():
    plans = [planned(1e12, own=size) for size in (None, 11 * SEED, 11 * SEED - 1)]
    assert [[len(g.seeds) for g in one.groups] for one in plans] == [[10, 10], [10, 10], [5, 5, 10]]
    assert [{g.memory for g in one.groups} for one in plans] == [{None}, {11 * SEED}, {11 * SEED - 1}]
    with pytest.raises(
        SuiteError, match="replay of one seed takes 12.1 MB, .* but `memory` allows 24.1 MB; lower buffer_size"
    ):
        planned(1e12, own=2 * SEED - 1)
