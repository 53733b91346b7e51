"""Time limits by a clock that can be turned by hand."""

import dataclasses

from rlbench.api import EvaluationProtocol, ProgressEvent, RunGroup, RunStatus, Task
from rlbench.executors import time_limits
from rlbench.executors.time_limits import AwakeClock, Limits

GROUP = RunGroup("dqn", {}, Task("CartPole-v1", 100, EvaluationProtocol()), (0, 1))


def at(timeout=None, stall=None):
    return Limits(dataclasses.replace(GROUP, timeout=timeout, stall_timeout=stall), now=10.0)


def test_a_group_without_limits_may_take_for_ever():
    assert at().exceeded(1e9) is None


def test_a_timeout_counts_from_the_start_whatever_is_heard():
    group = at(timeout=60)
    group.record(ProgressEvent(5, 5), 69.0)
    assert group.exceeded(70.0) is None
    assert group.exceeded(70.1) == (RunStatus.TIMEOUT, "exceeded its time limit of 1 min")


def test_a_stall_is_a_pulse_that_stands_still_and_evaluation_moves_it():
    group = at(stall=30)
    group.record(ProgressEvent(5, 5), 20.0)
    group.record(ProgressEvent(5, 9), 45.0)  # evaluating
    assert group.exceeded(75.0) is None
    group.record(ProgressEvent(5, 9), 74.0)  # alive, but no step
    assert group.exceeded(75.1) == (RunStatus.STALLED, "took no environment step for 30 s")


def test_a_suspended_machine_uses_up_no_time(monkeypatch):
    now = 100.0
    monkeypatch.setattr(time_limits.time, "monotonic", lambda: now)
    clock = AwakeClock()
    now += 0.5
    assert clock.tick() == 0.5
    now += 3600  # the lid was closed
    assert clock.tick() == 0.5 + time_limits.LONGEST_GAP_SECONDS
