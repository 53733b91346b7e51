"""Rows of the speed comparison, from turns made up by hand."""

import pytest

from benchmarks.speed import table
from benchmarks.speed.flops import seed_step
from benchmarks.speed.rounds import Played
from benchmarks.speed.works import WORKS, Side

DQN = next(work for work in WORKS if work.algorithm == "dqn")


def played(library: str, steps: list[int], seeds: int = 1, failed: str = "", backend: str = "gymnasium") -> Played:
    side = Side(DQN.name, library, seeds, backend=backend)
    return Played(side, {}, [{"steps": n, "wall": 2.0, "cpu": 1.0} for n in steps], failed)


def row(rows, peer, seeds=10):
    (found,) = [r for r in rows if r["peer"] == peer and r["seeds"] == seeds]
    return found


def test_a_ratio_is_formed_in_each_round_and_only_then_summarised():
    rows = table.work_rows(DQN, [played("ours", [100, 400, 900], 10), played("sb3", [50, 100, 300])])
    found = row(rows, "sb3")
    assert (found["ratio_median"], found["ratio_low"], found["ratio_high"]) == (3.0, 2.0, 4.0)
    assert (found["steps_per_second"], found["peer_steps_per_second"]) == (200.0, 50.0)


def test_the_best_peer_is_the_best_of_each_round():
    rows = table.work_rows(DQN, [played("ours", [60, 60], 10), played("sb3", [10, 30]), played("sbx", [20, 15])])
    found = row(rows, "best of sb3, sbx")
    assert (found["ratio_low"], found["ratio_high"]) == (2.0, 3.0)


def test_ten_seeds_are_compared_with_one_of_our_own_on_the_same_backend():
    sides = [played("ours", [60], 10), played("ours", [20]), played("ours", [90], 10, backend="other")]
    rows = table.work_rows(DQN, sides)
    assert row(rows, table.ALONE)["ratio_median"] == 3.0


def test_a_peer_with_ten_seeds_is_compared_with_ten_of_ours_alone():
    sides = [played("ours", [60], 10), played("ours", [20]), played("purejax", [30], 10)]
    assert [r["seeds"] for r in table.work_rows(DQN, sides) if r["peer"] == "purejax"] == [10]


def test_a_side_that_failed_has_no_row_and_the_others_keep_theirs():
    sides = [played("ours", [60], 10), played("sb3", [20]), played("sbx", [30], failed="out of memory")]
    assert {r["peer"] for r in table.work_rows(DQN, sides)} == {"sb3"}


def test_the_share_of_the_floor_is_its_time_over_ours():
    floor = played("floor", [])
    floor.turns = [{"gflops": 50.0, "env_seconds": {"gymnasium": 1e-5}}]
    found = row(table.work_rows(DQN, [played("ours", [2000], 10), played("sb3", [20]), floor]), "sb3")
    assert found["share_of_floor"] == pytest.approx((seed_step(DQN).total / 50e9 + 1e-5) * 1000)
    assert found["share_of_floor_cpu"] == pytest.approx(2 * found["share_of_floor"])


def test_without_a_floor_for_its_backend_a_row_has_no_share():
    floor = played("floor", [])
    floor.turns = [{"gflops": 50.0, "env_seconds": {"gymnasium": 1e-5}}]
    rows = table.work_rows(DQN, [played("ours", [20], 10, backend="other"), played("sb3", [20]), floor])
    assert row(rows, "sb3")["share_of_floor"] is None


def test_both_tables_have_a_line_for_each_row():
    rows = table.work_rows(DQN, [played("ours", [60], 10), played("sb3", [20])])
    assert len(table.markdown(rows).splitlines()) == 2 + len(rows) == 3
    assert len(table.terminal(rows).splitlines()) == 1 + len(rows)
    assert "3.00" in table.terminal(rows)
