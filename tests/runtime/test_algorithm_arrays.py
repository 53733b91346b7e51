"""What an algorithm returns to be stored or logged, and what is said where that cannot be done."""

import numpy as np
import pytest

from rlbench.api import Algorithm, RlbenchError
from rlbench.runtime.algorithm_arrays import arrays_by_seed
from rlbench.testing.group_training import play


class Leans(Algorithm):
    """Pushes to where the pole falls. `returned` is its state, `logged` what it logs."""

    returned: object = {}
    logged: object = 0.0

    def act(self, obs):
        return (obs[..., 2] > 0).astype(int)

    def train(self, interaction):
        interaction.reset()
        interaction.step(self.act(interaction.obs))
        interaction.log(x=type(self).logged)
        while not interaction.finished:
            interaction.step(self.act(interaction.obs))

    def state(self):
        return type(self).returned


def trained(**more):
    return play(type("Leans", (Leans,), more), None, "CartPole-v1", (3, 5), 20, final_episodes=1)


@pytest.mark.parametrize("kind", [bool, np.int8, np.uint64, np.float16, object])
def test_numbers_with_an_entry_for_each_seed_are_stored(kind):
    given = {"a": np.zeros((2, 3), kind), "": [1, 2]}
    arrays = arrays_by_seed(given, 2, "state")
    assert list(arrays) == ["a", ""] and arrays["a"] is given["a"] and arrays[""].tolist() == [1, 2]


@pytest.mark.parametrize(
    ("returned", "said"),
    [
        ([1], "state returned a list; it must return arrays"),
        ({"a": None}, r"state returned 'a' of shape \(\); the first axis must be the 2 seeds"),
        ({"a": 3}, r"'a' of shape \(\)"),
        ({"a": {"b": 1}}, r"'a' of shape \(\)"),
        ({"a": np.zeros(7)}, r"'a' of shape \(7,\); the first axis must be the 2 seeds"),
        ({"a": np.array([1j, 2j])}, "'a' of type complex128; only numbers can be stored"),
        ({"a": np.array(["x", "y"])}, "'a' of type <U1; only numbers can be stored"),
    ],
)
def test_what_would_be_stored_in_part_or_not_at_all_is_refused_with_its_name(returned, said):
    with pytest.raises(RlbenchError, match=said):
        arrays_by_seed(returned, 2, "state")


def test_the_final_state_of_a_run_is_held_to_it():
    assert trained(returned={"a": np.zeros(2)}).outcome.final[5] == {"a": 0}
    with pytest.raises(RlbenchError, match="final_state returned 'a' of shape"):
        trained(returned={"a": np.zeros(7)})


@pytest.mark.parametrize("value", ["high", [1.0, 2.0, 3.0], 10**400, 1j], ids=["text", "three", "huge", "complex"])
def test_a_metric_that_is_no_number_for_each_seed_is_refused_with_its_name(value):
    with pytest.raises(RlbenchError, match="log: x should be a number, or one for each of 2 seeds, got "):
        trained(logged=value)
