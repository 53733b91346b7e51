"""Sections that stand on what others say: sweeps of the suite, published scores."""

import json

import numpy as np
from support.read_back import render
from support.report_pages import Page, group, play, suite_of

from rlbench.analysis import Results
from rlbench.api import EvaluationProtocol, Task
from rlbench.reports import published_section, sensitivity_section
from rlbench.results.checksums import with_checksum
from rlbench.results.file_io import write_json
from rlbench.results.score_anchors import Anchors


def test_each_swept_value_has_its_row_and_the_best_point_is_marked_as_chosen(tmp_path):
    groups = [group(f"dqn learning_rate={lr}", 4, algorithm="dqn", config={"learning_rate": lr}) for lr in (1, 2)]
    store = suite_of(tmp_path, groups)
    play(store, groups[0], [1.0, 2.0, 3.0, 4.0])
    play(store, groups[1], [9.0, 9.0, 9.0, 9.0])
    suite = json.loads((tmp_path / "suite.json").read_text())
    suite["suite"]["algorithms"] = [{"id": "dqn", "sweep": {"learning_rate": [1, 2]}}]
    write_json(tmp_path / "suite.json", with_checksum(suite))
    effects, extremes, note = sensitivity_section.section(Results(store)).parts
    ((title, rows),) = effects.groups
    assert title == "CartPole-v1: dqn, learning_rate"
    assert [(row[0], row[1], row[3], row[4]) for row in rows] == [("1", "2.50", "4/4", "1"), ("2", "9.00", "4/4", "1")]
    assert extremes.groups[0][1][0][:6] == (
        "CartPole-v1",
        "dqn",
        "dqn learning_rate=2",
        "9.00",
        "dqn learning_rate=1",
        "2.50",
    )
    assert "chosen on its own seeds" in note.text


AS_THE_ZOO = Task("CartPole-v1", 100_000, EvaluationProtocol(every=50_000, episodes=2, final_episodes=3))


def test_published_scores_of_what_was_run_are_beside_ours(tmp_path):
    g = group("mine", 5, AS_THE_ZOO, algorithm="ppo")
    store = suite_of(tmp_path, [g])
    play(store, g, [500.0] * 5)
    heading, said, table = published_section.section(Results(store)).parts[:3]
    assert heading.text == "RL Baselines3 Zoo" and "one trained agent" in said.text
    (row,) = table.groups[0][1]
    assert row[:3] == ("mine", "CartPole-v1", "500.0") and row[5] == "500.0" and row[7] == "5"
    assert row[9] == "consistent" and table.muted == ()
    assert "theirs is one agent, so the interval is a prediction, not a test" in row[10]


def test_what_had_another_budget_than_the_published_is_grey_and_says_why(tmp_path):
    """dqn has 50 000 steps in the zoo and ppo 100 000: of two algorithms at 100 000 one is comparable."""
    groups = [group(name, 5, AS_THE_ZOO, algorithm=name) for name in ("dqn", "ppo")]
    store = suite_of(tmp_path, groups)
    for g in groups:
        play(store, g, [500.0] * 5)
    table = published_section.section(Results(store)).parts[2]
    assert [row[9] for row in table.groups[0][1]] == ["not comparable", "consistent"] and table.muted == (0,)
    assert table.groups[0][1][0][10] == "different budgets: ours 100,000 steps, theirs 50,000"
    text = render(store)
    assert text.count('<tr class="muted">') == 1 + 2 + 2  # the zoo's, and both of CleanRL's and SLM-Lab's
    assert "not comparable" in Page(text).row("dqn", "CartPole-v1", "500.0")


def test_ours_beside_published_scores_is_taken_with_the_anchors_that_were_given(tmp_path):
    g = group("mine", 5, algorithm="ppo")
    store = suite_of(tmp_path, [g])
    play(store, g, [np.nan] * 5, [[(50, 400.0)]] * 5, "diverged")
    table = published_section.section(Results(store, anchors={"CartPole-v1": Anchors(30.0, 475.0)})).parts[2]
    assert table.groups[0][1][0][5] == "30.0"


def test_without_sweeps_and_published_scores_there_are_no_such_sections(tmp_path):
    g = group("mine", 5)
    store = suite_of(tmp_path, [g])
    play(store, g, [1.0] * 5)
    assert sensitivity_section.section(Results(store)) is None and published_section.section(Results(store)) is None
