"""Classic control in step against Gymnasium's own environments: the same bits, whatever is played."""

import numpy as np
import pytest
from gymnasium.spaces import Discrete

from rlbench.api import EvaluationProtocol, RlbenchError, Task, Wrapper
from rlbench.envs import vectorized_classic
from rlbench.envs.classic_control import DYNAMICS
from rlbench.envs.gymnasium_backend import GymnasiumBatch
from rlbench.envs.vectorized_classic import Lanes, vectorized_batch

PROTOCOL = EvaluationProtocol(0, 1, 1)


def task(env_id, kwargs=None, wrappers=()):
    return Task(env_id, 1000, PROTOCOL, kwargs or {}, wrappers)


def drawn(space, rng, count, dtype):
    if isinstance(space, Discrete):
        return rng.integers(space.n, size=count).tolist()
    return list(rng.uniform(-3, 3, (count, *space.shape)).astype(dtype))


@pytest.mark.parametrize(
    ("env_id", "kwargs", "dtype"),
    [
        ("CartPole-v1", {}, None),
        ("CartPole-v1", {"sutton_barto_reward": True}, None),
        ("Acrobot-v1", {}, None),
        ("MountainCar-v0", {}, None),
        ("MountainCar-v0", {"goal_velocity": 0.01}, None),
        ("Pendulum-v1", {}, np.float32),
        ("Pendulum-v1", {}, np.float64),
        ("Pendulum-v1", {"g": 9.81}, np.float32),
    ],
)
@pytest.mark.parametrize("count", [4, 5, 17])
def test_every_episode_is_gymnasiums_bit_for_bit(env_id, kwargs, dtype, count):
    asked, rng = task(env_id, kwargs), np.random.default_rng(count)
    ours, theirs = vectorized_batch(asked, count, GymnasiumBatch), GymnasiumBatch(asked, count)
    assert isinstance(ours, Lanes)
    for lane in range(count):
        assert ours.reset(lane, lane).tobytes() == theirs.reset(lane, lane).tobytes()
    ends, speeds = 0, np.zeros(count)
    for t in range(700):
        some = range(count) if t % 3 else sorted(rng.permutation(count)[: count // 2].tolist())
        actions = drawn(ours.action_space, rng, len(some), dtype)
        if env_id == "MountainCar-v0" and t % 200 > 60:
            actions = [2 if v > 0 else 0 for v in speeds[list(some)]]  # rocks itself to the goal
        found, expected = ours.step(some, actions), theirs.step(some, actions)
        for a, b in zip(found, expected, strict=True):
            assert a.dtype == b.dtype and a.tobytes() == b.tobytes()
        speeds = np.zeros(count)
        speeds[list(some)] = found[0][:, 1]
        for place in (found[2] | found[3]).nonzero()[0].tolist():
            lane, ends = some[place], ends + 1
            assert ours.reset(lane, 1000 * t + lane).tobytes() == theirs.reset(lane, 1000 * t + lane).tobytes()
    assert ends >= count


def test_what_a_step_returns_is_not_written_again():
    batch = vectorized_batch(task("Pendulum-v1"), 4, GymnasiumBatch)
    for lane in range(4):
        batch.reset(lane, lane)
    first = batch.step(range(4), np.zeros((4, 1), np.float32))
    kept = [x.copy() for x in first]
    batch.step(range(4), np.ones((4, 1), np.float32))
    assert all((a == b).all() for a, b in zip(first, kept, strict=True))


def test_an_action_that_does_not_exist_is_an_error():
    batch = vectorized_batch(task("CartPole-v1"), 4, GymnasiumBatch)
    for lane in range(4):
        batch.reset(lane, lane)
    with pytest.raises(RlbenchError, match="is not in Discrete"):
        batch.step(range(4), [0, 1, 2, 0])


@pytest.mark.parametrize(
    "asked",
    [
        task("CartPole-v0"),
        task("CartPole-v1", {"render_mode": "rgb_array"}),
        task("CartPole-v1", wrappers=(Wrapper("gymnasium.wrappers:FlattenObservation", {}),)),
        task("MountainCarContinuous-v0"),
    ],
)
def test_whatever_is_not_exactly_known_stays_gymnasiums(asked):
    assert vectorized_batch(asked, 8, GymnasiumBatch) is None


def test_few_lanes_stay_gymnasiums():
    assert vectorized_batch(task("CartPole-v1"), 3, GymnasiumBatch) is None


def test_dynamics_that_differ_in_one_bit_are_not_used(monkeypatch):
    entry, make = DYNAMICS["Pendulum-v1"]

    class Off(make):
        def step(self, state, actions):
            new, reward, terminated = super().step(state, actions)
            return new, np.nextafter(reward, 0), terminated

    monkeypatch.setitem(DYNAMICS, "Pendulum-v1", (entry, Off))
    monkeypatch.setattr(vectorized_classic, "_MATCHES", {})
    assert vectorized_batch(task("Pendulum-v1"), 8, GymnasiumBatch) is None
