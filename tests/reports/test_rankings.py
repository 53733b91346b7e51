"""The verdict at a glance: who leads, who is not shown to differ, and how sure that is."""

import json
from itertools import combinations

import numpy as np
import pytest
from support.report_pages import TASK, Page, group, play, suite_of

from rlbench.analysis import Results, suite_results
from rlbench.analysis.sequential_log import Decisions, InterimAnalysis, write_decisions
from rlbench.api import Task
from rlbench.api.sections import Folded, Paragraph, Ranking
from rlbench.reports.line_segments import segmented
from rlbench.reports.orderings import Ordering, orderings, together
from rlbench.reports.page import as_html, results_page
from rlbench.reports.ranking_strips import has_gap, ranking_strips
from rlbench.results.checksums import with_checksum
from rlbench.results.file_io import write_json
from rlbench.stats import Design, InterimResult

ACROBOT = Task("Acrobot-v1", 100, TASK.evaluation)
OWN = Task("Own-v0", 100, TASK.evaluation)  # without anchors


def scored(root, scores, tasks=(TASK,)):
    """A folder in which each algorithm has these scores on every task."""
    groups = [group(name, len(values), task, name, {"n": name}) for name, values in scores.items() for task in tasks]
    store = suite_of(root, groups)
    for g in groups:
        play(store, g, scores[g.label])
    return Results(store)


def around(centre, runs=8):
    return [centre + i for i in range(runs)]


# -- which lines there are ---------------------------------------------------------------------------------------
@pytest.mark.parametrize("seed", range(30))
def test_two_share_a_line_exactly_if_they_are_not_shown_to_differ(seed):
    draw = np.random.Generator(np.random.PCG64(seed))
    names = list("abcdefgh")
    apart = {pair for pair in combinations(names, 2) if draw.random() < draw.random()}
    lines = together(names, apart)
    sharing = {pair for line in lines for pair in combinations(line, 2)}
    assert sharing == set(combinations(names, 2)) - apart
    assert all(list(line) == sorted(line) for line in lines)
    assert not any(set(one) < set(other) for one in lines for other in lines)


def test_a_line_passes_below_one_that_differs_from_its_members():
    """b is shown to be better than c, and a than neither c nor b: the two lines are a, b and a, c."""
    ranking = Ranking("t", [("a", "3"), ("b", "2"), ("c", "1")], together("abc", {("b", "c")}))
    assert ranking.lines == [("a", "b"), ("a", "c")]
    assert [segments for _, _, segments in segmented(ranking)] == [["first", "first"], ["last", "past"], ["", "last"]]


def test_lines_that_do_not_overlap_share_a_height():
    ranking = Ranking("t", [(name, "") for name in "abcde"], [("a", "b"), ("d", "e")])
    assert [segments for _, _, segments in segmented(ranking)] == [["first"], ["last"], [""], ["first"], ["last"]]


@pytest.mark.parametrize(("pair", "dotted"), [(("b", "c"), True), (("a", "c"), False)])
def test_a_dotted_line_is_explained_only_where_there_is_one(pair, dotted):
    iqm = {"a": 3.0, "b": 2.0, "c": 1.0}
    assert has_gap(Ordering(("t",), iqm, (5, 5), (), True, 1, frozenset({pair}))) == dotted


# -- what they are made from -------------------------------------------------------------------------------------
def test_the_order_is_that_of_the_iqm_and_only_verdicts_part(tmp_path):
    results = scored(
        tmp_path, {"low": around(0.0), "high": around(200.5), "also": around(200.0), "random": around(9.0)}
    )
    (before, ranking, how) = ranking_strips(results)
    # IQM of 8: the mean of the middle four, which is the centre plus 3.5
    assert ranking.entries == [("high", "204.0"), ("also", "203.5"), ("low", "3.5")]
    assert ranking.lines == [("high", "also")] and ranking.apart == [("random", "12.5")]
    assert ranking.note == "2 of 3 pairs decided; 8 runs each"
    assert before.text.startswith("Best first") and how.quiet and how.text == "random is not compared."


def test_where_too_few_runs_could_decide_anything_everybody_is_joined(tmp_path):
    scores = {name: around(100.0 * place, 5) for place, name in enumerate("abcdefg")}
    ranking = ranking_strips(scored(tmp_path, scores))[1]
    assert ranking.lines == [tuple("gfedcba")]
    assert ranking.note == "0 of 21 pairs decided; 5 runs each; deciding any takes at least 7 runs each"


def test_under_five_runs_are_said_to_describe_only(tmp_path):
    ranking = ranking_strips(scored(tmp_path, {"a": around(0.0, 3), "b": around(9.0, 4)}))[1]
    assert ranking.note == "0 of 1 pair decided; 3 to 4 runs each: too few to decide" and ranking.lines == [("b", "a")]


def test_tasks_that_all_share_have_a_strip_of_their_own_on_normalised_scores(tmp_path):
    results = scored(tmp_path, {"a": around(0.0), "b": around(300.0)}, [TASK, ACROBOT, OWN])
    titles = [part.title for part in ranking_strips(results) if isinstance(part, Ranking)]
    assert titles == ["CartPole-v1 and Acrobot-v1", "CartPole-v1", "Acrobot-v1", "Own-v0"]
    assert orderings(results)[0].better == {("b", "a")}
    assert ranking_strips(results)[1].note.endswith("8 runs each on each task; normalised scores")


def test_a_verdict_against_the_order_of_the_scores_is_not_drawn_as_one_along_it(tmp_path, monkeypatch):
    results = scored(tmp_path, {"a": around(0.0), "b": around(300.0)})
    (row,) = results.all_pairs.rows
    assert row.verdict == "worse"
    object.__setattr__(row, "verdict", "better")  # as if "a" were better by training returns
    assert ranking_strips(results)[1].lines == [("b", "a")]


def test_a_task_that_was_not_tested_alone_joins_everybody_and_says_so(tmp_path, monkeypatch):
    monkeypatch.setattr(suite_results, "MANY_RUNS", 10)
    _, over, first, *_ = ranking_strips(scored(tmp_path, {"a": around(0.0), "b": around(300.0)}, [TASK, ACROBOT]))
    assert over.title == "All 2 tasks" and over.lines == []
    assert first.lines == [("b", "a")] and first.note == "not tested on this task alone; 8 runs each"


def test_where_seeds_were_added_until_decided_only_those_decisions_part(tmp_path):
    results = scored(tmp_path, {"a": around(0.0), "b": around(300.0), "c": around(600.0)})
    suite = json.loads((tmp_path / "suite.json").read_text())
    write_json(tmp_path / "suite.json", with_checksum({**suite, "adaptive": True}))
    look = InterimAnalysis(
        1,
        "2026-01-01T00:00:00+00:00",
        (InterimResult("a", "b", 1, "", "", -0.5, 0.6), InterimResult("a", "c", 1, "better", "c", -0.9, 0.6)),
    )
    tasks = {name: {"CartPole-v1": "k"} for name in "abc"}
    write_decisions(results.store, Decisions(Design(), "raw", tasks, {}, (look,)))
    ranking = ranking_strips(Results(results.store))[1]
    assert ranking.lines == [("c", "b"), ("b", "a")] and ranking.note == "1 of 3 pairs decided; 8 runs each"


def test_of_more_than_twenty_tasks_a_sentence_says_who_leads_and_the_strips_are_folded(tmp_path):
    tasks = [Task(f"T{i}-v0", 100, TASK.evaluation) for i in range(21)]
    _, sentence, folded = ranking_strips(scored(tmp_path, {"a": around(0.0, 3), "b": around(9.0, 3)}, tasks))
    assert isinstance(sentence, Paragraph) and isinstance(folded, Folded) and len(folded.parts) == 21
    assert sentence.text == (
        "Highest IQM: b on 21 tasks. On no task is one algorithm shown to be better than all others."
    )


def test_an_order_of_more_than_forty_is_not_drawn(tmp_path):
    (why,) = ranking_strips(scored(tmp_path, {f"a{i}": [1.0] for i in range(41)}))
    assert why.text == "With more than 40 algorithms, their order is not drawn."


# -- on the page -------------------------------------------------------------------------------------------------
def test_the_page_shows_the_strip_before_the_pairs_with_names_as_text(tmp_path):
    results = scored(tmp_path, {"<b>": around(0.0), "x&y": around(200.0), "z": around(200.5), "random": around(9.0)})
    html = as_html(results_page(results))
    page = Page(html)
    assert page.text.index("Not told apart: z, x&y .".replace(" .", ".")) < page.text.index("CartPole-v1: ")
    assert "b" not in {tag for tag, _ in page.tags}
    items = [attributes.get("class") for tag, attributes in page.tags if tag == "li"][:4]
    assert items == [None, None, None, "apart"]
    assert [a["class"] for tag, a in page.tags if tag == "i"] == ["first", "last", ""]
