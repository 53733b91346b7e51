"""Which seeds train a run of a stack of several settings again."""

from types import SimpleNamespace

import pytest

from rlbench.api import Run, RunGroup, Task, Variant
from rlbench.results import RunState, Store
from rlbench.verification.retraining import stack_of

TASK = Task("E-v0", 10)
COMPILED = {"compiled": True, "stack_independence": "bitwise"}


@pytest.fixture
def state_of(tmp_path):
    variants = (Variant("a", {"rate": 1}), Variant("a", {"rate": 1}), Variant("b", {"rate": 2}))
    group = RunGroup("it", {"rate": 1, "size": 4}, TASK, (5, 0, 0), "a and 1 more", variants=variants)
    attempt = Store(tmp_path).new_attempt(group, {}, "plugin")

    def state_of(numerics):
        return RunState("done", "", {"stack_size": 3, "numerics": numerics}, attempt.name)

    return SimpleNamespace(store=Store(tmp_path), of=state_of)


@pytest.mark.parametrize(("rate", "seed", "seeds"), [(1, 0, (5, 0)), (1, 5, (5, 0)), (2, 0, (0, 1))])
def test_a_compiled_run_is_trained_with_seeds_of_its_own_setting(state_of, rate, seed, seeds):
    run = Run("it", {"rate": rate, "size": 4}, TASK, seed)
    assert stack_of(state_of.store, run, state_of.of(COMPILED)) == seeds


def test_numbers_that_depend_on_the_whole_stack_cannot_be_had_again(state_of):
    run = Run("it", {"rate": 1, "size": 4}, TASK, 0)
    assert stack_of(state_of.store, run, state_of.of(COMPILED | {"stack_independence": "tolerance"})) == ()
