"""How often work may be repeated: at most a tenth of the time, and not more often than asked."""

import pytest

from rlbench.viewer.throttle import Throttle


class Clock:
    def __init__(self):
        self.now = 100.0

    def __call__(self):
        return self.now


@pytest.mark.parametrize(
    ("least", "share", "took", "wait"),
    [
        (5, 0.1, 2.0, 18.0),  # 2 s of 20
        (5, 0.1, 0.1, 4.9),  # 0.9 s would do, but it began 0.1 s ago
        (5, 0.5, 4.0, 4.0),
        (0, 0.25, 3.0, 9.0),
    ],
)
def test_work_waits_until_it_took_its_share_of_the_time(least, share, took, wait):
    clock = Clock()
    throttle = Throttle(least, share, clock)
    assert throttle.wait() == 0
    throttle.begin()
    clock.now += took
    throttle.end()
    assert throttle.wait() == pytest.approx(wait)
    clock.now += wait / 2
    assert throttle.wait() == pytest.approx(wait / 2)
    clock.now += wait
    assert throttle.wait() == 0


def test_in_a_hurry_only_the_least_time_lies_between_two_starts():
    clock = Clock()
    throttle = Throttle(5, 0.1, clock)
    throttle.begin()
    clock.now += 2
    throttle.end()
    assert (throttle.wait(), throttle.wait(hurried=True)) == (18, 3)
    clock.now += 4
    assert (throttle.wait(), throttle.wait(hurried=True)) == (14, 0)
