"""Atari games by ale-py: what is measured, and that an episode depends on its seed and actions alone."""

from dataclasses import replace

import numpy as np
import pytest
from rlbench_random import Random

from rlbench.api import RlbenchError, Task, Wrapper
from rlbench.testing import play

pytest.importorskip("ale_py", reason="needs the extra `atari`")
import rlbench_ale
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
    assert first.shape == (4, 84, 84) and first.dtype == np.uint8 and env.observation_space.frames == 4
    assert (first == kept).all() and (second[:3] == first[1:]).all()


@pytest.mark.parametrize(
    ("task", "message"),
    [
        (Task("ALE/Pongo-v5", 1, backend="ale"), "no game of the backend ale"),
        (Task("Pong", 1, backend="ale"), "no game of the backend ale"),
        (Task("ALE/Pong-v5", 1, backend="ale", kwargs={"reward_clipping": True}), "reward_clipping cannot be set"),
        (Task("ALE/Pong-v5", 1, backend="ale", kwargs={"episodic_life": True}), "episodic_life cannot be set"),
        (Task("ALE/Pong-v5", 1, backend="ale", kwargs={"sticky": 0.1}), "unknown argument 'sticky'"),
        (Task("ALE/pong-v5", 1, backend="ale"), r"did you mean ALE/Pong-v5\?"),
        (
            Task("ALE/Pong-v5", 1, backend="ale", wrappers=(Wrapper("gymnasium.wrappers:TimeLimit"),)),
            "ale_py:ALE/Pong-v5",
        ),
        (Task("ALE/Pong-v5", 1, backend="ale", kwargs={"repeat_action_probability": 1.5}), "a number from 0 to 1.0"),
        (Task("ALE/Pong-v5", 1, backend="ale", kwargs={"img_height": 0}), "a whole number from 4 to 210, not 0"),
        (Task("ALE/Pong-v5", 1, backend="ale", kwargs={"max_num_frames_per_episode": -8}), "a whole number from 1 to"),
        (Task("ALE/Pong-v5", 1, backend="ale", kwargs={"full_action_space": "yes"}), "true or false, not 'yes'"),
    ],
)
def test_another_game_or_argument_is_refused_with_what_to_do(task, message):
    with pytest.raises(RlbenchError, match=message):
        atari_env(task)


def test_every_game_for_one_player_is_found_by_its_gymnasium_id():
    import ale_py
    import gymnasium
    from ale_py import roms
    from rlbench_ale.atari_env import _rom_of

    gymnasium.register_envs(ale_py)
    ids = [name for name in gymnasium.registry if name.startswith("ALE/") and name.endswith("-v5")]
    for_two = {"combat", "joust", "maze_craze", "warlords"}
    assert {_rom_of(name) for name in ids} == {str(rom) for rom in roms.get_all_rom_ids()} - for_two
    # Gymnasium's spelling does not follow from the name of the ROM.
    assert _rom_of("ALE/TicTacToe3D-v5") == "tic_tac_toe_3d" and _rom_of("ALE/MsPacman-v5") == "ms_pacman"


def test_the_default_protocol_is_that_of_machado():
    assert DEFAULTS["repeat_action_probability"] == 0.25 and DEFAULTS["noop_max"] == 0


@pytest.mark.slow
def test_a_quarter_of_all_frames_repeats_the_action_of_the_frame_before():
    """Beside an emulator without sticky actions, which tries both the requested and the last action for each frame.

    The request is always another action than the last one, so that each frame shows which of the two was taken. Where
    the pictures of both agree, both are followed until they differ.
    """
    from ale_py import ALEInterface, LoggerMode, roms

    ALEInterface.setLoggerMode(LoggerMode.Error)
    whole = {"frameskip": 1, "stack_num": 1, "img_height": 210, "img_width": 160, "maxpool": False}
    env, emulator = atari_env(Task("ALE/Pong-v5", 1, backend="ale", kwargs=whole)), ALEInterface()
    emulator.setFloat("repeat_action_probability", 0.0)
    emulator.loadROM(roms.get_rom_path("pong"))
    actions, right, left = emulator.getMinimalActionSet(), 2, 3
    frames, repeated, drawn = 20_000, 0, 0
    ended, last = True, (0, 0, 0)  # the last action, how many frames have repeated one, and how many could
    for frame in range(frames):
        if ended:
            repeated, drawn = repeated + last[1], drawn + last[2]
            env.reset(seed=frame)
            emulator.reset_game()
            followed = [(emulator.cloneState(), 0, 0, 0)]
        request = right if followed[0][1] == left else left
        picture, _, ended, _, _ = env.step(request)
        if ended:  # the last picture of a game is not drawn
            continue
        agreeing = {}
        for state, previous, again, of in followed:
            for action in {request, previous}:
                emulator.restoreState(state)
                emulator.act(actions[action])
                if (emulator.getScreenGrayscale() == picture[0]).all():
                    now = emulator.cloneState()
                    counts = again + (action != request), of + (previous != request)
                    agreeing[str(now.__getstate__()), action] = (now, action, *counts)
        followed = list(agreeing.values())
        last = followed[0][1:]
    repeated, drawn = repeated + last[1], drawn + last[2]
    assert drawn > 10_000 and abs(repeated / drawn - 0.25) <= 0.01


@pytest.mark.slow
def test_a_random_player_gets_the_published_score_and_nothing_is_learned_across_a_reset():
    """5,000 steps behind the meter. Random play has −20.7 in Mnih et al. 2015; a game can be lost by 21 at most."""

    class Recorder(Random):
        def train(self, interaction):
            interaction.reset()
            self.seen = []
            while not interaction.finished:
                t = interaction.step(self.draw("explore", interaction.obs))
                self.seen.append(replace(t, obs=t.obs.copy(), next_obs=t.next_obs.copy()))

    (backend,) = rlbench_ale.rlbench_env_backends()
    played = play(Recorder, None, "ALE/Pong-v5", [0], 5_000, backend=backend)
    ends = 0
    for now, then in zip(played.algorithm.seen, played.algorithm.seen[1:]):
        assert (now.next_obs[0, 0, :3] == now.obs[0, 0, 1:]).all()  # one frame later, in the same game
        over = bool(now.terminated[0, 0])
        ends += over
        assert (then.obs == now.next_obs).all() == (not over)
    returns = [episode.return_ for episode in played.sink.episodes]
    assert ends >= 4 and len(returns) >= 4 and -21 <= np.mean(returns) <= -19.5
    rewards = np.concatenate([t.reward.ravel() for t in played.algorithm.seen])
    assert rewards.sum() <= sum(returns) + 21 and set(rewards.tolist()) <= {-1.0, 0.0, 1.0}
