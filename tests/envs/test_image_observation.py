"""Images with the channels first, as bytes."""

import gymnasium
import numpy as np
import pytest
from gymnasium import spaces

from rlbench.envs.image_observation import ImageObservation, channels_first, is_image


class Camera(gymnasium.Env):
    """Shows numbered pixels."""

    action_space = spaces.Discrete(2)

    def __init__(self, shape, high=255):
        self.observation_space = spaces.Box(0, high, shape, np.uint8)

    def reset(self, *, seed=None, options=None):
        return np.arange(np.prod(self.observation_space.shape), dtype=np.uint8).reshape(
            self.observation_space.shape
        ), {}

    def step(self, action):
        return self.reset()[0] + np.uint8(1), 0.0, False, False, {}


@pytest.mark.parametrize(
    ("shape", "shown", "picks"),
    [
        ((4, 5, 3), (3, 4, 5), lambda image, c, y, x: image[y, x, c]),
        ((2, 4, 5), (2, 4, 5), lambda image, c, y, x: image[c, y, x]),  # stacked frames are first already
        ((4, 5), (1, 4, 5), lambda image, c, y, x: image[y, x]),
        ((3, 3, 3), (3, 3, 3), lambda image, c, y, x: image[y, x, c]),
    ],
)
def test_each_pixel_is_where_a_loop_puts_it(shape, shown, picks):
    env = ImageObservation(Camera(shape, high=9))
    assert env.observation_space == spaces.Box(0, 255, shown, np.uint8) and is_image(env.observation_space)
    image, given = Camera(shape).reset()[0], env.reset()[0]
    assert given.shape == shown and given.dtype == np.uint8 and given.flags.c_contiguous
    for place in np.ndindex(*shown):
        assert given[place] == picks(image, *place)
    assert (env.step(0)[0] == given + np.uint8(1)).all()
    batch = channels_first(np.stack([image, image + 1]), shape)
    assert batch.shape == (2, *shown) and (batch[1] == given + 1).all()


@pytest.mark.parametrize(
    "space", [spaces.Box(0, 1, (4, 4, 3)), spaces.Box(0, 255, (9,), np.uint8), spaces.Discrete(2), spaces.Dict({})]
)
def test_other_spaces_are_refused(space):
    with pytest.raises(TypeError, match="has no images"):
        ImageObservation.shown(space)
