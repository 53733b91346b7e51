"""When a group and a suite will have ended, by hand."""

import pytest

from rlbench.viewer.group_progress import GroupClock, GroupProgress, overall_seconds


def clock_at(*times):
    moments = iter(times)
    return GroupClock(lambda: next(moments))


def test_the_speed_counts_from_the_first_step_seen():
    clock = clock_at(10.0, 20.0, 22.0)
    clock.advance("a", 100)
    clock.advance("a", 300)  # 20 steps a second
    assert clock.seconds_left("a", {}, 300, 1_000) == pytest.approx(700 / 20 - 2)  # 2 s have passed since


def test_nothing_is_known_before_a_group_advances_or_of_one_that_nothing_is_known_about():
    clock = clock_at(10.0, 20.0)
    clock.advance("a", 0)
    clock.advance("a", 100)
    clock.advance("a", 100)
    assert clock.seconds_left("a", {}, 100, 1_000) is None
    assert clock.expected("b", {"group": {"algorithm": 3}}) is None


def test_a_group_that_is_late_is_about_to_end_and_not_overdue():
    clock = clock_at(10.0, 20.0, 90.0)
    clock.advance("a", 100)
    clock.advance("a", 300)
    assert clock.seconds_left("a", {}, 300, 400) == 0


@pytest.mark.parametrize(
    ("running", "waiting", "seconds"),
    [
        ([30.0], [], 30.0),
        ([30.0, 10.0], [60.0], 60.0),  # 100 s of work for two workers, but one group takes 60
        ([30.0, 10.0], [60.0, 60.0], 80.0),
        ([30.0], [None], None),
        ([None], [], None),
        ([], [60.0], None),
    ],
)
def test_waiting_groups_share_the_workers_of_the_running_ones(running, waiting, seconds):
    assert overall_seconds(running, waiting) == seconds


def test_a_step_beyond_the_budget_is_no_more_than_all():
    assert GroupProgress("a", "t", [0], 120, 100, None, None).share == 1.0
