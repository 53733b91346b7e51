"""Images and numbers as the bytes of one observation: by hand, beside Gymnasium's flattening, and what is refused."""

import gymnasium
import numpy as np
import pytest
from gymnasium import spaces
from gymnasium.spaces.utils import flatten

from rlbench import RlbenchError
from rlbench.api import Supports, Task
from rlbench.envs.packed_observation import PackedBytes, PackedObservation, has_images
from rlbench.kit import ImagesAndNumbers, ImageShape
from rlbench.suites.compatibility import adapted

EYES = spaces.Dict(
    {
        "speed": spaces.Box(-9, 9, (2,), np.float64),
        "eye": spaces.Box(0, 255, (4, 5, 3), np.uint8),  # channels last
        "hands": spaces.Tuple((spaces.Discrete(3), spaces.Box(0, 1, (2, 6, 4), np.bool_))),  # channels first
        "mission": spaces.Text(4),
        "icon": spaces.Box(0, 255, (3, 4, 1), np.uint8),  # three pixels high: too small for a convolution
    }
)


class World(gymnasium.Env):
    observation_space, action_space = EYES, spaces.Discrete(2)

    def reset(self, *, seed=None, options=None):
        self.observation_space.seed(seed)
        self.last = self.observation_space.sample()
        return self.last, {}


def test_the_bytes_are_those_of_each_image_then_of_every_number():
    env = PackedObservation(World())
    space = env.observation_space
    assert isinstance(space, PackedBytes) and space.images == ((3, 4, 5), (2, 6, 4))
    assert space.numbers == 3 + 12 + 2 and space.shape == (60 + 48 + 4 * 17,) and space.dtype == np.uint8
    assert ImagesAndNumbers.of(space) == ImagesAndNumbers((ImageShape(3, 4, 5), ImageShape(2, 6, 4)), 17)
    assert ImagesAndNumbers.of(space).size == space.shape[0]
    for seed in range(5):
        row, _ = env.reset(seed=seed)
        own = env.unwrapped.last
        assert space.contains(row)
        assert row[:60].reshape(3, 4, 5).tolist() == np.moveaxis(own["eye"], -1, 0).tolist()
        assert row[60:108].reshape(2, 6, 4).tolist() == (255 * own["hands"][1].astype(int)).tolist()
        numbers = row[108:].view(np.float32)
        parts = [(EYES["hands"][0], own["hands"][0]), (EYES["icon"], own["icon"]), (EYES["speed"], own["speed"])]
        order = [parts[0], parts[1], parts[2]]  # hands, icon, speed: keys sorted
        assert numbers.tolist() == np.concatenate([flatten(s, v).ravel() for s, v in order]).astype(np.float32).tolist()


def test_numbers_that_are_not_finite_are_refused_because_no_later_check_sees_them():
    env = PackedObservation(World())
    env.reset(seed=0)
    env.unwrapped.last["speed"][1] = np.nan
    with pytest.raises(RlbenchError, match="observations have numbers that are not finite: nan"):
        env.observation(env.unwrapped.last)


def test_without_an_image_of_four_pixels_there_is_nothing_to_pack():
    small = spaces.Dict({"icon": EYES["icon"], "speed": EYES["speed"]})
    assert not has_images(small) and not has_images(EYES["eye"]) and has_images(EYES) and not has_images(EYES, 36)
    with pytest.raises(TypeError, match="no Dict or Tuple with an image of 4 × 4 pixels or more"):
        PackedObservation.shown(small)
    with pytest.raises(TypeError, match="no Dict or Tuple"):
        PackedObservation.shown(spaces.Dict({"eye": EYES["eye"], "graph": spaces.Graph(spaces.Discrete(2), None)}))


LARGE = spaces.Dict({"eye": spaces.Box(0, 255, (36, 36, 3), np.uint8), "speed": EYES["speed"]})


@pytest.mark.parametrize(
    "space, form, supports, wrapper",
    [
        (EYES, "auto", Supports(pixels=True, packed=True), "FlatObservation"),
        (EYES, "nested", Supports(pixels=True, packed=True), "PackedObservation"),
        (LARGE, "auto", Supports(pixels=True, packed=True), "PackedObservation"),
        (LARGE, "flat", Supports(pixels=True, packed=True), "FlatObservation"),
        (LARGE, "auto", Supports(pixels=True), "FlatObservation"),
        (LARGE, "auto", Supports(pixels=True, nested=True), "NestedObservation"),
    ],
)
def test_small_images_are_packed_only_where_a_suite_says_nested(space, form, supports, wrapper):
    from dataclasses import replace

    task, _ = adapted(Task("X-v0", 1), (space, spaces.Discrete(2)), replace(supports, discrete=True), form)
    assert [w.name.partition(":")[2] for w in task.wrappers] == [wrapper]


def test_a_mask_of_actions_is_not_appended_to_bytes():
    supports = Supports(discrete=True, pixels=True, packed=True)
    task, (shown, _) = adapted(Task("X-v0", 1), (LARGE, spaces.Discrete(2)), supports, "auto", masks=True)
    assert len(task.wrappers) == 1 and isinstance(shown, PackedBytes)
