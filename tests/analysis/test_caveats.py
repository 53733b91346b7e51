"""What a row of a table says of its runs beside their numbers."""

from dataclasses import dataclass
from types import SimpleNamespace

from rlbench import setting
from rlbench.analysis.caveats import caveats_of
from rlbench.executors.group_facts import _privileged


@dataclass(frozen=True)
class Config:
    learning_rate: float = setting(1e-3, "step size")
    termination_fn: str | None = setting(None, "where episodes end; none: learned", privileged=True)


def test_a_hyperparameter_that_tells_of_the_task_is_recorded_only_if_it_was_given():
    assert _privileged(Config(learning_rate=1.0)) == []
    assert _privileged(Config(termination_fn="mine:ends")) == ["termination_fn"]


def test_a_row_says_what_its_algorithm_was_told():
    row = SimpleNamespace(environment="Task-v0", algorithm="mbpo", key="k", metering="boundary")
    for told, expected in ((None, {}), (["termination_fn"], {("Task-v0", "mbpo"): ("told termination_fn",)})):
        states = {"k": SimpleNamespace(result={} if told is None else {"told": told})}
        assert caveats_of([row], states, None, ()) == expected
