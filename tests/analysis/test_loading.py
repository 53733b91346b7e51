"""What `rlbench.load` answers: frames with the documented columns, equal to what rlbench.stats says of the same runs."""

import numpy as np
import pytest
from support.read_back import read_scores
from support.result_folders import folder

import rlbench
from rlbench.analysis import Results
from rlbench.analysis.final_scores import seeded_generator
from rlbench.analysis.frames import AGGREGATE_COLUMNS, COMPARISON_COLUMNS, PROFILE_COLUMNS, SCORE_COLUMNS
from rlbench.analysis.learning_curves import estimate
from rlbench.analysis.score_cells import score_cells
from rlbench.api import StoreError
from rlbench.reports.aggregates_section import ESTIMATES, estimates_of
from rlbench.reports.task_panels import panels
from rlbench.results.score_anchors import shipped_anchors
from rlbench.stats import iqm, optimality_gap, overall_median

CARTPOLE, PENDULUM, MINE = "CartPole-v1", "Pendulum-v1", "Mine-v0"
ANCHORS = {CARTPOLE: {"lower": 0, "upper": 100}, PENDULUM: {"lower": -1000, "upper": 0}}
A = {CARTPOLE: [10.0, 20, 30, 40, 50], PENDULUM: [-900.0, -800, -700]}
B = {CARTPOLE: [60.0, 70, 80, 90, 100], PENDULUM: [-500.0, -400, -300, "failed"]}


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    store = folder(tmp_path_factory.mktemp("x") / "s", {"a": A, "b": B}, grid=(0.0, 0.5, 1.0))
    return rlbench.load(store.root, ANCHORS)


def test_scores_are_a_row_a_run_that_has_one(results):
    frame = results.scores()
    assert tuple(frame.columns) == SCORE_COLUMNS and len(frame) == 16
    chosen = frame[(frame["algorithm"] == "a") & (frame["environment"] == PENDULUM)]["score"].tolist()
    assert chosen == pytest.approx([0.1, 0.2, 0.3])
    assert results.scores(normalized=False)["score"].tolist()[:2] == [10.0, 20.0]


def test_aggregates_are_those_of_the_statistics(results):
    frame = results.aggregate()
    assert tuple(frame.columns) == AGGREGATE_COLUMNS
    found = frame[(frame["algorithm"] == "a") & (frame["environment"] == "")].set_index("statistic")
    tasks = [np.array(A[CARTPOLE]) / 100, (np.array(A[PENDULUM]) + 1000) / 1000]
    assert found.loc["median", "estimate"] == pytest.approx(float(overall_median(tasks)))
    assert found.loc["optimality_gap", "estimate"] == pytest.approx(float(optimality_gap(tasks)))
    assert found.loc["mean", "method"] == "bootstrap-t" and (found["low"] <= found["estimate"]).all()
    planned = frame[(frame["algorithm"] == "b") & (frame["environment"] == PENDULUM)]
    assert set(planned["n"]) == {3} and set(planned["planned"]) == {4}
    raw = results.aggregate(normalized=False)
    assert set(raw["environment"]) == {CARTPOLE, PENDULUM}
    assert raw[raw["statistic"] == "iqm"]["estimate"].iloc[0] == iqm(np.array(A[CARTPOLE]))


def test_a_comparison_is_a_row_over_all_and_one_a_task(results):
    frame = results.compare("b", "a")
    assert tuple(frame.columns) == COMPARISON_COLUMNS and frame["environment"].tolist() == ["", CARTPOLE, PENDULUM]
    assert frame["difference"].tolist()[1] == 50.0 and frame["verdict"].tolist()[2] == "descriptive only"
    assert results.compare(other=results)["verdict"].tolist() == ["identical"] * 6
    assert results.compare(baseline="a").equals(frame)


def test_a_profile_is_the_share_of_runs_above_each_threshold(results):
    frame = results.profile([0.0, 0.25, 2.0])
    assert tuple(frame.columns) == PROFILE_COLUMNS
    a = frame[frame["algorithm"] == "a"]
    assert a["share"].tolist() == pytest.approx([1.0, (3 / 5 + 1 / 3) / 2, 0.0])


def test_curves_are_the_iqm_at_each_evaluation_and_over_tasks_at_equal_shares_of_the_budget(results):
    raw = results.curves()
    a = raw[(raw["algorithm"] == "a") & (raw["environment"] == CARTPOLE)]
    assert a["at"].tolist() == pytest.approx([333, 666, 1000]) and a["iqm"].tolist() == pytest.approx([0.0, 15.0, 30.0])
    assert a["n"].tolist() == [5, 5, 5] and (a["low"] <= a["iqm"]).all()
    whole = results.curves(normalized=True)
    over = whole[(whole["algorithm"] == "a") & (whole["environment"] == "")]
    assert over["at"].iloc[-1] == 1.0 and over["n"].iloc[-1] == 8
    tasks = [np.array(A[CARTPOLE]) / 100, (np.array(A[PENDULUM]) + 1000) / 1000]
    assert over["iqm"].iloc[-1] == pytest.approx(float(rlbench_iqm(tasks)))


def rlbench_iqm(tasks):
    from rlbench.stats import overall_iqm

    return overall_iqm(tasks)


def test_the_table_the_page_and_the_frames_give_the_same_runs_the_same_interval(results):
    store, anchors = results.store, results.supplied
    raw = results.aggregate(normalized=False).set_index(["algorithm", "environment", "statistic"])
    for cell in score_cells(Results(store, anchors).rows):
        row = raw.loc[(cell.algorithm, cell.environment, "iqm")]
        assert (cell.iqm, cell.low, cell.high) == (row["estimate"], row["low"], row["high"])
    whole = results.aggregate().set_index(["algorithm", "environment", "statistic"])
    scores = read_scores(store, anchors)
    (panel,) = panels(scores, anchored=True)
    for name, estimates in estimates_of(panel, scores).items():
        for shown, found in estimates.items():
            row = whole.loc[(name, "", ESTIMATES[shown])]
            assert (found.estimate, found.low, found.high) == (row["estimate"], row["low"], row["high"])


def test_curves_against_time_are_the_same_heights_at_the_seconds_runs_had_taken(results):
    steps, wall, cpu = (results.curves(against=axis) for axis in ("steps", "wall_seconds", "cpu_seconds"))
    assert wall["iqm"].equals(steps["iqm"]) and wall["at"].tolist()[:3] == [1.0, 2.0, 3.0]
    assert cpu["at"].tolist() == [2 * at for at in wall["at"]]  # 2 CPU seconds for each of the clock
    with pytest.raises(StoreError, match="not 'frames'"):
        results.curves(against="frames")


def test_a_diverged_run_goes_on_with_its_score_in_the_curve(tmp_path):
    store = folder(tmp_path / "s", {"a": {CARTPOLE: [100.0, 100.0, 100.0, 100.0]}}, grid=(0.5, 1.0))
    before = rlbench.load(store.root).curves()["iqm"].tolist()
    other = folder(tmp_path / "t", {"a": {CARTPOLE: [100.0, 100.0, 100.0, (4.0, "diverged")]}})
    curves = rlbench.load(other.root).curves()
    assert before == [50.0, 100.0] and curves["n"].tolist() == [1] and curves["iqm"].tolist() == [4.0]


def test_a_run_that_diverged_before_its_first_evaluation_counts_with_its_score_from_the_start(tmp_path):
    scores = {"a": {CARTPOLE: [100.0, 40.0, 70.0, (None, "diverged")]}}
    store = folder(tmp_path / "s", scores, grid=(0.5, 1.0))
    curves, lower = rlbench.load(store.root).curves(), shipped_anchors()[CARTPOLE].lower
    assert curves["n"].tolist() == [4, 4]
    assert curves["iqm"].tolist() == pytest.approx([(lower + 35) / 2, (40 + 70) / 2])  # of four the middle two
    ((_, drawn),) = Results(store).learning_curves.items()
    assert [curves[name].tolist() for name in ("iqm", "low", "high")] == [
        line.tolist() for line in estimate(drawn.counted, seeded_generator(drawn.keys))
    ]


def test_a_task_without_anchors_has_raw_scores_only(tmp_path):
    store = folder(tmp_path / "s", {"a": {MINE: [1.0, 2.0, 3.0]}})
    found = rlbench.load(store.root)
    with pytest.raises(StoreError, match="no anchors for Mine-v0"):
        found.scores()
    assert found.scores(normalized=False)["score"].tolist() == [1.0, 2.0, 3.0] and found.aggregate().empty
    given = rlbench.load(store.root, {MINE: {"lower": 0, "upper": 10}})
    assert given.scores()["score"].tolist() == [0.1, 0.2, 0.3]
