"""benchmarks/equivalence.py on tables of runs with known answers: pairs, anchors, what is missing, and the verdict."""

import importlib.util
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "equivalence.py"
CARTPOLE, PENDULUM = "CartPole-v1", "Pendulum-v1"


@pytest.fixture(scope="module")
def script():
    spec = importlib.util.spec_from_file_location("equivalence", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def rows(algorithm, environment, scores, status="done"):
    return pd.DataFrame(
        {
            "algorithm": algorithm,
            "id": algorithm,
            "environment": environment,
            "key": [f"{algorithm}{environment}{status}{i}" for i in range(len(scores))],
            "status": status,
            "score": np.asarray(scores, float),
        }
    )


def table(*parts):
    return pd.concat(parts, ignore_index=True)


def noisy(centre, seed, n=20):
    return np.random.default_rng(seed).normal(centre, 5, n)


@pytest.fixture(scope="module")
def finished():
    return table(
        rows("ppo", CARTPOLE, noisy(480, 0)),
        rows("sb3/ppo", CARTPOLE, noisy(480, 1)),
        rows("sac", PENDULUM, noisy(-160, 2)),
        rows("sb3/sac", PENDULUM, noisy(-160, 3)),
    )


def test_equal_sides_are_not_worse_and_none_differs(script, finished):
    found = script.compare(finished, {}, {})
    assert [(row["pair"], row["task"]) for row in found["cells"]] == [("ppo", CARTPOLE), ("sac", PENDULUM)]
    assert found["overall"]["not_worse"] and found["missing"] == []
    assert all(
        row["p_holm"] > 0.05 and row["difference"]["low"] < 0 < row["difference"]["high"] for row in found["cells"]
    )
    assert "not worse." in script.show(found) and "no final word" not in script.show(found)


def test_a_side_that_is_a_fifth_lower_is_found_and_not_called_not_worse(script, finished):
    lowered = finished.copy()
    lowered.loc[lowered["algorithm"] == "ppo", "score"] -= 0.2 * (500 - 22)
    found = script.compare(lowered, {}, {})
    ppo, sac = found["cells"]
    assert ppo["difference"]["estimate"] == pytest.approx(-0.2, abs=0.02) and ppo["p_holm"] < 0.001 < sac["p_holm"]
    assert not found["overall"]["not_worse"] and "not shown to be not worse" in script.show(found)


def test_scores_are_normalised_by_the_folders_random_runs_then_by_what_is_built_in_unless_told(script, finished):
    with_chance = table(finished, rows("random", CARTPOLE, [20, 30]))
    assert script.compare(with_chance, {}, {})["anchors"]["lower"] == {CARTPOLE: 25, PENDULUM: -1230}
    told = script.compare(with_chance, {CARTPOLE: 0}, {CARTPOLE: 475})
    assert told["anchors"] == {"lower": {CARTPOLE: 0, PENDULUM: -1230}, "upper": {CARTPOLE: 475, PENDULUM: -150}}
    assert told["cells"][0]["ours"]["estimate"] == pytest.approx(told["cells"][0]["iqm_of_scores"][0] / 475, abs=1e-9)


def test_a_task_without_anchors_says_what_to_give(script):
    runs = table(rows("dqn", "Acrobot-v1", [-80] * 5), rows("sb3/dqn", "Acrobot-v1", [-90] * 5))
    with pytest.raises(ValueError, match="Acrobot-v1 has no lower anchor: give --lower Acrobot-v1=SCORE"):
        script.compare(runs, {}, {})
    with pytest.raises(ValueError, match="no task here is called Acrobot: there are Acrobot-v1"):
        script.compare(runs, {"Acrobot": -500}, {})
    assert len(script.compare(runs, {"Acrobot-v1": -500}, {"Acrobot-v1": -100})["cells"]) == 1


def test_an_unfinished_folder_names_what_is_missing_and_compares_the_rest(script, finished):
    pending = table(
        finished[finished["environment"] == CARTPOLE],
        rows("sac", PENDULUM, noisy(-160, 2, 2)),
        rows("sac", PENDULUM, [np.nan] * 18, "pending"),
        rows("sb3/sac", PENDULUM, [np.nan] * 20, "failed"),
    )
    found = script.compare(pending, {}, {})
    assert found["missing"] == ["sac on Pendulum-v1: 18 pending", "sb3/sac on Pendulum-v1: 20 failed"]
    assert found["overall"]["cells"] == ["ppo on CartPole-v1"]
    shown = script.show(found)
    assert "1 of 2 cells" in shown and "fewer than 3 runs" in shown and "no final word" in shown


def test_holms_family_is_every_pair_planned(script, finished):
    pending = table(
        finished[finished["environment"] == CARTPOLE],
        rows("sac", PENDULUM, [np.nan] * 20, "pending"),
        rows("sb3/sac", PENDULUM, [np.nan] * 20, "pending"),
    )
    (ppo, _) = script.compare(pending, {}, {})["cells"]
    assert ppo["p_holm"] == pytest.approx(min(1, 2 * ppo["p"]))


def test_a_diverged_run_counts_with_the_lower_of_its_score_and_the_anchor(script, finished):
    runs = table(finished, rows("ppo", CARTPOLE, [400, np.nan, 9], "diverged"))
    found = script.scored(runs[runs["algorithm"] == "ppo"], 22.0)
    assert found["score"].tail(3).tolist() == [22, 22, 9] and len(found) == 23
    report = script.compare(runs, {}, {})
    assert report["missing"] == [] and report["cells"][0]["note"] == "3/0 diverged"


def test_few_runs_are_only_described_and_nothing_at_all_is_said_plainly(script):
    few = script.compare(
        table(rows("ppo", CARTPOLE, [480, 481, 482]), rows("sb3/ppo", CARTPOLE, [470, 471, 472])), {}, {}
    )
    assert few["cells"][0]["note"] == "descriptive only; n too small for 1 pair: needs n >= 5"
    alone = script.compare(rows("ppo", CARTPOLE, [480.0] * 5), {}, {})
    assert "No algorithm X has a partner sb3/X" in script.show(alone)


def test_the_same_runs_give_the_same_digits(script, finished):
    assert script.compare(finished, {}, {}) == script.compare(finished.copy(), {}, {})
