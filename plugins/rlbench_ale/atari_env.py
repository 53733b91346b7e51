"""One game of ale-py's vector environment, whose frames are prepared in C++, as a Gymnasium environment.

Each environment is a vector environment with a single copy of its game. So it is reset with its own seed, and an
episode depends only on that seed and the actions. The library's automatic reset never happens, because the caller
resets after each episode.
The defaults are those of Machado et al. 2018, "Revisiting the Arcade Learning Environment", arXiv:1709.06009: each
action is repeated with a probability of 0.25, the loss of a life ends nothing, and rewards are those of the game.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib.util import find_spec
from typing import Any

import gymnasium
import numpy as np
from numpy.typing import NDArray

from rlbench import FrameStack, RlbenchError, Task

Frames = NDArray[np.uint8]
# Arguments of ale-py's vector environment, with the defaults of this backend.
DEFAULTS: Mapping[str, Any] = {
    "repeat_action_probability": 0.25,
    "full_action_space": False,
    "frameskip": 4,
    "stack_num": 4,
    "img_height": 84,
    "img_width": 84,
    "maxpool": True,
    "noop_max": 0,
    "use_fire_reset": False,
    "max_num_frames_per_episode": 108_000,
}
# The smallest and largest value of each argument that is a number. The other arguments are true or false.
RANGES: Mapping[str, tuple[float, float]] = {
    "repeat_action_probability": (0.0, 1.0),
    "frameskip": (1, 60),
    "stack_num": (1, 64),
    "img_height": (4, 210),
    "img_width": (4, 160),
    "noop_max": (0, 1_000),
    "max_num_frames_per_episode": (1, 10_000_000),
}
# Arguments that would change the measured returns or the observations, with the reason why they are refused.
REFUSED = {
    "reward_clipping": "rewards are measured as the game gives them; algorithms clip what they learn (clip_reward)",
    "episodic_life": "an episode ends when the game ends, so that returns are those of whole games",
    "grayscale": "images are grey, with one frame in each channel",
}


def atari_env(task: Task) -> AtariEnv:
    """Make the game of a task. Raises: RlbenchError for an unknown game or argument, or without ale-py."""
    if find_spec("ale_py") is None:
        raise RlbenchError('the backend ale needs a package that is not installed: pip install "rlbench[atari]"')
    if task.wrappers:
        names = ", ".join(wrapper.name for wrapper in task.wrappers)
        raise RlbenchError(
            f"wrappers ({names}) can wrap Gymnasium's environments; for them, write ale_py:{task.env_id}"
        )
    for name, value in task.kwargs.items():
        if name in REFUSED:
            raise RlbenchError(f"{name} cannot be set: {REFUSED[name]}")
        if name not in DEFAULTS:
            raise RlbenchError(f"unknown argument {name!r}; the backend ale takes {', '.join(DEFAULTS)}")
        _check(name, value)
    return AtariEnv(_rom_of(task.env_id), {**DEFAULTS, **task.kwargs})


def _check(name: str, value: Any) -> None:
    """Check an argument's type and range. Raises: RlbenchError."""
    if name not in RANGES:
        if not isinstance(value, bool):
            raise RlbenchError(f"{name} should be true or false, not {value!r}")
        return
    low, high = RANGES[name]
    kinds, what = ((int, float), "a number") if isinstance(low, float) else ((int,), "a whole number")
    if isinstance(value, bool) or not isinstance(value, kinds) or not low <= value <= high:
        raise RlbenchError(f"{name} should be {what} from {low:g} to {high:,}, not {value!r}")


def _rom_of(env_id: str) -> str:
    """Return the name of a game's ROM: "ALE/SpaceInvaders-v5" is space_invaders. Raises: RlbenchError."""
    import ale_py  # registers its games

    gymnasium.register_envs(ale_py)
    # The ROM is looked up, because an id does not determine its spelling: "ALE/TicTacToe3D-v5" is tic_tac_toe_3d.
    known = [name for name in gymnasium.registry if name.startswith("ALE/") and name.endswith("-v5")]
    if env_id in known:
        return str(gymnasium.registry[env_id].kwargs["game"])
    same = next((name for name in known if name.lower() == env_id.lower()), None)
    hint = f"did you mean {same}?" if same else "its ids look like ALE/Pong-v5"
    raise RlbenchError(f"{env_id!r} is no game of the backend ale; {hint}")


class AtariEnv(gymnasium.Env[Frames, Any]):
    """A game whose observations are the last frames [stack_num, img_height, img_width] as bytes.

    `info` has `frames`, the number of the game's frames since the episode began, and `lives`.
    """

    metadata = {"render_modes": ["rgb_array"], "render_fps": 15}

    def __init__(self, rom: str, settings: Mapping[str, Any]) -> None:
        from ale_py.vector_env import AtariVectorEnv

        self._games = AtariVectorEnv(
            rom, 1, num_threads=1, reward_clipping=False, episodic_life=False, grayscale=True, **settings
        )
        stacks: Any = FrameStack(0, 255, settings["stack_num"], self._games.single_observation_space.shape)
        self.observation_space = stacks
        self.action_space = self._games.single_action_space
        self._last: Frames = np.zeros(self.observation_space.shape or (), np.uint8)

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Frames, dict[str, Any]]:
        super().reset(seed=seed)
        frames, info = self._games.reset(seed=np.array([-1 if seed is None else seed]))
        self._last = frames[0].copy()  # the library reuses its memory
        return self._last, _of_game(info)

    def step(self, action: Any) -> tuple[Frames, float, bool, bool, dict[str, Any]]:
        frames, reward, terminated, truncated, info = self._games.step(np.array([action], np.int64))
        self._last = frames[0].copy()
        return self._last, float(reward[0]), bool(terminated[0]), bool(truncated[0]), _of_game(info)

    def render(self) -> Any:
        """Return the newest frame as a grey picture [height, width, 3]."""
        return np.repeat(self._last[-1][:, :, None], 3, 2)

    def close(self) -> None:
        self._games.close()


def _of_game(info: Mapping[str, Any]) -> dict[str, Any]:
    return {"frames": int(info["episode_frame_number"][0]), "lives": int(info["lives"][0])}
