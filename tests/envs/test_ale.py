"""Atari games by ale-py: what is measured, and that an episode depends on its seed and actions alone."""

import numpy as np
import pytest

from rlbench.api import RlbenchError, Task

pytest.importorskip("ale_py", reason="needs the extra `atari`")
from rlbench_ale.atari_env import DEFAULTS, atari_env

PONG = Task("ALE/Pong-v5", 1000, backend="ale")


def played(env, seed, steps, actions=0):
    draws = np.random.default_rng(actions)
    obs, info = env.reset(seed=seed)
    trace = [obs.tobytes()]
    for _ in range(steps):
        obs, reward, terminated, truncated, info = env.step(draws.integers(env.action_space.n))
        trace.append((obs.tobytes(), reward, terminated, truncated))
        if terminated or truncated:
            break
    return trace, info


def test_an_episode_depends_on_its_seed_and_actions_alone():
    used, fresh = atari_env(PONG), atari_env(PONG)
    first, _ = played(used, 5, 150)
    played(used, 6, 2000)  # to the end of a game
    assert played(used, 5, 150)[0] == first == played(fresh, 5, 150)[0]
    assert played(fresh, 7, 150)[0] != first  # sticky actions are drawn from the seed


def test_a_whole_game_has_the_games_own_rewards_and_four_frames_a_step():
    trace, info = played(atari_env(PONG), 1, 5000)
    total = sum(reward for _, reward, _, _ in trace[1:])
    assert -21 <= total <= -17 and trace[-1][2]  # a random player loses nearly every point, to 21
    assert abs(info["frames"] - 4 * (len(trace) - 1)) < 4  # the last step may end before its fourth frame


def test_rewards_above_1_are_not_clipped():
    trace, _ = played(atari_env(Task("ALE/MsPacman-v5", 1000, backend="ale")), 1, 200)
    assert max(reward for _, reward, _, _ in trace[1:]) == 10


def test_observations_are_the_last_four_frames_and_not_overwritten():
    env = atari_env(PONG)
    first, _ = env.reset(seed=1)
    kept = first.copy()
    second = env.step(2)[0]
    assert first.shape == (4, 84, 84) and first.dtype == np.uint8
    assert (first == kept).all() and (second[:3] == first[1:]).all()


@pytest.mark.parametrize(
    ("task", "message"),
    [
        (Task("ALE/Pongo-v5", 1, backend="ale"), "no game of the backend ale"),
        (Task("Pong", 1, backend="ale"), "no game of the backend ale"),
        (Task("ALE/Pong-v5", 1, backend="ale", kwargs={"reward_clipping": True}), "reward_clipping cannot be set"),
        (Task("ALE/Pong-v5", 1, backend="ale", kwargs={"episodic_life": True}), "episodic_life cannot be set"),
        (Task("ALE/Pong-v5", 1, backend="ale", kwargs={"sticky": 0.1}), "unknown argument 'sticky'"),
    ],
)
def test_another_game_or_argument_is_refused_with_what_to_do(task, message):
    with pytest.raises(RlbenchError, match=message):
        atari_env(task)


def test_every_game_of_the_library_is_found_by_its_gymnasium_id():
    import ale_py
    import gymnasium
    from rlbench_ale.atari_env import _rom_of

    gymnasium.register_envs(ale_py)
    ids = [name for name in gymnasium.registry if name.startswith("ALE/") and name.endswith("-v5")]
    assert len(ids) > 100
    assert {name: _rom_of(name) for name in ids} == {name: gymnasium.spec(name).kwargs["game"] for name in ids}


def test_the_default_protocol_is_that_of_machado():
    assert DEFAULTS["repeat_action_probability"] == 0.25 and DEFAULTS["noop_max"] == 0
