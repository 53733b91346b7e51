"""The envpool backend at the boundary: true successors, ends told apart, exact metering, seeds apart, no exact resume."""

import dataclasses
import json
import os
import subprocess
import sys

import gymnasium
import numpy as np
import psutil
import pytest
import rlbench_envpool
from rlbench_envpool import tasks
from rlbench_envpool.batch import EnvPoolBatch
from rlbench_envpool.single import EnvPoolEnv
from rlbench_ppo.ppo import PPO
from support.transitions import arrays_of

from rlbench import Algorithm, RlbenchError
from rlbench.api import Run, Task, Wrapper
from rlbench.envs.meter import Meter
from rlbench.envs.metered_batch import MeteredBatch
from rlbench.plugins import load_plugins
from rlbench.seeding import OneStream, SeedStreams, environment_seeds
from rlbench.testing import play

envpool = pytest.importorskip("envpool", reason='needs EnvPool: pip install "rlbench[envpool]"')
BACKEND = rlbench_envpool.rlbench_env_backends()[0]
SEED = 3
STACKS = ([SEED], [7, SEED, 11, 5])


def opened(env_id, seeds, num_envs, kwargs=None, budget=1 << 40):
    """A metered batch, begun; its episodes as they end."""
    streams, episodes = SeedStreams(seeds), []
    lanes = [environment_seeds(streams, *divmod(lane, num_envs), True) for lane in range(len(seeds) * num_envs)]
    envs = BACKEND.make_streams(Task(env_id, budget, kwargs=kwargs or {}, backend="envpool"), [s[0] for s in lanes])
    batch = MeteredBatch(envs, streams, num_envs, Meter(budget, episodes.append), lanes)
    batch.reset()
    return batch, streams, episodes


def walk(batch, streams, steps):
    """Random steps."""
    space = batch._envs.action_space
    return [batch.step(streams.sample("explore", space, batch.obs.shape[:2])) for _ in range(steps)]


# -- transitions -------------------------------------------------------------------------------------------------
def test_every_transition_is_one_of_the_game_and_the_successor_is_true():
    """CartPole moves its cart by 0.02 of its speed and pays 1 a step; the step that EnvPool puts after an end does neither."""
    batch, streams, episodes = opened("CartPole-v1", (1, 2, 3), 2)
    ends = 0
    for _ in range(600):
        t = batch.step(streams.sample("explore", batch._envs.action_space, (3, 2)))
        np.testing.assert_allclose(t.next_obs[..., 0], t.obs[..., 0] + 0.02 * t.obs[..., 1], atol=1e-6)
        assert (t.reward == 1).all()
        beyond = (np.abs(t.next_obs[..., 0]) > 2.4) | (np.abs(t.next_obs[..., 2]) > 12 * np.pi / 180)
        assert (t.terminated == beyond).all() and not t.truncated.any()
        np.testing.assert_array_equal(batch.obs[~t.terminated], t.next_obs[~t.terminated])
        assert (np.abs(batch.obs[t.terminated]) <= 0.05).all()  # where its episodes begin
        ends += int(t.terminated.sum())
    assert len(episodes) == ends > 100


def test_steps_are_metered_exactly():
    batch, streams, episodes = opened("CartPole-v1", (1, 2), 3)
    walk(batch, streams, 400)
    assert batch._meter.steps == 1200
    assert all(e.length == e.return_ for e in episodes)
    open_steps = {1: 0, 2: 0}
    for lane, began in enumerate(batch._first_step):
        open_steps[batch.seeds[lane // 3]] += batch._clock - began
    for seed in (1, 2):
        assert sum(e.length for e in episodes if e.seed == seed) + open_steps[seed] == 1200
    assert [e.episode for e in episodes if (e.seed, e.rank) == (2, 1)] == list(
        range(sum((e.seed, e.rank) == (2, 1) for e in episodes))
    )


@pytest.mark.parametrize(("kwargs", "limit"), [({}, 200), ({"max_episode_steps": 37}, 37)])
def test_the_time_limit_truncates_and_does_not_terminate(kwargs, limit):
    batch, streams, episodes = opened("MountainCar-v0", (4,), 2, kwargs)
    for k, t in enumerate(walk(batch, streams, 3 * limit)):
        assert not t.terminated.any() and (t.truncated == ((k + 1) % limit == 0)).all()
        moved = np.where(t.next_obs[..., 0] <= -1.2, -1.2, t.obs[..., 0] + t.next_obs[..., 1])
        np.testing.assert_allclose(t.next_obs[..., 0], moved, atol=1e-6)  # at the limit too
    assert {(e.length, e.return_, e.end) for e in episodes} == {(limit, -limit, "truncated")} and len(episodes) == 6


def test_an_episode_that_terminates_at_its_time_limit_is_both_as_in_gymnasium():
    """EnvPool itself says truncated alone, so that a learner would bootstrap from a pole that has fallen."""

    def push(batch, until):
        for k in range(1, until + 1):
            t = batch.step(np.ones((1, 1), np.int64))
            if t.terminated.any() or t.truncated.any():
                return k, bool(t.terminated[0, 0]), bool(t.truncated[0, 0])
        return None

    falls, *_ = push(opened("CartPole-v1", (0,), 1)[0], 100)
    batch, _, episodes = opened("CartPole-v1", (0,), 1, {"max_episode_steps": falls})
    assert push(batch, falls) == (falls, True, True) and episodes[0].end == "terminated"
    env = gymnasium.make("CartPole-v1")
    env.reset(seed=0)
    falls = next(k for k in range(1, 100) if env.step(1)[2])
    env = gymnasium.make("CartPole-v1", max_episode_steps=falls)
    env.reset(seed=0)
    assert [env.step(1)[2:4] for _ in range(falls)][-1] == (True, True)

    seed = environment_seeds(SeedStreams([0]), 0, 0, True)[0]
    own = envpool.make_gymnasium("CartPole-v1", num_envs=1, seed=[seed], max_episode_steps=batch._clock, num_threads=1)
    own._reset(np.zeros(1, np.int32))
    names = list(own._state_keys)
    own._recv()
    for _ in range(batch._clock):
        own._send([np.zeros(1, np.int32), np.zeros(1, np.int32), np.ones(1, np.int32)])
        state = dict(zip(names, own._recv()))
    assert state["done"][0] and state["trunc"][0]


def test_arrays_are_the_callers_to_keep():
    batch, streams, _ = opened("CartPole-v1", (1, 2), 2)
    kept = walk(batch, streams, 100)
    copies = [[x.copy() for x in arrays_of(t)] for t in kept]
    walk(batch, streams, 300)
    assert all(np.array_equal(x, y) for t, c in zip(kept, copies) for x, y in zip(arrays_of(t), c))


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("env_id", ["CartPole-v1", "MountainCarContinuous-v0", "HalfCheetah-v5"])
def test_shapes_and_dtypes_are_the_reference_backends(env_id):
    task = Task(env_id, 1)
    reference, ours = BACKEND.make_batch(task, 2), EnvPoolBatch(task, [1, 2])
    assert reference.observation_space == ours.observation_space and reference.action_space == ours.action_space
    actions = SeedStreams([0]).sample("explore", ours.action_space, (1, 2))[0]
    shown = []
    for batch, rows in ((reference, actions.tolist() if actions.ndim == 1 else list(actions)), (ours, actions)):
        first = [batch.reset(lane, seed) for lane, seed in ((0, 1), (1, 2))]
        shown.append([(x.dtype, x.shape) for x in (*first, *batch.step(range(2), rows))])
    assert shown[0] == shown[1]
    single = EnvPoolEnv(task)
    obs, _ = single.reset(seed=1)
    assert single.observation_space.contains(obs) and single.observation_space.contains(single.step(actions[0])[0])


# -- seeds -------------------------------------------------------------------------------------------------------
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("env_id", ["CartPole-v1", "Acrobot-v1", "MountainCarContinuous-v0", "Hopper-v5"])
def test_a_seeds_environments_do_not_depend_on_its_stack_mates(env_id):
    shown = []
    for seeds in STACKS:
        batch, streams, episodes = opened(env_id, seeds, 3)
        place = seeds.index(SEED)
        steps = [[x[place].tobytes() for x in arrays_of(t)] for t in walk(batch, streams, 500)]
        shown.append((steps, [e for e in episodes if e.seed == SEED]))
    assert shown[0] == shown[1] and (shown[0][1] or env_id == "MountainCarContinuous-v0")


@pytest.mark.parametrize("env_id", ["CartPole-v1", "MountainCarContinuous-v0"])
def test_a_run_does_not_depend_on_its_stack_mates(env_id):
    config = PPO.Config(batch_size=33, n_envs=3, n_steps=11, net_arch=(32,), n_epochs=2)
    alone, stacked = [play(PPO, config, env_id, s, 330, every=99, backend=BACKEND).of_seed(SEED) for s in STACKS]
    assert alone == stacked and len(alone["evaluations"]) == 4


def test_environments_and_episodes_of_a_seed_differ():
    batch, streams, episodes = opened("CartPole-v1", (1, 2), 3)
    assert len({obs.tobytes() for obs in batch.obs.reshape(6, 4)}) == 6
    first = {batch.obs[0, 0].tobytes()}
    for _ in range(300):
        if walk(batch, streams, 1)[0].terminated[0, 0]:
            first.add(batch.obs[0, 0].tobytes())
    assert len(first) == 1 + sum((e.seed, e.rank) == (1, 0) for e in episodes) > 5


def test_an_environment_alone_is_the_same_as_in_a_batch():
    """So a library that owns its loop sees the episodes that a stacked loop of the same seed would."""
    batch, _, _ = opened("CartPole-v1", (1, SEED), 2)
    env, seeds = (
        BACKEND.make_env(Task("CartPole-v1", 1, backend="envpool")),
        environment_seeds(SeedStreams([SEED]), 0, 1, True),
    )
    obs, _ = env.reset(seed=seeds[0])
    for k in range(200):
        np.testing.assert_array_equal(obs, batch.obs[1, 1])
        t = batch.step(np.full((2, 2), k // 3 % 2))
        obs, reward, terminated, truncated, _ = env.step(np.int64(k // 3 % 2))
        assert (reward, terminated, truncated) == (1, t.terminated[1, 1], t.truncated[1, 1])
        np.testing.assert_array_equal(obs, t.next_obs[1, 1])
        if terminated:
            obs, _ = env.reset(seed=seeds[1])
    env.close()


def test_a_parked_seed_stands_still_and_leaves_the_others_bits_alone():
    (whole, streams, _), (parked, again, episodes) = (opened("MountainCarContinuous-v0", (1, 2, 3), 2) for _ in "ab")
    for k in range(1100):  # past the time limit of 999
        actions = streams.sample("explore", whole._envs.action_space, (3, 2))
        broken = again.sample("explore", parked._envs.action_space, (3, 2))
        if k >= 10:
            broken[1] = np.nan
        t, u = whole.step(actions), parked.step(broken)
        if k == 10:
            stands = u.next_obs[1].copy()
        for x, y in zip(arrays_of(t), arrays_of(u)):
            assert x[[0, 2]].tobytes() == y[[0, 2]].tobytes()
        if k >= 10:
            np.testing.assert_array_equal(u.next_obs[1], stands)
            assert not u.reward[1].any() and not u.truncated[1].any()
    assert parked.active.tolist() == [True, False, True] and {e.seed for e in episodes} == {1, 3}


def test_keys_of_the_two_backends_are_apart():
    run = Run("dqn", {}, Task("CartPole-v1", 1000), 0)
    other = dataclasses.replace(run, task=dataclasses.replace(run.task, backend="envpool"))
    assert run.key != other.key and run.name != other.name


class Fixed(Algorithm):
    """Balances the pole by its angle alone; learns nothing."""

    def train(self, interaction):
        interaction.reset()
        while not interaction.finished:
            interaction.step(self.act(interaction.obs))

    def act(self, obs):
        return (obs[..., 2] > 0).astype(np.int64)


def test_evaluation_episodes_are_those_of_every_other_run():
    """Also of a run on Gymnasium: evaluation environments are Gymnasium's on either backend."""
    played = [play(Fixed, None, "CartPole-v1", [1], 200, every=100, episodes=3, backend=b) for b in (None, BACKEND)]
    assert [e.returns for e in played[0].sink.evaluations] == [e.returns for e in played[1].sink.evaluations]
    assert played[0].sink.episodes != played[1].sink.episodes


def test_evaluation_changes_no_training():
    with_, without = (play(Fixed, None, "CartPole-v1", [1, 2], 300, every=e, backend=BACKEND) for e in (50, 0))
    assert with_.sink.episodes == without.sink.episodes


# -- resume ------------------------------------------------------------------------------------------------------
SUITE = """
name: envpool
algorithms: [{id: dqn, params: {net_arch: [16], learning_starts: 50}}]
environments: [{id: CartPole-v1, steps: 600, backend: envpool}]
seeds: 2
evaluation: {every: 200, episodes: 2, final_episodes: 2}
checkpoint_every: 100
"""


def rlbench(*arguments, fail_at=""):
    command = [sys.executable, "-m", "rlbench.cli.main", *map(str, arguments)]
    return subprocess.run(command, env={**os.environ, "RLBENCH_FAIL_AT": fail_at}, capture_output=True, text=True)


@pytest.mark.faults
def test_an_interrupted_run_starts_again_and_says_so(tmp_path):
    suite, folder = tmp_path / "suite.yaml", tmp_path / "out"
    suite.write_text(SUITE)
    before = rlbench("check", suite, "-o", folder)
    assert "resumes: no, on CartPole-v1: envpool cannot restore its environments" in before.stdout
    assert rlbench("run", suite, "-o", folder, "--retries", "0", fail_at="evaluated:2").returncode == 1
    assert not list(folder.glob("attempts/*/checkpoints/*"))
    again = rlbench("run", suite, "-o", folder)
    message = "starts again at step 0: envpool cannot restore its environments"
    assert again.returncode == 0 and message in again.stdout + again.stderr
    whole = rlbench("run", suite, "-o", tmp_path / "whole")
    assert whole.returncode == 0, whole.stderr
    results = [json.loads(p.read_text()) for p in sorted(tmp_path.glob("*/runs/*/result.json"))]
    assert {(r["resumed_from"], r["resumable"], r["resume"]) for r in results} == {(0, False, "exact")}
    assert all(r["environment_backend"].startswith(f"envpool {envpool.__version__}, ev") for r in results)
    policies = [[p.read_bytes() for p in sorted(tmp_path.glob(f"{d}/runs/*/*.safetensors"))] for d in ("out", "whole")]
    assert policies[0] == policies[1] and len(policies[0]) == 2


@pytest.mark.faults
def test_approximately_it_goes_on_in_new_episodes_and_is_marked(tmp_path):
    suite, folder = tmp_path / "suite.yaml", tmp_path / "out"
    suite.write_text(SUITE + "resume: approximate\n")
    assert rlbench("run", suite, "-o", folder, "--retries", "0", fail_at="evaluated:2").returncode == 1
    again = rlbench("run", suite, "-o", folder)
    assert again.returncode == 0, again.stderr
    results = [json.loads(p.read_text()) for p in folder.glob("runs/*/result.json")]
    assert all(r["resume"] == "approximate" and 0 < r["resumed_from"] < 600 for r in results)


def test_going_on_approximately_repeats_no_episode():
    batch, streams, _ = opened("CartPole-v1", (1, 2), 1)
    first = batch.obs.copy()
    walk(batch, streams, 100)
    stored = [batch.state(i) for i in range(2)]
    each = [environment_seeds(streams, i, 0) for i in range(2)]
    lanes = [OneStream(s[numbers["episode"][0] + 1]) for s, (numbers, _) in zip(each, stored)]
    envs = BACKEND.make_streams(Task("CartPole-v1", 1, backend="envpool"), [s.seed for s in lanes])
    restored = MeteredBatch(envs, SeedStreams((1, 2)), 1, Meter(1000, lambda e: None), lanes)
    assert not restored.load(stored, approximate=True)
    assert [numbers["episode"][0] + 1 for numbers, _ in stored] == restored._episode
    assert not (restored.obs == first).any() and (np.abs(restored.obs) <= 0.05).all()


# -- refusals ----------------------------------------------------------------------------------------------------
REFUSED = {
    "an id that EnvPool lacks": (Task("MyEnv-v0", 1), "not among the environments of EnvPool"),
    "an id that was not compared": (Task("LunarLander-v3", 1), "not among the environments of EnvPool"),
    "an id that is another task": (Task("Pendulum-v1", 1), "before it limits the speed to 8"),
    "an argument of Gymnasium's": (
        Task("CartPole-v1", 1, kwargs={"sutton_barto_reward": True}),
        "EnvPool takes the arguments max_episode_steps of this task, not sutton_barto_reward",
    ),
    "an argument that is the harness's": (Task("CartPole-v1", 1, kwargs={"num_threads": 8}), "not num_threads"),
    "a wrapper": (Task("CartPole-v1", 1, wrappers=(Wrapper("a.b:C"),)), r"wrappers \(a.b:C\) can wrap Gymnasium's"),
}


@pytest.mark.parametrize(("task", "said"), REFUSED.values(), ids=REFUSED.keys())
def test_what_would_be_another_task_is_refused_with_what_to_do(task, said):
    for make in (BACKEND.make_env, lambda t: BACKEND.make_streams(t, [1])):
        with pytest.raises(RlbenchError, match=said) as raised:
            make(task)
        assert "backend: gymnasium" in str(raised.value)


def test_a_missing_package_is_named_with_its_extra(monkeypatch):
    monkeypatch.setattr(tasks, "find_spec", lambda name: None)
    with pytest.raises(RlbenchError, match=r'pip install "rlbench\[envpool\]"'):
        BACKEND.make_env(Task("CartPole-v1", 1))


@pytest.mark.parametrize("bad", [2, -1])
def test_an_action_that_is_none_is_refused_where_envpool_would_take_it_for_another(bad):
    batch, _, _ = opened("CartPole-v1", (1,), 2)
    with pytest.raises(RlbenchError, match="actions are 0 to 1"):
        batch.step(np.array([[0, bad]]))


def test_actions_of_another_shape_are_refused():
    envs = EnvPoolBatch(Task("MountainCarContinuous-v0", 1), [1, 2])
    with pytest.raises(ValueError, match="reshape"):
        envs.step(range(2), np.zeros((2, 2), np.float32))


def test_another_seed_than_the_streams_is_refused():
    envs, env = EnvPoolBatch(Task("CartPole-v1", 1), [1, 2]), EnvPoolEnv(Task("CartPole-v1", 1))
    with pytest.raises(ValueError, match="cannot reseed"):
        envs.reset(0, 2)
    with pytest.raises(ValueError, match="needs a seed"):
        env.reset()
    env.reset(seed=1)
    with pytest.raises(ValueError, match="cannot reseed"):
        env.reset(seed=2)


def test_an_episode_may_be_given_up():
    envs = EnvPoolBatch(Task("CartPole-v1", 1), [1, 2])
    first = envs.reset(0, 1)
    envs.step([0], [1])
    second = envs.reset(0, 1)
    assert (np.abs(second) <= 0.05).all() and not np.array_equal(first, second)


# -- threads and registration ------------------------------------------------------------------------------------
def test_threads_do_not_grow_with_the_environments_and_end_with_them():
    process = psutil.Process()
    before, counts = process.num_threads(), []
    for lanes in (2, 64):
        envs = EnvPoolBatch(Task("CartPole-v1", 1), list(range(lanes)))
        counts.append(process.num_threads() - before)
        envs.close()
    assert counts[0] == counts[1] and process.num_threads() == before


def test_the_plugin_offers_the_backend_and_needs_no_envpool_to_say_so():
    spec = load_plugins().backend("envpool")
    assert spec.name == "envpool" and not spec.replayable and spec.make_streams is not None
    code = "import sys; from rlbench.plugins import load_plugins; load_plugins().backend('envpool'); sys.exit('envpool' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
