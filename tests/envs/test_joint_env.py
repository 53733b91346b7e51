"""Worlds of several agents as one environment."""

import copy
from dataclasses import replace

import gymnasium
import numpy as np
import pytest
from gymnasium.spaces import Box, Discrete, MultiDiscrete, Tuple
from support.scripted_worlds import ContinuousScript, MaskedScript, Script, StatefulScript, Unreadable, joint

from rlbench.api import EnvironmentFault, RlbenchError, Task
from rlbench.env_checks.environment_check import check_environment
from rlbench.env_checks.space_descriptions import describe_space, space_from
from rlbench.envs.gymnasium_backend import reference_backend
from rlbench.envs.multiagent.multiagent_backends import PETTINGZOO, TUPLES, JointBatch, make_env
from rlbench.envs.multiagent.tuple_world import TupleWorld

WALK = Task("support.scripted_worlds:Walk", 100, backend=PETTINGZOO)


def test_agents_are_in_the_order_of_their_names_with_numbers_by_size():
    world = Script({"x_10": 1, "x_2": 1, "b": 1}, listed=["x_10", "b", "x_2"])
    env = joint(world)
    assert env.layout.agents == ("b", "x_2", "x_10")
    env.reset(seed=1)
    env.step(np.array([0, 1, 2]))
    assert world.taken == [{"b": 0, "x_2": 1, "x_10": 2}]


def test_observations_rewards_and_the_living_of_a_death_in_the_middle():
    world = Script(dies={"b": 1, "a": 2, "c": 2}, pays={"a": 1.0, "b": 10.0, "c": 100.0})
    env = joint(world)
    obs, _ = env.reset(seed=3)
    layout = env.layout
    assert [group.members for group in layout.groups] == [(0,), (1, 2)]  # a observes two numbers, b and c one
    assert [part.tolist() for part in layout.observations(obs)] == [[[0, 0]], [[1], [2]]]
    obs, reward, terminated, truncated, info = env.step([0, 1, 2])
    assert (reward, terminated, truncated) == (111, False, False) and info["agent_rewards"].tolist() == [1, 10, 100]
    assert layout.alive(obs).tolist() == [1, 0, 1]
    assert [part.tolist() for part in layout.observations(obs)] == [[[10, 10]], [[0], [12]]]  # of the dead: 0
    obs, reward, terminated, truncated, info = env.step([2, 2, 0])
    assert world.taken[1] == {"a": 2, "c": 0}  # the dead do not act
    assert (reward, terminated, truncated) == (101, True, False) and info["agent_rewards"].tolist() == [1, 0, 100]
    assert layout.alive(obs).tolist() == [0, 0, 0]


def test_truncation_of_the_last_agents_truncates_and_leaves_them_alive_in_the_successor():
    env = joint(Script(dies={"b": 1, "a": 2}, cut={"c": 2}))
    env.reset(seed=1)
    env.step([0, 0, 0])
    obs, _, terminated, truncated, _ = env.step([0, 0, 0])
    assert (terminated, truncated) == (False, True) and env.layout.alive(obs).tolist() == [0, 0, 1]
    assert env.layout.observations(obs)[1].tolist() == [[0], [22]]


def test_an_agent_that_is_truncated_before_the_others_counts_as_dead():
    env = joint(Script(cut={"b": 1}))
    env.reset(seed=1)
    obs, _, terminated, truncated, _ = env.step([0, 0, 0])
    assert not terminated and not truncated and env.layout.alive(obs).tolist() == [1, 0, 1]


def test_a_time_limit_truncates_those_that_are_left_but_an_end_comes_first():
    env = joint(Script(dies={"b": 1}), max_episode_steps=2)
    env.reset(seed=1)
    assert env.step([0, 0, 0])[2:4] == (False, False)
    obs, _, terminated, truncated, _ = env.step([0, 0, 0])
    assert (terminated, truncated) == (False, True) and env.layout.alive(obs).tolist() == [1, 0, 1]
    env = joint(Script(dies=dict.fromkeys("abc", 2)), max_episode_steps=2)
    env.reset(seed=1)
    env.step([0, 0, 0])
    assert env.step([0, 0, 0])[2:4] == (True, False)


def test_masks_in_observations_are_parts_of_the_vector_and_all_is_allowed_to_the_dead():
    env = joint(MaskedScript(dies={"b": 1}))
    obs, info = env.reset(seed=1)
    assert env.layout.has_masks and env.layout.masks(obs)[0].tolist() == [[0, 1, 1], [0, 1, 1]]
    assert [mask.tolist() for mask in info["agent_masks"]] == [[0, 1, 1], [0, 1, 1]]
    obs, *_ = env.step([1, 1])
    assert env.layout.masks(obs)[0].tolist() == [[1, 0, 1], [1, 1, 1]]
    assert env.layout.observations(obs)[0].tolist() == [[10], [0]]


def test_masks_in_info_are_parts_of_the_vector_too():
    class Informing(Script):
        def reset(self, seed=None, options=None):
            obs, infos = super().reset(seed, options)
            infos["a"]["action_mask"] = np.array([1, 0, 0], np.int8)
            return obs, infos

    env = joint(Informing({"a": 1, "b": 1}))
    assert env.layout.masks(env.reset(seed=1)[0])[0].tolist() == [[1, 0, 0], [1, 1, 1]]


@pytest.mark.parametrize("mask", [[0, 0, 0], [1, 1], [0.5, 0, 0], [1, 2, 0], [1, np.nan, 0]])
def test_a_mask_that_allows_nothing_or_has_numbers_besides_0_and_1_is_a_fault(mask):
    class Stuck(MaskedScript):
        def observe(self, agent):
            return {**super().observe(agent), "action_mask": np.array(mask)}

    with pytest.raises(EnvironmentFault, match="the action mask of 'a' is"):
        joint(Stuck()).reset(seed=1)


def test_a_state_beside_the_observations_is_kept_and_one_that_joins_them_is_not():
    env = joint(StatefulScript())
    env.reset(seed=1)
    obs, *_ = env.step([0, 0, 0])
    assert env.layout.state_size == 2 and env.layout.state(obs).tolist() == [1, 1]

    class Joining(Script):
        state_space = Box(-np.inf, np.inf, (4,), np.float32)

        def state(self):
            return np.concatenate([self.observe(agent) for agent in self.possible_agents])

    assert joint(Joining()).layout.state_size == 0


def test_continuous_actions_reach_their_agents_in_their_own_shapes():
    world = ContinuousScript()
    env = joint(world)
    env.reset(seed=1)
    assert isinstance(env.action_space, Box) and env.action_space.shape == (5,)
    env.step(np.array([0.1, 0.2, 0.3, 0.4, 0.5], np.float32))
    assert [part.astype(float).round(6).tolist() for part in world.taken[0].values()] == [[0.1], [0.2, 0.3], [0.4, 0.5]]


def _without(method):
    def answer(self, actions):
        obs, rewards, ends, cuts, infos = Script.step(self, actions)
        parts = {"observation": obs, "reward": rewards, "termination": ends, "truncation": cuts}
        del parts[method]["a"]
        return obs, rewards, ends, cuts, infos

    return type("Broken", (Script,), {"step": answer})


@pytest.mark.parametrize("what", ["observation", "reward", "termination", "truncation"])
def test_an_answer_without_an_agents_part_is_a_fault_that_names_it(what):
    env = joint(_without(what)())
    env.reset(seed=1)
    with pytest.raises(EnvironmentFault, match=f"its step gave no {what} for 'a'"):
        env.step([0, 0, 0])


@pytest.mark.parametrize(
    ("listed", "ended", "message"),
    [
        (True, True, "'a' is terminated or truncated but still in `agents`"),
        (False, False, "'a' has left `agents`, but neither its termination nor its truncation is true"),
    ],
)
def test_a_world_whose_list_of_agents_and_flags_disagree_is_told_how(listed, ended, message):
    class Unclear(Script):
        def step(self, actions):
            obs, rewards, ends, cuts, infos = super().step(actions)
            self.agents = ["a", "b", "c"] if listed else ["b", "c"]
            return obs, rewards, {**ends, "a": ended}, cuts, infos

    env = joint(Unclear())
    env.reset(seed=1)
    with pytest.raises(EnvironmentFault, match=message):
        env.step([0, 0, 0])


def test_a_reset_or_a_step_that_returns_something_else_is_told_what_is_needed():
    class Bare(Script):
        def reset(self, seed=None, options=None):
            return super().reset(seed, options)[0]

    with pytest.raises(EnvironmentFault, match=r"its reset has to return \(observations, infos\)"):
        joint(Bare())

    class Old(Script):
        def step(self, actions):
            return super().step(actions)[:4]

    env = joint(Old())
    env.reset(seed=1)
    with pytest.raises(EnvironmentFault, match=r"its step has to return \(observations, rewards, terminations"):
        env.step([0, 0, 0])


def test_a_world_listed_without_its_backend_is_told_to_add_it():
    with pytest.raises(RlbenchError, match="Walk is a world of several agents: add `backend: pettingzoo`"):
        reference_backend().make_env(Task("support.scripted_worlds:Walk", 100))


def test_worlds_that_do_not_fit_say_why():
    with pytest.raises(EnvironmentFault, match="no `possible_agents`"):
        joint(type("Nobody", (), {})())
    with pytest.raises(EnvironmentFault, match="observations of 'a' cannot be written as a vector"):
        joint(Unreadable())
    mixed = Script()
    mixed.action_space = lambda agent: Discrete(2) if agent == "a" else Box(-1, 1, (1,))
    with pytest.raises(EnvironmentFault, match="actions are Box, Discrete; all must be Discrete, or all Box"):
        joint(mixed)
    with pytest.raises(EnvironmentFault, match="its spaces are not Tuples with a part for each agent"):
        TupleWorld(lambda: gymnasium.make("CartPole-v1"))


class TwoPlayers(gymnasium.Env):
    """A Gymnasium environment with Tuples, a list of rewards and one `terminated`."""

    observation_space = Tuple([Box(0, 9, (1,), np.float32)] * 2)
    action_space = Tuple([Discrete(2), Discrete(2)])

    def reset(self, *, seed=None, options=None):
        return (np.zeros(1, np.float32), np.ones(1, np.float32)), {}

    def step(self, action):
        assert isinstance(action, tuple)
        return (np.full(1, 2, np.float32), np.full(1, 3, np.float32)), [float(a) for a in action], True, False, {}


def test_an_environment_with_tuples_is_a_world_with_numbered_agents():
    env = joint(TupleWorld(TwoPlayers))
    obs, _ = env.reset(seed=1)
    assert env.layout.agents == ("agent_0", "agent_1") and env.layout.observations(obs)[0].tolist() == [[0], [1]]
    assert env.action_space == MultiDiscrete([2, 2])
    _, reward, terminated, truncated, info = env.step(np.array([0, 1]))
    assert (reward, terminated, truncated) == (1.0, True, False) and info["agent_rewards"].tolist() == [0, 1]


class Remembering(TwoPlayers):
    """An environment whose episodes depend on how many came before."""

    def __init__(self):
        self.episodes = 0

    def reset(self, *, seed=None, options=None):
        self.episodes += 1
        return (np.full(1, self.episodes, np.float32), np.zeros(1, np.float32)), {}


def test_each_episode_of_an_environment_with_tuples_is_played_in_a_new_one():
    env = joint(TupleWorld(Remembering))
    assert [env.layout.observations(env.reset(seed=1)[0])[0][0].tolist() for _ in range(3)] == [[1], [1], [1]]


@pytest.mark.filterwarnings("ignore")
def test_foraging_begins_alike_from_a_seed_whatever_was_played_before():
    pytest.importorskip("lbforaging", reason="needs the extra `multiagent`")
    task = Task("lbforaging:Foraging-5x5-2p-1f-v3", 100, backend=TUPLES)
    used, actions = make_env(task), np.random.default_rng(0)
    for seed in range(60):  # about eight of them differed in a world that was used
        first = used.reset(seed=seed)[0]
        fresh = make_env(task)
        assert (first == fresh.reset(seed=seed)[0]).all()
        for _ in range(5):
            if any(used.step(actions.integers(0, 5, 2))[2:4]):
                break


def test_the_space_of_several_agents_survives_its_description():
    for world in (Script(), MaskedScript(), StatefulScript(), ContinuousScript()):
        space = joint(world).observation_space
        again = space_from(describe_space(space))
        assert again.layout == space.layout and again == space


def test_a_task_is_made_from_a_module_and_keeps_its_arguments():
    task = replace(WALK, kwargs={"length": 5, "max_episode_steps": 3})
    before = copy.deepcopy(task.kwargs)
    env = make_env(task)
    env.reset(seed=1)
    assert [env.step([1, 1])[3] for _ in range(3)] == [False, False, True] and task.kwargs == before
    with pytest.raises(RlbenchError, match="has no 'Absent'; name what makes the world"):
        make_env(replace(WALK, env_id="support.scripted_worlds:Absent"))
    with pytest.raises(RlbenchError, match="has no `parallel_env`"):
        make_env(replace(WALK, env_id="support.scripted_worlds"))


def test_a_batch_gives_the_rewards_of_the_agents_of_each_lane_and_0_where_the_world_failed():
    batch = JointBatch(replace(WALK, kwargs={"poison": 2}), 2)
    batch.reset(0, 1), batch.reset(1, 2)
    assert batch.agents == ("agent_0", "agent_1")
    _, reward, _, _ = batch.step([0, 1], [np.array([1, 1]), np.array([2, 0])])
    assert batch.agent_rewards.shape == (2, 2) and batch.agent_rewards.sum(1).tolist() == reward.tolist()
    _, reward, _, _ = batch.step([1], [np.array([1, 1])])
    assert np.isnan(reward).all() and batch.agent_rewards.shape == (1, 2)


@pytest.mark.parametrize(
    "env_id, backend, package",
    [
        ("rlbench.envs.matrix_games:two_step", PETTINGZOO, "rlbench"),
        ("mpe2.simple_spread_v3", PETTINGZOO, "mpe2"),
        ("mpe2.simple_speaker_listener_v4", PETTINGZOO, "mpe2"),
        ("mpe2.simple_tag_v3", PETTINGZOO, "mpe2"),
        ("lbforaging:Foraging-5x5-2p-1f-v3", TUPLES, "lbforaging"),
        ("rware:rware-tiny-2ag-v2", TUPLES, "rware"),
    ],
)
@pytest.mark.filterwarnings("ignore")
def test_an_episode_of_these_worlds_depends_on_its_seed_alone(env_id, backend, package):
    pytest.importorskip(package, reason="needs the extra `multiagent`")
    facts = check_environment(Task(env_id, 100, backend=backend), make_env)
    assert facts.repeats and not facts.shares_state


@pytest.mark.filterwarnings("ignore")
def test_a_world_of_turns_is_refused_with_the_reason():
    pytest.importorskip("pettingzoo", reason="needs the extra `multiagent`")
    from pettingzoo.utils.env import AECEnv

    class Turns(AECEnv):
        metadata = {"is_parallelizable": False}
        possible_agents = ["a", "b"]

    import support.scripted_worlds as module

    module.Turns = Turns
    with pytest.raises(EnvironmentFault, match="its agents act in turns"):
        make_env(replace(WALK, env_id="support.scripted_worlds:Turns"))


class Spoiled(Script):
    """A Script of which `spoil(self, answer)` changes what a step returns, and `begin(self, answer)` what a reset does."""

    def __init__(self, spoil=None, begin=None, **more):
        super().__init__(**more)
        self._spoil, self._begin = spoil, begin

    def reset(self, seed=None, options=None):
        answer = list(super().reset(seed, options))
        if self._begin:
            self._begin(self, answer)
        return tuple(answer)

    def step(self, actions):
        answer = list(super().step(actions))
        if self._spoil:
            self._spoil(self, answer)
        return tuple(answer)


def put(place, name, value):
    return lambda world, answer: answer[place].__setitem__(name, value)


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (put(1, "ghost", 100.0), "gave a reward for 'ghost', who is not in `possible_agents`"),
        (put(1, "b", None), "the reward of 'b' is None; it has to be a number"),
        (put(1, "b", np.zeros(2)), r"the reward of 'b' is array\(\[0., 0.\]\); it has to be a number"),
        (put(1, "b", 1e308), r"the reward of 'b' is 1e\+308, too large to be added up"),
        (put(0, "b", "hello"), "an observation of 'b' is not in its space"),
        (put(0, "b", None), "an observation of 'b' is not in its space|an observation of 'b' has shape"),
        (put(4, "b", {"action_mask": np.ones(3)}), "gave 'b' an action mask, but its first reset did not"),
        (lambda world, answer: answer.__setitem__(1, 1.0), "its step has to return"),
        (lambda world, answer: world.agents.append("ghost"), "'ghost' is in `agents`, but not in `possible_agents`"),
        (lambda world, answer: setattr(world, "agents", None), "its `agents` is None; it has to be the list"),
    ],
)
def test_a_step_with_something_wrong_names_it_and_the_agent(spoil, message):
    env = joint(Spoiled(spoil))
    env.reset(seed=1)
    with pytest.raises(EnvironmentFault, match=message):
        env.step(np.zeros(3, int))


def test_a_mask_that_is_missing_later_is_a_fault_and_one_of_the_dead_is_not_needed():
    def masked(world, answer):
        answer[-1]["a"] = {"action_mask": np.array([1, 0, 1])}

    env = joint(Spoiled(masked, masked))
    env.reset(seed=1)
    env.step(np.zeros(3, int))
    env = joint(Spoiled(None, masked))
    env.reset(seed=1)
    with pytest.raises(EnvironmentFault, match="gave no action mask for 'a', though its first reset did"):
        env.step(np.zeros(3, int))
    env = joint(Spoiled(None, masked, dies={"a": 1}))
    env.reset(seed=1)
    env.step(np.zeros(3, int))


def test_a_reset_that_leaves_nobody_and_names_that_are_there_twice_are_faults():
    with pytest.raises(EnvironmentFault, match="its reset left no agent in `agents`"):
        joint(Spoiled(begin=lambda world, answer: world.agents.clear())).reset(seed=1)
    for listed in (["a", "a", "b"], [1, "1"]):
        with pytest.raises(EnvironmentFault, match="'[a1]' is twice in `possible_agents`"):
            joint(Script(sizes=dict.fromkeys(listed, 1), listed=listed))


def test_agents_may_have_names_that_are_not_text_and_records_have_them_as_text():
    env = joint(Script(sizes={2: 1, 10: 1, 1: 1}))
    assert env.layout.agents == ("1", "2", "10")
    env.reset(seed=1)
    assert env.step(np.zeros(3, int))[4]["agent_rewards"].tolist() == [1, 1, 1]
    assert joint(Script(sizes={"²": 1, "a": 2})).layout.agents == ("a", "²")


def test_a_state_that_does_not_fit_its_space_says_so():
    class Stated(Script):
        state_space = Box(-1, 1, (4,), np.float32)

        def state(self):
            return np.zeros(5)

    with pytest.raises(EnvironmentFault, match=r"its state has shape \(5,\), but its `state_space` has \(4,\)"):
        joint(Stated())
    Stated.state_space = Discrete(3)
    with pytest.raises(EnvironmentFault, match="a state has to be a Box"):
        joint(Stated())
