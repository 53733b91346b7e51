"""What a curriculum is worth: the same algorithm with and without it, from the first evaluation to the final score."""

import json
import math

import numpy as np
import pandas as pd
import pytest
from support.cli import rlbench
from support.result_folders import folder

from rlbench.analysis import Results
from rlbench.analysis.curriculum_gains import curriculum_gains
from rlbench.analysis.folder_diff import task_differences
from rlbench.analysis.metric_curves import metric_curves
from rlbench.api import Curriculum, NothingToCompare, RlbenchError, Stage
from rlbench.stats import median_bounds, steps_to_threshold

GRID = [k / 10 for k in range(1, 11)]  # each run rises in ten equal parts to its final return, at steps 100 to 1,000
STAGED, ALONE = [100, 90, 80, 80, 70, 60, 40], [50, 45, 40, 40, 35, 30, 20]


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    root = tmp_path_factory.mktemp("gains") / "made"
    curriculum = Curriculum((Stage("Easy-v0", steps=100),))
    tasks = {
        "staged": {"env_id": "Hard-v0", "label": "staged", "curriculum": curriculum},
        "alone": {"env_id": "Hard-v0", "label": "alone"},
        "other": {"env_id": "Hard-v0", "label": "other", "steps": 2_000},
        "lonely": {"env_id": "Lonely-v0", "label": "lonely", "curriculum": curriculum},
    }
    scores = {
        "quick": {"other": ALONE, "alone": ALONE, "staged": STAGED, "lonely": STAGED},
        "random": {"alone": ALONE, "staged": ALONE},
    }
    folder(root, scores, tasks, GRID)
    return root


def test_each_algorithm_is_compared_with_itself_on_the_target_alone(made):
    gains = curriculum_gains(Results(made), threshold=45.0)
    (curve,) = gains.curves  # not of `random`, and not of the task with other steps
    assert (curve.algorithm, curve.staged, curve.alone, curve.n) == ("quick", "staged", "alone", (7, 7))
    # The first evaluations are a tenth of the final returns; of 7, the interquartile mean leaves one out at each end.
    assert curve.first_step == 100
    assert curve.first == pytest.approx(((9 + 8 + 8 + 7 + 6) / 5, (4.5 + 4 + 4 + 3.5 + 3) / 5))
    apart = curve.first_difference
    assert apart.estimate == pytest.approx(curve.first[0] - curve.first[1]) and apart.low < apart.estimate < apart.high
    staged, alone = curve.reach
    assert staged.steps.tolist() == [500, 500, 600, 600, 700, 800, 1000]
    assert staged.reached.tolist() == [True] * 6 + [False]
    assert alone.reached.tolist() == [True, True] + [False] * 5
    assert (staged.median, alone.median) == (600, None)
    assert curve.bounds == ((500, math.inf), (900, math.inf))
    before = sum(
        1 if mine < theirs else 0.5 if mine == theirs else 0
        for mine in [500, 500, 600, 600, 700, 800, math.inf]
        for theirs in [900, 1000, *[math.inf] * 5]
    )
    assert curve.sooner.estimate == pytest.approx(before / 49)
    (row,) = gains.final.rows
    assert (row.ours, row.theirs, row.n) == ("quick (staged)", "quick (alone)", (7, 7))
    assert row.difference.estimate == pytest.approx(10 * apart.estimate) and row.verdict == "better"
    assert gains.left_out == ("quick on lonely: no environment is the same except for the curriculum",)


def test_the_command_prints_them_and_as_json(made):
    ran = rlbench("compare", "--curriculum", "--threshold", "45", "-d", made)
    assert ran.returncode == 0, ran.stderr
    text = " ".join(ran.stdout.split())
    assert "quick (staged) better than quick (alone)" in text and "not compared: quick on lonely" in text
    assert "quick (staged) better than quick (alone) on Hard-v0:" in text
    assert "steps to a return of 45 600 [500, > 1,000] > 1,000 [900, > 1,000] runs that reach it 6 of 7 2 of 7" in text
    assert text.count("> N: not reached by step N, where training ends") == 1 and "beyond the end" not in text
    assert max(map(len, ran.stdout.splitlines())) <= 120
    found = json.loads(rlbench("compare", "--curriculum", "--threshold", "45", "-d", made, "--json").stdout)
    (curve,) = found["curves"]
    assert curve["curriculum"]["interval"] == [500, None] and curve["alone"]["median_steps"] is None
    assert curve["alone"]["reached"] == 2 and curve["sooner"]["estimate"] > 0.8
    bare = rlbench("compare", "--curriculum", "-d", made)
    assert "give --threshold" in bare.stdout and "steps to a return of" not in bare.stdout
    assert rlbench("compare", "--threshold", "3", "-d", made).returncode == 2
    assert rlbench("compare", "--curriculum", "--baseline", "quick", "-d", made).returncode == 2


def test_without_a_pair_there_is_nothing_to_compare(made, tmp_path):
    with pytest.raises(NothingToCompare, match="no environment has a curriculum"):
        curriculum_gains(Results(folder(tmp_path / "plain", {"quick": {"CartPole-v1": [1, 2]}}).root))
    plain = folder(tmp_path / "one", {"quick": {"CartPole-v1": [1, 2]}}).root
    (told, hint) = (rlbench("compare", "-d", one).stderr for one in (plain, made))
    assert "needs two algorithms" in told and "--curriculum" not in told
    assert "needs two algorithms" in hint and hint.rstrip().endswith(
        "; `rlbench compare --curriculum` compares an algorithm with and without its curriculum"
    )
    with pytest.raises(RlbenchError, match="no algorithm 'quik'; did you mean 'quick'"):
        curriculum_gains(Results(made), ["quik"])


def test_the_interval_of_a_median_is_the_narrowest_of_order_statistics_that_is_wide_enough():
    for n in range(2, 40):
        returns = np.tile(np.arange(n), (n, 1)) >= np.arange(n)[:, None]  # run i is there from step i on
        reach = steps_to_threshold(np.arange(n), returns.astype(float), 1.0)
        bounds = median_bounds(reach)

        def coverage(k, n=n):  # that so many of n runs are on each side of the median
            return sum(math.comb(n, i) for i in range(k, n - k + 1)) / 2**n

        if bounds is None:
            assert n < 6 and coverage(1) < 0.95
            continue
        low, high = map(int, bounds)
        assert low + high == n - 1  # the k-th from each end
        assert coverage(low + 1) >= 0.95 > coverage(low + 2)


def test_a_task_is_another_one_without_its_curriculum(made, tmp_path):
    plain = {"staged": {"env_id": "Hard-v0", "label": "staged"}}
    other = folder(tmp_path / "plain", {"quick": {"staged": STAGED}}, plain, GRID).root
    ran = rlbench("compare", made, other)
    assert "staged is a different task in quick" in " ".join((ran.stdout + ran.stderr).split())
    assert 'curriculum {"stages":' in ran.stdout + ran.stderr
    ours, theirs = (Results(one).requested for one in (made, other))
    assert "curriculum" in task_differences([r for r in ours if r.task.name == "staged"], theirs)


def test_a_run_is_in_a_stage_until_it_enters_the_next():
    rows = [("a", 0, 1.0), ("b", 0, 1.0), ("a", 30, 2.0), ("b", 70, 2.0), ("a", 90, 3.0)]
    metrics = pd.DataFrame(rows, columns=["key", "step", "value"]).assign(environment="e", name="stage", algorithm="x")
    (curve,) = metric_curves(metrics)["e"]["stage"]
    assert curve.steps.tolist() == [0, 30, 70, 90]
    assert curve.values.tolist() == [[1, 2, 2, 3], [1, 1, 2, 2]]
    (other,) = metric_curves(metrics.assign(name="loss"))["e"]["loss"]
    assert np.isnan(other.values).sum() == 3
