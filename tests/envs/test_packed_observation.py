"""Images and numbers as the bytes of one observation: by hand, beside Gymnasium's flattening, and what is refused."""

import gymnasium
import numpy as np
import pytest
from gymnasium import spaces
from gymnasium.spaces.utils import flatten

from rlbench.api import EnvironmentFault, Supports, Task
from rlbench.envs.flat_observation import FlatObservation
from rlbench.envs.image_observation import as_bytes
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
    with pytest.raises(EnvironmentFault, match="observations have numbers that are not finite: nan"):
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


@pytest.mark.parametrize(
    ("image", "message"),
    [
        (
            np.zeros((5, 4, 3), np.uint8),
            r"an image has shape \(5, 4, 3\), but the space of observations has \(4, 5, 3\)",
        ),
        (np.full((4, 5, 3), 300.7), "an image has values that are not whole numbers from 0 to 255"),
        (np.full((4, 5, 3), np.nan), "an image has values that are not whole numbers"),
        (np.full((4, 5, 3), -1), "an image has values that are not whole numbers"),
    ],
)
def test_an_image_that_does_not_fit_its_space_is_a_fault_of_the_environment(image, message):
    env = PackedObservation(World())
    env.reset(seed=0)
    env.unwrapped.last["eye"] = image
    with pytest.raises(EnvironmentFault, match=message):
        env.observation(env.unwrapped.last)


def test_whole_numbers_of_another_type_are_bytes_if_they_fit():
    assert as_bytes(np.full((2, 2), 255, np.int64), (2, 2)).tolist() == [[255, 255], [255, 255]]
    assert as_bytes([[True, False]], (1, 2)).dtype == np.uint8


def test_a_vector_of_an_array_is_refused_if_its_axes_are_swapped():
    class Flat(World):
        observation_space = spaces.Box(0, 255, (4, 6, 3), np.uint8)

    env = FlatObservation(Flat())
    assert env.observation(np.zeros((4, 6, 3, 1))).shape == (72,)
    with pytest.raises(EnvironmentFault, match=r"an observation has shape \(6, 4, 3\), but its space has \(4, 6, 3\)"):
        env.observation(np.zeros((6, 4, 3)))
