"""The verdict in words: what is shown, what is not, and what it would take."""

import json

from support.report_pages import TASK, group, play, suite_of

from rlbench.analysis import Results
from rlbench.analysis.sequential_log import Decisions, InterimAnalysis, write_decisions
from rlbench.api import Task
from rlbench.api.sections import Points
from rlbench.reports.verdict_section import section
from rlbench.results.checksums import with_checksum
from rlbench.results.file_io import write_json
from rlbench.stats import Design, InterimResult

LOW, HIGH = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0], [101.0, 102.0, 103.0, 104.0, 105.0, 106.0]


def told(root, scores, tasks=(TASK,)):
    """The headline and the points, of algorithms that score so on every task; "random" is the random policy."""
    groups = [group(n, len(s), task, n, {"n": n}) for n, s in scores.items() for task in tasks]
    store = suite_of(root, groups)
    for g in groups:
        play(store, g, scores[g.label])
    parts = section(Results(store)).parts
    return parts[0].text, " ".join(f"{lead} {text}" for lead, text in points_of(parts).lines)


def points_of(parts):
    return next(part for part in parts if isinstance(part, Points))


def test_a_pair_that_is_decided_is_the_headline_with_its_numbers(tmp_path):
    headline, _ = told(tmp_path, {"worse": LOW, "better": HIGH})
    # 462 × 2 splits of 6 and 6 runs; the IQM cuts one at each end of both, and 4 of the splits tie with the observed one
    assert headline.startswith("better is better than worse on CartPole-v1 (IQM 103.5 against 3.50, difference 100.0 [")
    assert headline.endswith("p ≤ 0.005).")  # 4 of 924; Welch's is far below


def test_what_is_not_shown_is_called_that_with_the_runs_it_would_take(tmp_path):
    headline, points = told(tmp_path, {"a": [1.0, 2.0, 3.0, 4.0, 5.0, 9.0], "b": [2.0, 3.0, 4.0, 5.0, 6.0, 10.0]})
    assert headline == "It is not shown whether a or b is better on CartPole-v1."
    assert "a against b on CartPole-v1 is undecided (IQM 3.50 against 4.50" in points
    assert "of each would show it (80% power)" in points


def test_few_runs_only_describe(tmp_path):
    headline, points = told(
        tmp_path, {n: [base, base + 1.0, base + 2.0] for n, base in zip("abcd", (0, 100, 200, 300))}
    )
    assert headline.startswith("With fewer than 5 runs of each, nothing is decided")
    assert "None of 6 pairs is decided. All have fewer than 5 runs on a side" in points


def test_where_the_family_is_too_large_the_runs_it_takes_are_named(tmp_path):
    scores = {n: [base + i for i in range(5)] for n, base in zip("abcde", range(0, 500, 100))}
    headline, points = told(tmp_path, scores)
    assert headline.endswith("no difference could be shown, however large. A verdict needs at least 6 runs of each.")
    assert (
        "With so few runs no difference could be shown among 10 comparisons, however large: it takes at least 6 runs of each."
        in points
    )
    assert "every run of one scored higher than every run of the other: e above a, b, c and d;" in points


def test_a_single_comparison_is_told_as_one(tmp_path):
    _, points = told(tmp_path, {"a": [1.0, 2.0, 3.0], "b": [2.0, 3.0, 4.0]})
    # 4 of each could have p = 2 / 70, but under 5 nobody is called better
    assert "among 1 comparison, however large: it takes at least 5 runs of each" in points


def test_many_pairs_are_summed_up_by_who_wins(tmp_path):
    scores = {n: [base + i for i in range(10)] for n, base in zip("abc", (0.0, 100.0, 200.0))} | {
        "d": [200.5 + i for i in range(10)]
    }
    headline, points = told(tmp_path, scores)
    assert headline == (
        "c and d are each shown to be better than a and b on CartPole-v1; no algorithm is shown to be better than them."
        " 5 of 6 pairs are decided."
    )
    assert "c is better than a and b (p < 0.001)" in points and "b is better than a (p < 0.001)" in points
    assert "5 of 6 pairs are decided." in points


def test_pairs_that_share_one_task_are_not_counted_among_those_that_share_several(tmp_path):
    """Four algorithms on two tasks, a fifth on one of them: ten pairs in all, of which six share both."""
    acrobot = Task("Acrobot-v1", 100, TASK.evaluation)
    scores = {
        n: [base, base + 1.0, base + 2.0, base + 3.0, base + 5.0] for n, base in zip("abcde", (0, 0.1, 0.2, 0.3, 0.4))
    }
    groups = [group(n, 5, task, n, {"n": n}) for n in scores for task in (TASK, acrobot) if (n, task) != ("e", TASK)]
    store = suite_of(tmp_path, groups)
    for g in groups:
        play(store, g, scores[g.label])
    parts = section(Results(store)).parts
    headline, points = parts[0], points_of(parts)
    assert headline.text.startswith("None of the 10 pairs is decided: no algorithm is")
    told_of = dict(points.lines)
    assert told_of["Over all common tasks:"].startswith("None of 6 pairs that share several tasks is decided.")
    assert told_of["Acrobot-v1:"].startswith("None of 10 pairs is decided.")


def test_common_tasks_are_judged_together_on_normalised_scores(tmp_path):
    tasks = [TASK, Task("Acrobot-v1", 100, TASK.evaluation)]
    _, points = told(tmp_path, {"worse": LOW, "better": HIGH}, tasks)
    assert points.startswith("Over all common tasks: better is better than worse over 2 tasks (IQM ")


def test_who_is_no_better_than_random_and_which_runs_are_missing_is_said(tmp_path):
    groups = [group(n, 6, algorithm=n, config={"n": n}) for n in ("random", "weak", "strong")]
    store = suite_of(tmp_path, groups)
    play(store, groups[0], LOW)
    attempt = play(store, groups[1], [*LOW[:5], None])
    write_json(attempt / "exit.json", {"status": "failed", "message": "broke"})
    play(store, groups[2], HIGH)
    points = dict(points_of(section(Results(store)).parts).lines)
    assert points["Not shown to be better than random:"] == "weak on CartPole-v1."
    assert points["Without a score:"].startswith(
        "1 of 18 runs (1 failed), which are not included in any number. weak on CartPole-v1: 5 of 6"
    )


def test_one_algorithm_alone_has_nothing_to_be_compared_with(tmp_path):
    g = group("mine", 5)
    store = suite_of(tmp_path, [g])
    play(store, g, LOW[:5])
    assert "nothing to compare" in section(Results(store)).parts[0].text


def test_a_number_of_runs_that_is_there_is_never_named(tmp_path):
    """One wins a task, the other another, by far more than runs vary: exchanging labels gives such differences often."""
    tasks = [TASK, Task("Acrobot-v1", 100, TASK.evaluation)]
    groups = {n: [group(n, 5, task, n, {"n": n}) for task in tasks] for n in "ac"}
    store = suite_of(tmp_path, [g for pair in groups.values() for g in pair])
    for name, scores in (("a", (400.0, -480.0)), ("c", (295.0, -91.0))):
        for g, centre in zip(groups[name], scores):
            play(store, g, [centre + i for i in range(5)])
    parts = section(Results(store)).parts
    (_, text), *_ = points_of(parts).lines
    assert "the interval leaves 0 out, but exchanging labels within tasks often gives as large a difference" in text
    assert (
        "about 8 runs of each would show it" in text
        and "Undecided does not mean equal" in parts[parts.index(points_of(parts)) + 1].text
    )


def test_no_win_is_claimed_of_pairs_that_no_test_could_decide(tmp_path):
    """Seven algorithms with five runs each, wholly apart: 21 pairs, of which none can be shown, and that is the headline."""
    scores = {n: [100.0 * i + j for j in range(5)] for i, n in enumerate("abcdefg")}
    headline, points = told(tmp_path, scores)
    assert headline.startswith("None of the 21 pairs is decided: with so few runs no difference could be shown")
    assert "better than" not in headline + points and "every run of one scored higher" in points


def test_adaptive_seeds_have_the_word_since_only_their_verdict_allows_for_them(tmp_path):
    groups = [group(name, 5, config={"n": name}) for name in ("a", "b")]
    store = suite_of(tmp_path, groups)
    for g, scores in zip(groups, (LOW, HIGH)):
        play(store, g, scores[:5])
    suite = json.loads((tmp_path / "suite.json").read_text())
    write_json(tmp_path / "suite.json", with_checksum({**suite, "adaptive": True}))
    look = InterimAnalysis(1, "2026-01-01T00:00:00+00:00", (InterimResult("a", "b", 1, "better", "b", -0.5, 0.25),))
    tasks = {name: {"CartPole-v1": "k"} for name in "ab"}
    write_decisions(store, Decisions(Design(), "raw", tasks, {}, (look,)))
    parts = section(Results(store)).parts
    assert parts[0].text == "b is better than a: difference 0.5, boundary 0.25."
    assert "These verdicts allow for that" in parts[-1].text
