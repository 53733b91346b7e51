"""SBX on images and on actions of several numbers (extra `sbx`)."""

import numpy as np
import pytest
from gymnasium import spaces
from rlbench_sbx import rlbench_algorithms
from support.rich_environments import CAMERA, PARTS

from rlbench import Device, EvaluationProtocol, SeedStreams, Task, TaskInfo
from rlbench.api import Wrapper
from rlbench.envs.gymnasium_backend import make_batch, make_env
from rlbench.plugins.config_model import configure
from rlbench.runtime.evaluation import Evaluator
from rlbench.suites.compatibility import adapted
from rlbench.testing import play

pytest.importorskip("sbx", reason="the extra `sbx` is not installed")

SPECS = {spec.name.removeprefix("sbx/"): spec for spec in rlbench_algorithms()}
IMAGE, FLAT = "rlbench.envs.image_observation:ImageObservation", "rlbench.envs.flat_observation:FlatObservation"
SMALL = {
    "ppo": {"n_steps": 10, "batch_size": 10, "n_epochs": 1, "net_arch": (8,), "n_envs": 2},
    "dqn": {"learning_starts": 20, "batch_size": 8, "buffer_size": 60, "net_arch": (8, 8)},
}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "env_id", "wrapper", "actions"),
    [
        ("ppo", CAMERA, IMAGE, "box"),
        ("dqn", CAMERA, IMAGE, "discrete"),
        ("ppo", PARTS, FLAT, "multi_discrete"),
        ("ppo", PARTS, FLAT, "multi_binary"),
    ],
)
def test_a_published_policy_plays_its_final_evaluation_again(name, env_id, wrapper, actions):
    algorithm, kwargs = SPECS[name].load(), {"actions": actions}
    config = configure(algorithm.Config, SMALL[name] | {"normalize_obs": True}, name)
    played = play(algorithm, config, env_id, [3], 60, kwargs=kwargs, wrappers=[Wrapper(wrapper)])
    model = played.algorithm.model
    assert type(model.policy) is model.policy_aliases["CnnPolicy" if env_id == CAMERA else "MlpPolicy"]
    assert played.outcome.steps == model.num_timesteps == 60
    task = Task(env_id, 60, EvaluationProtocol(), kwargs, (Wrapper(wrapper),))
    env = make_env(task)
    again = algorithm(
        config, TaskInfo(env_id, env.observation_space, env.action_space, 2, 60), SeedStreams([3]), Device()
    )
    again.load_final_state({n: array.copy() for n, array in played.algorithm.final_state().items()})
    evaluator = Evaluator(make_batch(task, 2), 2, again.streams)
    for mode in ("greedy", "sampled") if name == "ppo" else ("greedy",):
        found = [evaluator.play(algorithm_.policy(mode), "final", 60, 2) for algorithm_ in (again, played.algorithm)]
        assert (found[0].returns == found[1].returns).all() and found[0].finite.all()
    env.reset(seed=0)
    seen = np.stack([env.reset(seed=seed)[0] for seed in range(3)])
    theirs = model.policy.predict(played.algorithm.normalized(seen[None]), deterministic=True)[0]
    ours = again.act(seen[None])[0]
    assert ours.shape == (3, *env.action_space.shape) and env.action_space.contains(ours[0])
    start = getattr(env.action_space, "start", 0)
    assert np.array_equal(ours.reshape(3, -1), theirs.reshape(3, -1) + np.ravel(start))


@pytest.mark.parametrize("name", SPECS)
def test_what_an_algorithm_supports_is_what_its_library_has(name):
    supports, library = SPECS[name].supports, SPECS[name].load().library
    assert supports.pixels == ("CnnPolicy" in library.policy_aliases) and not supports.nested
    parts = spaces.Dict({"a": spaces.Discrete(2), "b": spaces.Box(-1, 1, (2,))})
    task, _ = adapted(Task("X-v0", 1), (parts, spaces.Discrete(2)), supports)
    assert [wrapper.name for wrapper in task.wrappers] == [FLAT]
