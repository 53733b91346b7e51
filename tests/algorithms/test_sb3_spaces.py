"""Stable-Baselines3 on Dicts, Tuples, images and actions of several numbers, beside the library's own policies."""

import dataclasses

import gymnasium
import numpy as np
import pytest
import stable_baselines3
import torch
from gymnasium import spaces
from rlbench_sb3 import rlbench_algorithms
from rlbench_sb3.spaces import library_view, shown_observations
from stable_baselines3.common.vec_env import VecNormalize
from support.rich_environments import CAMERA, PARTS

from rlbench import Device, EvaluationProtocol, SeedStreams, Task, TaskInfo
from rlbench.api import Wrapper
from rlbench.envs.gymnasium_backend import make_batch, make_env
from rlbench.envs.nested_observation import NestedObservation, NestedVectors
from rlbench.plugins.config_model import configure
from rlbench.runtime.evaluation import Evaluator
from rlbench.suites.compatibility import adapted, incompatibility
from rlbench.testing import play

SPECS = {spec.name.removeprefix("sb3/"): spec for spec in rlbench_algorithms()}
OFF = {"learning_starts": 20, "batch_size": 8, "buffer_size": 60, "net_arch": (8,), "n_envs": 2}
ON = {"n_steps": 10, "net_arch": (8,), "n_envs": 2}
SMALL = {"a2c": ON, "ppo": ON | {"batch_size": 10, "n_epochs": 1}, "trpo": ON | {"batch_size": 10}}
NESTED = "rlbench.envs.nested_observation:NestedObservation"
IMAGE = "rlbench.envs.image_observation:ImageObservation"
SEEING = [name for name, spec in SPECS.items() if spec.supports.pixels]


def actions_of(name):
    return "discrete" if SPECS[name].supports.discrete else "box"


def small(name, env_id, wrapper, steps=60, kwargs=None, **params):
    algorithm = SPECS[name].load()
    config = configure(algorithm.Config, SMALL.get(name, OFF) | params, name)
    return play(algorithm, config, env_id, [3], steps, kwargs=kwargs or {}, wrappers=[Wrapper(wrapper)], every=30)


def loaded(name, played, env_id, wrapper, kwargs=None, **params):
    """The published policy in a new algorithm, and an evaluator."""
    task = Task(env_id, 60, EvaluationProtocol(), kwargs or {})
    task, _ = adapted(task, spaces_of(env_id, kwargs), SPECS[name].supports)
    assert [w.name for w in task.wrappers] == [wrapper]  # what a suite would have planned
    env, algorithm = make_env(task), SPECS[name].load()
    info = TaskInfo(env_id, env.observation_space, env.action_space, 2, 60)
    config = configure(algorithm.Config, SMALL.get(name, OFF) | params, name)
    again = algorithm(config, info, SeedStreams([3]), Device())
    again.load_final_state({n: array.copy() for n, array in played.algorithm.final_state().items()})
    return again, Evaluator(make_batch(task, 2), 2, again.streams)


def spaces_of(env_id, kwargs=None):
    env = gymnasium.make(env_id, **(kwargs or {}))
    return env.observation_space, env.action_space


def by_hand(observed):
    """One observation of Parts as the library takes it, written out."""
    seen = {
        "arm/angle": observed["arm"]["angle"],
        "arm/height_now": np.array([observed["arm"]["height.now"]]),  # a dot separates modules of torch
        "keys_": observed["keys"] - [1, 0],  # ModuleDict.keys is a method
        "lights": observed["lights"],
        "pair/0": observed["pair"][0] - 2,
        "pair/1": observed["pair"][1],
    }
    return seen | ({"camera": observed["camera"].transpose(2, 0, 1)} if "camera" in observed else {})


CASES = [
    *((name, PARTS, NESTED, {"actions": actions_of(name)}) for name in SEEING),
    *((name, PARTS, NESTED, {"actions": actions_of(name), "image": True}) for name in ("ppo", "sac")),
    *((name, CAMERA, IMAGE, {"actions": actions_of(name)}) for name in SEEING),
    ("dqn", CAMERA, IMAGE, {"gray": True}),
    *((name, PARTS, NESTED, {"actions": kind}) for name in SMALL for kind in ("multi_discrete", "multi_binary")),
]


def named(case):
    name, env_id, _, kwargs = case
    return "-".join([name, "camera" if env_id == CAMERA else "parts", *(str(value) for value in kwargs.values())])


@pytest.mark.parametrize(("name", "env_id", "wrapper", "kwargs"), CASES, ids=map(named, CASES))
def test_a_published_policy_plays_its_final_evaluation_again(name, env_id, wrapper, kwargs):
    if env_id == CAMERA and kwargs.get("gray"):
        played = small(name, env_id, wrapper, kwargs=kwargs)
        assert played.algorithm.model.observation_space == spaces.Box(0, 255, (1, 40, 36), np.uint8)
        return
    params = {"normalize_obs": True, "normalize_reward": True}
    played = small(name, env_id, wrapper, kwargs=kwargs, **params)
    model = played.algorithm.model
    assert played.outcome.steps == model.num_timesteps == 60 and len(played.sink.evaluations) == 3
    kind = "CnnPolicy" if env_id == CAMERA else "MultiInputPolicy"
    assert type(model.policy) is model.policy_aliases[kind] and model._n_updates > 0
    again, evaluator = loaded(name, played, env_id, wrapper, kwargs, **params)
    for _ in range(2):
        found = evaluator.play(again.policy("greedy"), "final", 60, 2)
        assert tuple(found.returns[0]) == played.sink.evaluations[-1].returns
    published, taken = played.algorithm.final_state(), again.final_state()
    assert {n: a.tobytes() for n, a in published.items()} == {n: a.tobytes() for n, a in taken.items()}
    assert any(n.startswith("obs_rms.") for n in published) == (kind == "MultiInputPolicy")
    assert played.of_seed(3) == small(name, env_id, wrapper, kwargs=kwargs, **params).of_seed(3)


@pytest.mark.parametrize("image", [False, True])
def test_the_actions_are_those_of_the_librarys_predict_on_the_same_observations(image):
    kwargs = {"image": image}
    played = small("ppo", PARTS, NESTED, kwargs=kwargs)
    env = gymnasium.make(PARTS, **kwargs, disable_env_checker=True)
    observed = [env.reset(seed=0)[0], *(env.step(1)[0] for _ in range(4))]
    vectors = np.stack([NestedObservation(env).observation(one) for one in observed])
    ours = played.algorithm.act(vectors[None])
    theirs = [played.algorithm.model.predict(by_hand(one), deterministic=True)[0] for one in observed]
    assert ours.shape == (1, 5) and ours[0].tolist() == [int(action) for action in theirs]
    seen = played.algorithm.shown.of(vectors)
    for i, one in enumerate(observed):
        expected = by_hand(one)
        assert seen.keys() == expected.keys()
        for key in seen:
            assert np.array_equal(seen[key][i], np.asarray(expected[key], seen[key].dtype)) or key == "arm/height_now"
            assert seen[key][i].shape == np.shape(expected[key])
        assert seen["arm/height_now"][i] == pytest.approx(expected["arm/height_now"], rel=1e-6)  # float64 is rounded


def test_images_reach_the_network_as_the_environment_gave_them():
    played = small("ppo", CAMERA, IMAGE)
    env = gymnasium.make(CAMERA, disable_env_checker=True)
    images = np.stack([env.reset(seed=seed)[0] for seed in range(4)])
    ours = played.algorithm.act(images.transpose(0, 3, 1, 2)[None])[0]
    assert ours.tolist() == played.algorithm.model.predict(images.transpose(0, 3, 1, 2), deterministic=True)[0].tolist()
    buffer = played.algorithm.model.rollout_buffer
    assert buffer.observation_space == spaces.Box(0, 255, (3, 40, 36), np.uint8)
    replayed = small("dqn", CAMERA, IMAGE).algorithm.model.replay_buffer.observations
    assert replayed.dtype == np.uint8 and replayed.shape[2:] == (3, 40, 36)


@pytest.mark.parametrize(("env_id", "wrapper"), [(PARTS, NESTED), (CAMERA, IMAGE)])
@pytest.mark.parametrize("name", ["ppo", "dqn", "sac", "qrdqn"])
def test_the_network_is_the_librarys_own(name, env_id, wrapper):
    kwargs = {"actions": actions_of(name)}
    played = small(name, env_id, wrapper, kwargs=kwargs)
    task, _ = adapted(Task(env_id, 1, kwargs=kwargs), spaces_of(env_id, kwargs), SPECS[name].supports)
    policy, buffer = (
        "CnnPolicy" if env_id == CAMERA else "MultiInputPolicy",
        {} if name == "ppo" else {"buffer_size": 9},
    )
    library = type(played.algorithm.model)
    theirs = library(policy, library_view(make_env(task)), policy_kwargs={"net_arch": [8]}, device="cpu", **buffer)
    shapes = {n: tuple(v.shape) for n, v in theirs.policy.state_dict().items()}
    assert shapes == {n: v.shape[1:] for n, v in played.learned.items() if not n.startswith("obs_rms")}


def test_what_normalize_obs_scales_is_what_the_librarys_wrapper_scales():
    player = small("ppo", PARTS, NESTED, kwargs={"image": True}, normalize_obs=True, clip_obs=0.9).algorithm
    vector = player.model.env
    assert isinstance(vector, VecNormalize) and vector.norm_obs_keys == ["arm/angle", "arm/height_now", "pair/1"]
    env = NestedObservation(gymnasium.make(PARTS, image=True, disable_env_checker=True))
    obs = np.stack([env.reset(seed=seed)[0] for seed in range(30)])
    seen, theirs = player.normalized(obs[None]), vector.normalize_obs(player.shown.of(obs))
    assert all(np.array_equal(seen[key], theirs[key]) and seen[key].dtype == theirs[key].dtype for key in theirs)
    assert abs(seen["arm/angle"]).max() == np.float32(0.9) and seen["camera"].dtype == np.uint8
    pixels = small("ppo", CAMERA, IMAGE, normalize_obs=True).algorithm
    assert pixels.statistics == {} and not isinstance(pixels.model.env, VecNormalize)


@pytest.mark.parametrize(("kind", "outcomes"), [("multi_discrete", (2, 3, 4, 2)), ("multi_binary", (2, 2, 2, 2))])
def test_sampled_actions_of_several_numbers_have_the_librarys_distribution(kind, outcomes):
    algorithm = small("ppo", PARTS, NESTED, kwargs={"actions": kind}).algorithm
    with torch.no_grad():
        algorithm.network.action_net.bias += torch.linspace(-1, 1, len(algorithm.network.action_net.bias))
    env = NestedObservation(gymnasium.make(PARTS, actions=kind, disable_env_checker=True))
    obs = np.tile(env.reset(seed=0)[0], (1, 6000, 1))
    before = torch.get_rng_state()
    with algorithm.streams.only("evaluate"):
        drawn = algorithm.policy("sampled")(obs, None)
    assert torch.equal(before, torch.get_rng_state())
    space = env.action_space
    assert drawn.shape == (1, 6000, 2, 2) and drawn.dtype == space.dtype and space.contains(drawn[0, 0])
    theirs = algorithm.network.predict(algorithm.shown.of(obs[0]), deterministic=False)[0].astype(int)
    ours = (drawn[0] - getattr(space, "start", 0)).reshape(6000, 4)
    for column, count in enumerate(outcomes):
        shares = [np.bincount(rows[:, column], minlength=count) / 6000 for rows in (ours, theirs)]
        assert shares[0] == pytest.approx(shares[1], abs=0.03) and len(shares[0]) == count


def test_a_number_without_axes_becomes_a_vector_of_one():
    shown = shown_observations(spaces.Box(-2, 2, ()))
    assert shown.space == spaces.Box(-2, 2, (1,)) and shown.of(np.array([0.5, 1])).tolist() == [[0.5], [1]]


def test_a_part_without_numbers_does_not_reach_the_library():
    parts = spaces.Dict({"none": spaces.Box(-1, 1, (0,)), "some": spaces.Box(-1, 1, (2,))})
    shown = shown_observations(NestedVectors(parts))
    assert list(shown.space) == ["some"]
    assert {key: value.tolist() for key, value in shown.of(np.float32([[3, 4]])).items()} == {"some": [[3, 4]]}


def test_keys_that_torch_cannot_take_get_others():
    space = spaces.Dict(
        {"a.b": spaces.Discrete(2), "a_b": spaces.Discrete(2), "": spaces.Discrete(2), "pop": spaces.Discrete(2)}
    )
    shown = shown_observations(NestedVectors(space))
    assert list(shown.space.keys()) == ["_", "a_b", "a_b_", "pop_"]
    torch.nn.ModuleDict({key: torch.nn.Identity() for key in shown.space})
    assert [value.tolist() for value in shown.of(np.array([[1, 0, 0, 1, 1, 0, 0, 1]])).values()] == [[0], [1], [0], [1]]


def test_a_plain_vector_is_given_to_the_library_as_before():
    env = gymnasium.make("CartPole-v1")
    assert library_view(env) is env


@pytest.mark.parametrize("name", SPECS)
def test_what_an_algorithm_supports_is_what_its_library_has(name):
    supports, aliases = SPECS[name].supports, SPECS[name].load().library.policy_aliases
    assert supports.pixels == ("CnnPolicy" in aliases) and supports.nested == ("MultiInputPolicy" in aliases)
    _, shown = adapted(Task(CAMERA, 1), (spaces.Box(0, 255, (35, 36, 3), np.uint8), spaces.Discrete(2)), supports)
    told = dataclasses.replace(SPECS[name], name=name)
    if supports.discrete:
        reason = incompatibility(told, *shown)
        assert ("35 × 36" in reason and "36 × 36" in reason) if supports.pixels else "images" in reason


def test_the_smallest_image_is_the_smallest_that_the_librarys_network_takes():
    for size, fits in ((36, True), (35, False)):
        try:
            stable_baselines3.common.torch_layers.NatureCNN(spaces.Box(0, 255, (3, size, size), np.uint8))
        except RuntimeError:
            assert not fits
        else:
            assert fits
