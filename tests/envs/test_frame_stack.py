"""Stacks of frames: which spaces are known to be stacks, and where each pixel of each frame is."""

import json

import gymnasium
import numpy as np
import pytest
from gymnasium import spaces
from gymnasium.wrappers import FrameStackObservation, TimeLimit, TransformObservation

from rlbench import FrameStack
from rlbench.env_checks.space_descriptions import describe_space, space_from
from rlbench.envs.frame_stack import stacked_space
from rlbench.envs.image_observation import ImageObservation, can_be_image, is_image


class Counting(gymnasium.Env):
    """Shows images whose pixels differ from each other and from step to step."""

    action_space = spaces.Discrete(2)

    def __init__(self, shape, dtype=np.uint8):
        self.observation_space = spaces.Box(0, 255 if dtype == np.uint8 else 1, shape, dtype)

    def image(self):
        numbers = np.arange(np.prod(self.observation_space.shape)) + 50 * self.steps
        return (numbers % 251).astype(np.uint8).reshape(self.observation_space.shape).astype(self.observation_space.dtype)  # fmt: skip

    def reset(self, *, seed=None, options=None):
        self.steps = 0
        return self.image(), {}

    def step(self, action):
        self.steps += 1
        return self.image(), 0.0, False, False, {}


@pytest.mark.parametrize(
    ("shape", "shown", "pick"),
    [
        ((4, 5), (3, 4, 5), lambda frames, c, y, x: frames[c][y, x]),
        ((4, 5, 2), (6, 4, 5), lambda frames, c, y, x: frames[c // 2][y, x, c % 2]),
        ((2, 4, 5), (6, 4, 5), lambda frames, c, y, x: frames[c // 2][c % 2, y, x]),
        ((2, 2), (3, 2, 2), lambda frames, c, y, x: frames[c][y, x]),  # more frames than pixels in a row
    ],
)
@pytest.mark.parametrize("dtype", [np.uint8, np.bool_])
def test_each_pixel_of_each_frame_is_where_a_loop_puts_it(shape, shown, pick, dtype):
    env, plain = ImageObservation(FrameStackObservation(Counting(shape, dtype), 3)), Counting(shape, dtype)
    assert env.observation_space == spaces.Box(0, 255, shown, np.uint8) and env.observation_space.frames == 3
    scale = 255 if dtype == np.bool_ else 1
    frames = [plain.reset()[0]] * 3
    given = env.reset()[0]
    for _ in range(5):
        assert given.shape == shown and given.dtype == np.uint8 and given.flags.c_contiguous
        for place in np.ndindex(*shown):
            assert given[place] == scale * int(pick(frames, *place))
        before, given = given, env.step(0)[0]
        frames = [*frames[1:], plain.step(0)[0]]
        channels = shown[0] // 3
        assert (given[:-channels] == before[channels:]).all()


def test_a_stack_is_known_by_the_wrapper_in_the_chain():
    stacked = FrameStackObservation(Counting((4, 5)), 3)
    assert stacked_space(TimeLimit(stacked, 9)).frames == 3
    same = TransformObservation(stacked, lambda obs: obs, None)
    assert stacked_space(same).frames == 3
    crop = TransformObservation(stacked, lambda obs: obs[:2], spaces.Box(0, 255, (2, 4, 5), np.uint8))
    for env in (crop, Counting((3, 4, 5)), FrameStackObservation(Counting((4,)), 3)):
        assert not hasattr(stacked_space(env), "frames") and stacked_space(env) is env.observation_space
    floats = FrameStackObservation(gymnasium.make("CartPole-v1"), 3)
    assert not hasattr(stacked_space(floats), "frames")


def test_a_stack_of_frames_with_channels_is_an_image_only_if_it_is_known_as_a_stack():
    shape = (3, 4, 5, 2)
    assert is_image(FrameStack(0, 255, 3, shape)) and can_be_image(FrameStack(0, 255, 3, shape))
    assert not can_be_image(spaces.Box(0, 255, shape, np.uint8))


@pytest.mark.parametrize("dtype", [np.uint8, np.bool_])
def test_it_comes_back_from_its_description(dtype):
    space = FrameStack(0, 1, 3, (3, 4, 5), dtype)
    again = space_from(json.loads(json.dumps(describe_space(space))))
    assert again == space and type(again) is FrameStack and again.frames == 3


def test_a_number_of_frames_that_does_not_divide_the_channels_is_refused():
    with pytest.raises(ValueError, match=r"shape \(4, 2, 2\) cannot be split into 3 frames"):
        FrameStack(0, 255, 3, (4, 2, 2))
