"""The report: one file that says what the results say, names what is missing, and shows every name as text."""

import json
import re
from html import unescape

import numpy as np
import pytest
from numpy.random import PCG64, Generator
from ruamel.yaml import YAML
from support.read_back import render
from support.report_pages import TASK, grid_of, group, page_of, play, suite_of

from rlbench.analysis.learning_curves import estimate
from rlbench.api import Task, Wrapper
from rlbench.api.series_styles import DARK, GREY, LIGHT, series_styles
from rlbench.reports.curve_figures import learning_curves, single_runs
from rlbench.reports.svg_figures import inline, save
from rlbench.results import Store
from rlbench.results.checksums import with_checksum
from rlbench.results.file_io import write_json
from rlbench.stats import iqm, percentile_interval


# -- scores ------------------------------------------------------------------------------------------------------
def test_the_table_has_the_iqm_of_the_scores_and_how_many_they_are(tmp_path):
    g = group("mine")
    store = suite_of(tmp_path, [g])
    play(store, g, [500.0, 0.0, 10.0, 20.0, 30.0])
    interval, n, training, note = page_of(store).row("mine", "20.0")[2:]
    low, high = map(float, interval.strip("[]").split(", "))
    assert (n, training, note) == ("5/5", "7.0", "") and 0 <= low < 20 < high <= 500


def test_under_five_runs_a_row_is_descriptive_and_under_three_it_has_no_interval(tmp_path):
    groups = [group("four", 4, config={"a": 1}), group("two", 2, config={"a": 2})]
    store = suite_of(tmp_path, groups)
    for g in groups:
        play(store, g, [1.0, 2.0, 3.0, 4.0])
    page = page_of(store)
    assert "descriptive only" in page.row("four", "2.50")[5] and page.row("four", "2.50")[2].startswith("[")
    assert "descriptive only" in page.row("two", "1.50")[5] and page.row("two", "1.50")[2] == "–"


@pytest.mark.parametrize(
    ("scores", "said"),
    [
        ([21.0, 22, 23, 24, 25], False),
        ([19.0] * 5, True),  # above the IQM of random, within its interval
        ([1.0, 2, 3, 4, 5], True),
        ([1.0, 2, 300, 400, 500], True),
    ],
)
def test_a_cell_whose_interval_does_not_lie_above_that_of_random_says_so(tmp_path, scores, said):
    chance, mine = group("chance"), group("mine", algorithm="mine")
    store = suite_of(tmp_path, [chance, mine])
    play(store, chance, [16.0, 17.0, 18.0, 19.0, 20.0])
    play(store, mine, scores)
    notes = notes_by_task(page_of(store))
    assert ("not shown to be better than random" in notes["mine"]) is said
    assert "better than random" not in notes["chance"]


def test_without_an_interval_nothing_is_said_against_random(tmp_path):
    chance, mine = group("chance"), group("mine", 2, algorithm="mine")
    store = suite_of(tmp_path, [chance, mine])
    play(store, chance, [16.0, 17.0, 18.0, 19.0, 20.0])
    play(store, mine, [1.0, 2.0])
    assert "better" not in notes_by_task(page_of(store))["mine"]


def notes_by_task(page):
    """The notes of the table with one row for each algorithm and task."""
    start = page.rows.index(["algorithm", "IQM", "95 % interval", "n", "training", "note"])
    return {row[0].strip(): row[5].strip() for row in reversed(page.rows[start + 1 :]) if len(row) == 6}


# -- what is not there ---------------------------------------------------------------------------------------------
def test_every_run_that_is_not_done_is_named_and_enters_no_number(tmp_path):
    done, lost, broken, apart = (group(label, 3, config={"a": label}) for label in ("done", "lost", "broken", "apart"))
    waiting = group("waiting", 3, Task("Acrobot-v1", 100))
    store = suite_of(tmp_path / "out", [done, lost, broken, apart, waiting])
    play(store, done, [1.0, 2.0, 3.0])
    attempt = play(store, lost, [7.0, None, None])
    write_json(attempt / "exit.json", {"status": "failed", "message": "a mistake of its own"})
    play(store, broken, [4.0, 5.0, 9.0])
    (store.folder(broken.runs[2]) / "episodes.parquet").write_bytes(b"x")
    play(
        store, apart, [6.0, float("nan"), 6.0], [[], [(50, -3.0)], []], ["done", "diverged", "done"], message="diverged"
    )
    page = page_of(store)
    assert page.row("lost", "CartPole-v1") == ["lost", "CartPole-v1", "1, 2", "failed", "a mistake of its own"]
    assert page.row("broken", "CartPole-v1")[2:4] == ["2", "corrupt"]
    assert page.row("broken", "CartPole-v1")[4].startswith("runs/")  # not where the folder happens to lie
    assert page.row("apart", "CartPole-v1")[2:] == ["1", "diverged", "diverged; counts with the score −3.00"]
    assert page.row("waiting", "Acrobot-v1")[2:4] == ["0–2", "pending"]
    assert page.row("lost", "7.00")[3] == "1/3" and page.row("broken", "4.50")[3] == "2/3"
    assert "9 of 15 runs finished (1 diverged), 2 failed, 3 pending, 1 corrupt" in page.text


def test_while_the_suite_runs_the_page_says_how_far_it_is(tmp_path):
    first, second = group("first", 2), group("second", 3, config={"a": 1})
    store = suite_of(tmp_path, [first, second])
    play(store, first, [1.0, 2.0])
    (play(store, second, [None] * 3) / "made-by.json").write_text("{}")
    store.lock()  # one harness writes, another process reads
    try:
        assert "2 of 5 runs finished, 3 running" in page_of(Store(tmp_path)).text
    finally:
        store.unlock()


def test_skipped_pairs_are_listed_with_their_reason(tmp_path):
    store = suite_of(tmp_path, [group()])
    suite = json.loads((tmp_path / "suite.json").read_text())
    pair = {"algorithm": "dqn", "environment": "Pendulum-v1", "reason": "actions are Box", "status": "skipped"}
    write_json(tmp_path / "suite.json", with_checksum({**suite, "skipped": [pair]}))
    assert page_of(store).row("dqn") == ["dqn", "Pendulum-v1", "skipped", "actions are Box"]


# -- curves --------------------------------------------------------------------------------------------------------
def test_a_band_is_the_percentile_interval_of_each_step():
    values = Generator(PCG64(0)).normal([[0.0, 100.0, -5.0]], [[1.0, 30.0, 0.1]], (9, 3))
    centre, low, high = estimate(values, Generator(PCG64(1)))
    for step in range(3):
        wanted = percentile_interval(values[:, step], iqm, Generator(PCG64(2)), resamples=50_000)
        width = wanted[1] - wanted[0]
        assert centre[step] == pytest.approx(iqm(values[:, step]))
        assert (low[step], high[step]) == pytest.approx(wanted, abs=0.08 * width)


def test_a_nan_is_never_averaged_and_two_runs_have_no_band():
    nan = float("nan")
    values = np.array([[1.0, 1.0, nan, nan], [2.0, nan, nan, nan], [6.0, 3.0, 4.0, nan]])
    centre, low, high = estimate(values, Generator(PCG64(0)))
    assert centre == pytest.approx([3.0, 2.0, 4.0, nan], nan_ok=True)
    assert low[0] == 1.0 and high[0] == 6.0 and np.isnan([low[1:], high[1:]]).all()


def test_a_run_that_diverged_goes_on_to_count_in_the_curve(tmp_path):
    g = group("mine", 3)
    store = suite_of(tmp_path, [g])
    grid = [[(50, 10.0), (100, 10.0)], [(50, 10.0), (100, 40.0)], [(50, -2.0)]]
    play(store, g, [10.0, 40.0, float("nan")], grid, ["done", "done", "diverged"])
    (described,) = [a["aria-label"] for t, a in page_of(store).tags if a.get("aria-label", "").startswith("Learning")]
    assert "mine 16.0 at step 100" in described  # (10 + 40 − 2) / 3, not (10 + 40) / 2


def test_no_more_than_a_hundred_runs_are_drawn_singly_and_the_caption_says_so():
    grid = grid_of(np.arange(250.0)[:, None] * [[1.0, 2.0]])
    figure = learning_curves([grid], "task", TASK.evaluation, series_styles(["many"]), "p", single_runs([grid]))
    assert "many 100 of 250" in figure.method
    longest = max(re.findall(r' d="([^"]*)"', inline(figure)), key=len)
    assert longest.count("M") == 100


def test_the_more_curves_a_page_has_the_fewer_runs_are_drawn_singly():
    grid = grid_of(np.ones((250, 200)))
    assert [single_runs([grid] * n) for n in (1, 10, 100)] == [100, 30, 3]


def test_an_algorithm_has_its_colour_in_every_figure_and_in_the_order_of_the_suite(tmp_path):
    other = Task("Acrobot-v1", 100, TASK.evaluation)
    own = {"a": group("a", 3, algorithm="a"), "b": group("b", 3, algorithm="b")}
    groups = [*own.values(), group("b", 3, other, "b")]
    store = suite_of(tmp_path, groups)
    for g in groups:
        play(store, g, [1.0, 2.0, 3.0], [[(50, 1.0), (100, 2.0)]] * 3)
    text = render(store)
    figures = re.findall(r'<svg viewBox[^>]*role="img" aria-label="(.*?)">(.*?)</svg>', text, re.DOTALL)
    used = {label: set(re.findall(r"var\(--c(\d+)", drawn)) for label, drawn in figures if "Acrobot-v1" in label}
    assert len(used) == 5 and set(map(frozenset, used.values())) == {frozenset("1")}
    used = {label: set(re.findall(r"var\(--c(\d+)", drawn)) for label, drawn in figures if "on CartPole-v1" in label}
    assert len(used) == 5 and set(map(frozenset, used.values())) == {frozenset("01")}


@pytest.mark.parametrize("name", ["_mine", "$a_b$"])
def test_a_name_that_means_something_to_the_drawing_library_is_a_name(tmp_path, name):
    g = group(name, 3)
    store = suite_of(tmp_path, [g])
    play(store, g, [1.0, 2.0, 3.0], [[(50, 1.0), (100, 2.0)]] * 3)
    assert page_of(store).texts.count(name) == 1  # beside the dots; the legends of the page are no part of figures
    figure = learning_curves([grid_of(np.ones((3, 2)), name)], "t", TASK.evaluation, series_styles([name]), "f")
    save(figure, series_styles([name]), tmp_path / "f.svg")
    assert f">{name}</text>" in (tmp_path / "f.svg").read_text()


def test_colours_stand_out_from_their_background():
    def luminance(colour):
        channels = np.array([int(colour[i : i + 2], 16) for i in (1, 3, 5)]) / 255
        return np.where(channels <= 0.04045, channels / 12.92, ((channels + 0.055) / 1.055) ** 2.4) @ [
            0.2126,
            0.7152,
            0.0722,
        ]

    assert all(1.05 / (luminance(colour) + 0.05) >= 3 for colour in (*LIGHT, GREY[0]))
    assert all((luminance(colour) + 0.05) / (luminance("#15181c") + 0.05) >= 3 for colour in (*DARK, GREY[1]))


# -- cost, protocol, provenance --------------------------------------------------------------------------------------
def test_costs_are_medians_and_speed_is_that_of_the_stack(tmp_path):
    g = group("mine", 3)
    store = suite_of(tmp_path, [g])
    for seed, seconds in enumerate((4.0, 8.0, 1000.0)):
        scores = [None] * 3
        scores[seed] = 1.0
        play(store, g, scores, group_wall_seconds=seconds)
    row = page_of(store).row("mine", "50")  # 100 steps × 4 seeds / 8 s
    assert row == ["mine", "50", "6.0", "2.0", "0.002", "3", "4", "3"]


def test_a_banner_names_an_algorithm_whose_runs_were_made_by_differing_code(tmp_path):
    mine, other = group("mine", 3, algorithm="mine"), group("other", 2, algorithm="other")
    store = suite_of(tmp_path, [mine, other])
    play(store, mine, [1.0, 2.0, None])
    play(store, other, [1.0, 2.0], code={"distribution": "rlbench", "plugin_sources": "cccc"})
    assert "differing" not in page_of(store).text
    play(store, mine, [None, None, 3.0], code={"distribution": "rlbench", "plugin_sources": "bbbb"})
    said = page_of(store).text
    assert "mine: its runs were produced by differing code" in said
    assert "plugin_sources: aaaa (2 runs), bbbb (1 run)" in said
    assert "other: its runs" not in said and "differing numerics" not in said


def test_seeds_dealt_over_devices_of_one_kind_are_no_difference(tmp_path):
    g = group("mine", 3)
    store = suite_of(tmp_path, [g])
    play(store, g, [1.0, None, None], numerics={"device": "cuda:0"})
    play(store, g, [None, 2.0, None], numerics={"device": "cuda:1"})
    assert "differing" not in page_of(store).text
    play(store, g, [None, None, 3.0], numerics={"device": "cpu"})
    assert "device: cuda (2 runs), cpu (1 run)" in page_of(store).text


def test_protocol_and_resolved_hyperparameters_are_there(tmp_path):
    task = Task("Foo-v0", 2000, TASK.evaluation, {"wind": True}, (Wrapper("m:Scale", {"by": 2}),))
    g = group("mine", 3, task, config={"learning_rate": 0.001, "net_arch": [64, 64]})
    page = page_of(suite_of(tmp_path, [g]))
    assert page.row("Foo-v0", "2,000") == [
        "Foo-v0",
        "2,000",
        "50",
        "2",
        "3",
        "greedy",
        "gymnasium; wind true; m:Scale by 2",
    ]
    assert page.row("learning_rate")[1] == "0.001" and page.row("net_arch")[1] == "[64, 64]"
    assert "Seeds 0–2 of the training space; float32" in page.text


def test_provenance_counts_what_is_distinct(tmp_path):
    g = group("mine", 3)
    store = suite_of(tmp_path, [g])
    play(store, g, [1.0, 2.0, None])
    play(store, g, [None, None, 3.0], hardware={"cpu": "another"})
    page = page_of(store)
    assert "hardware: 2 distinct" in page.text and "versions: 1 distinct" in page.text
    assert page.row("cpu a <fast> one; cores 2; memory 16.0 GiB") == [
        "cpu a <fast> one; cores 2; memory 16.0 GiB",
        "random",
        "2",
    ]


def test_the_suite_on_the_page_reads_back_equal(tmp_path):
    more = {
        "seeds": [0, 1],
        "evaluation": {"every": None, "policy": "greedy"},
        "device": "yes",
        "learning_rate": 1e-8,
        "odd": "#: \u202e",
    }
    store = suite_of(tmp_path, [group("mine: - 深度", config={"a": 1})], **more)
    (shown,) = re.findall(r"<pre>(name.*?)</pre>", render(store), re.DOTALL)
    assert YAML(typ="safe").load(unescape(shown)) == store.suite()["suite"]
