"""EnvPool's environments are Gymnasium's: one step from the same state, first observations, returns of fixed policies."""

from collections.abc import Callable
from typing import NamedTuple

import gymnasium
import numpy as np
import pytest
from rlbench_envpool.batch import EnvPoolBatch
from rlbench_envpool.pool import Pool, task_spec
from rlbench_envpool.tasks import DIFFERENT, TAKEN
from scipy.stats import ks_2samp

from rlbench.api import Task
from rlbench.envs.gymnasium_backend import GymnasiumBatch
from rlbench.seeding import EpisodeSeeds, SeedStreams

pytest.importorskip("envpool", reason='needs EnvPool: pip install "rlbench[envpool]"')
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")
LANES = 16
# Any more and a true difference would be a coincidence: 200 p-values or so are drawn here, once and for all.
SURE = 1e-4


def angles(*pairs):
    return [np.arctan2(sine, cosine) for cosine, sine in pairs]


def body(hidden: int, env, obs):
    """Positions but the first `hidden`, then velocities, as MuJoCo's observations begin; where it is plays no part."""
    positions, velocities = env.model.nq, env.model.nv
    env.set_state(
        np.concatenate([np.zeros(hidden), obs[: positions - hidden]]),
        obs[positions - hidden : positions - hidden + velocities],
    )


def set_array(env, state):
    env.reset(seed=0)
    env.state = np.array(state, float)


def acrobot(env, o):
    set_array(env, [*angles((o[0], o[1]), (o[2], o[3])), o[4], o[5]])


def pendulum(env, o):
    set_array(env, [*angles((o[0], o[1])), o[2]])


def double_pendulum(env, o):
    env.set_state(np.array([o[0], *angles((o[3], o[1]), (o[4], o[2]))]), o[5:8])


def reacher(env, o):
    env.set_state(np.array([*angles((o[0], o[2]), (o[1], o[3])), *o[4:6]]), np.array([*o[6:8], 0, 0]))


SET_STATE: dict[str, Callable] = {
    "Acrobot-v1": acrobot,
    "CartPole-v1": set_array,
    "MountainCar-v0": set_array,
    "MountainCarContinuous-v0": set_array,
    "Pendulum-v1": pendulum,
    "HalfCheetah-v5": lambda env, o: body(1, env, o),
    "Hopper-v5": lambda env, o: body(1, env, o),
    "InvertedDoublePendulum-v5": double_pendulum,
    "InvertedPendulum-v5": lambda env, o: body(0, env, o),
    "Reacher-v5": reacher,
    "Swimmer-v5": lambda env, o: body(2, env, o),
    "Walker2d-v5": lambda env, o: body(1, env, o),
    "Ant-v5": lambda env, o: body(2, env, o),
    "Humanoid-v5": lambda env, o: body(2, env, o),
    "HumanoidStandup-v5": lambda env, o: body(2, env, o),
}
# Not their defaults. Each argument that is taken stands in one of these.
ARGUMENTS = {"frame_skip": 3, "reset_noise_scale": 0.02, "ctrl_cost_weight": 0.7, "forward_reward_weight": 2.5}
ARGUMENTS |= {"healthy_reward": 3.5, "terminate_when_unhealthy": False}


class Difference(NamedTuple):
    """Of one step from the same state: observations, rewards (the most), terminations (how many); steps compared."""

    obs: float
    reward: float
    terminated: int
    steps: int


def tells_state(env_id, o):
    """Whether an observation is enough to know the state."""
    if env_id in ("Hopper-v5", "Walker2d-v5"):
        return np.abs(o).max() < 10  # faster speeds are not shown
    return env_id != "Reacher-v5" or abs(np.arctan2(o[3], o[1])) < 2.9  # the elbow stops at 3, or softly past π


def compare(env_id, kwargs, steps):
    """Drive EnvPool at random; from each state it shows, let Gymnasium take the same step."""
    task = Task(env_id, 1, kwargs=kwargs)
    spec, streams = task_spec(task), SeedStreams([0])
    pool, ids = Pool(task, spec, range(LANES)), np.arange(LANES, dtype=np.int32)
    env = gymnasium.make(env_id, disable_env_checker=True, **kwargs).unwrapped
    env.reset(seed=0)
    obs, worst, reward_worst, others, compared = pool.reset(ids), 0.0, 0.0, 0, 0
    for t in range(steps):
        actions = streams.sample("actions", spec.action_space, (1, LANES))[0]
        after, reward, terminated, truncated = pool.step(ids, actions)
        for lane in range(t % 4, LANES, 4):
            if not tells_state(env_id, obs[lane]):
                continue
            SET_STATE[env_id](env, obs[lane])
            expected, gained, ended, *_ = env.step(actions[lane])
            worst = max(worst, float(np.abs(expected - after[lane]).max()))
            reward_worst = max(reward_worst, abs(float(gained) - float(reward[lane])))
            others += bool(ended) != bool(terminated[lane])
            compared += 1
        obs = after.copy()
        done = (terminated | truncated).nonzero()[0].astype(np.int32)
        if len(done):
            obs[done] = pool.reset(done)
    pool.close()
    return Difference(worst, reward_worst, others, compared)


def near(difference):
    """float32 rewards, float32 states in classic control; MuJoCo's states are exact."""
    return difference.obs < 2e-6 and difference.reward < 1e-5 and difference.terminated == 0 and difference.steps > 100


@pytest.mark.slow
@pytest.mark.parametrize("env_id", TAKEN)
def test_a_step_from_the_same_state_is_gymnasiums(env_id):
    found = compare(env_id, {}, 300)
    assert near(found), found


@pytest.mark.slow
@pytest.mark.parametrize("env_id", [env_id for env_id, names in TAKEN.items() if set(names) & set(ARGUMENTS)])
def test_its_arguments_mean_what_gymnasiums_do(env_id):
    kwargs = {name: value for name, value in ARGUMENTS.items() if name in TAKEN[env_id]}
    assert {*kwargs, "max_episode_steps"} == set(TAKEN[env_id])
    found = compare(env_id, kwargs, 120)
    assert near(found), found


@pytest.mark.slow
@pytest.mark.parametrize("env_id", DIFFERENT)
def test_what_is_refused_as_different_is_different(env_id):
    """If one of these fails, EnvPool has mended it: let TAKEN have it."""
    found = compare(env_id, {}, 300)
    assert max(found.obs, found.reward) > 1e-3, found


def gymnasium_resets(task, count):
    envs, seeds = GymnasiumBatch(task, 1), EpisodeSeeds(SeedStreams([1]).sequence("test", 0), "training")
    first = np.array([envs.reset(0, seeds[i]) for i in range(count)])
    envs.close()
    return first


@pytest.mark.slow
@pytest.mark.parametrize("env_id", TAKEN)
@pytest.mark.parametrize("episode", [0, 3], ids=["first episode", "fourth episode"])
def test_first_observations_have_gymnasiums_distribution(env_id, episode):
    task = Task(env_id, 1, kwargs={"reset_noise_scale": 0.02} if "reset_noise_scale" in TAKEN[env_id] else {})
    theirs = gymnasium_resets(task, 300)
    seeds = EpisodeSeeds(SeedStreams([2]).sequence("test", 0), "training")
    lane_seeds = [seeds[i] for i in range(300)]
    batch = EnvPoolBatch(task, lane_seeds)
    for _ in range(episode + 1):
        ours = np.array([batch.reset(lane, seed) for lane, seed in enumerate(lane_seeds)])
    batch.close()
    chances = [ks_2samp(a, b).pvalue for a, b in zip(theirs.T, ours.T)]
    assert min(chances) > SURE, chances


def episode_returns(batch, seeds, policy):
    """The return of one episode in each lane."""
    count = len(seeds)
    obs, alive, total = (
        np.array([batch.reset(i, s) for i, s in enumerate(seeds)]),
        np.ones(count, bool),
        np.zeros(count),
    )
    while alive.any():
        lanes = alive.nonzero()[0]
        actions = policy(obs[lanes])
        rows = actions.tolist() if actions.ndim == 1 else list(actions)
        obs[lanes], reward, terminated, truncated = batch.step(lanes.tolist(), rows)
        total[lanes] += reward
        alive[lanes[terminated | truncated]] = False
    return total


POLICIES = {
    "CartPole-v1": lambda obs: (obs[:, 2] > 0).astype(int),
    "Acrobot-v1": lambda obs: np.where(obs[:, 4] > 0, 0, 2),
    "MountainCar-v0": lambda obs: np.where(obs[:, 1] > 0, 2, 0),
    "MountainCarContinuous-v0": lambda obs: np.sign(obs[:, 1:]).astype(np.float32),
    "InvertedPendulum-v5": lambda obs: (2 * obs[:, 1:2]).astype(np.float32),
    "Hopper-v5": lambda obs: np.tanh(obs[:, 5:8] - obs[:, 2:5]).astype(np.float32),
}


@pytest.mark.slow
@pytest.mark.parametrize("env_id", POLICIES)
def test_returns_of_a_fixed_policy_have_gymnasiums_distribution(env_id):
    task, seeds = Task(env_id, 1), EpisodeSeeds(SeedStreams([5]).sequence("test", 0), "training")
    lane_seeds = [seeds[i] for i in range(120)]
    played = []
    for batch in (GymnasiumBatch(task, 120), EnvPoolBatch(task, lane_seeds)):
        played.append(episode_returns(batch, lane_seeds, POLICIES[env_id]))
        batch.close()
    assert len(set(played[0])) > 5  # the policy tells episodes apart
    assert ks_2samp(*played).pvalue > SURE, played
