"""`rlbench check-against`: what is printed, the JSON, and the exit codes."""

import json

from support.cli import rlbench
from support.result_folders import folder


def test_results_are_held_against_published_ones(tmp_path):
    scores = {"dqn": {"CartPole-v1": [500.0] * 5, "Acrobot-v1": [-90.0, -91, -92, -93, -94]}}
    made = folder(tmp_path / "s", scores, {"CartPole-v1": {"steps": 50_000}, "Acrobot-v1": {"steps": 100_000}}).root
    ran = rlbench("check-against", "zoo", made)
    assert ran.returncode == 0 and "deterministic evaluation" in ran.stdout, ran.stderr
    assert "theirs is one agent, so the interval is a prediction, not a test" in ran.stdout
    rows = {
        row["environment"]: row for row in json.loads(rlbench("check-against", "zoo", made, "--json").stdout)["checked"]
    }
    assert rows["CartPole-v1"]["verdict"] == "consistent" and rows["CartPole-v1"]["n"] == 5
    assert rows["Acrobot-v1"]["verdict"] == "lower" and rows["Acrobot-v1"]["reference"]["mean"] == -76.639


def test_other_budgets_are_told_and_not_judged(tmp_path):
    scores = {"dqn": {"CartPole-v1": [500.0] * 5, "Acrobot-v1": [-90.0] * 5}}
    made = folder(tmp_path / "s", scores, {"CartPole-v1": {"steps": 50_000}, "Acrobot-v1": {"steps": 1_000}}).root
    text = rlbench("check-against", "zoo", made).stdout
    assert "dqn on Acrobot-v1: different budgets: ours 1,000 steps, theirs 100,000" in text
    assert "not comparable: trained for another number of steps" in text
    rows = {r["environment"]: r for r in json.loads(rlbench("check-against", "zoo", made, "--json").stdout)["checked"]}
    assert [rows[env]["comparable"] for env in ("CartPole-v1", "Acrobot-v1")] == [True, False]
    assert rows["Acrobot-v1"]["verdict"] == "not comparable" and rows["Acrobot-v1"]["expected"] is None


def test_where_all_budgets_differ_nothing_is_expected(tmp_path):
    made = folder(tmp_path / "s", {"dqn": {"CartPole-v1": [500.0] * 5}}).root
    text = rlbench("check-against", "zoo", made).stdout
    assert "the published runs took more environment steps than any of ours" in text and "expected:" not in text


def test_nothing_in_common_with_a_source_is_exit_code_four(tmp_path):
    made = folder(tmp_path / "s", {"random": {"CartPole-v1": [20.0]}}).root
    ran = rlbench("check-against", "cleanrl", made)
    assert ran.returncode == 4 and "CleanRL" in ran.stderr
    assert rlbench("check-against", "nobody", made).returncode == 2
