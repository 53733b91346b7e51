"""The random policy is known by its own name, and stands for chance wherever it came from."""

import pytest

from rlbench.api import Run, Task
from rlbench.results.random_policy import is_random


@pytest.mark.parametrize(
    ("algorithm", "random"),
    [
        ("random", True),
        ("imported/random", True),
        ("imported/Random", True),
        ("imported/random (imported)", True),  # beside a `random` of the folder's own
        ("rlbench:random", True),
        ("theirs/random", True),
        ("sb3/dqn", False),
        ("imported/random forest", False),
        ("imported/ppo (imported)", False),
        ("random_shooting", False),
        ("script", False),
    ],
)
def test_the_random_policy_is_known_by_its_own_name(algorithm, random):
    assert is_random(algorithm) is random


def test_a_label_makes_nothing_the_random_policy():
    assert not is_random(Run("dqn", {}, Task("CartPole-v1", 100), 0, "random").algorithm)
