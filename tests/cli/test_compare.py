"""`rlbench compare`: what its arguments mean, what it prints, and its exit codes."""

import json

import numpy as np
import pytest
from support.cli import rlbench
from support.result_folders import folder

CARTPOLE, PENDULUM = "CartPole-v1", "Pendulum-v1"


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    path = tmp_path_factory.mktemp("results")
    for seed, name in enumerate(("monday", "tuesday")):
        draw = np.random.default_rng(seed)
        scores = {
            label: {CARTPOLE: draw.normal(low, 5, 6).tolist(), PENDULUM: draw.normal(high, 5, 6).tolist()}
            for label, low, high in (("random", 22, -1200), ("slow", 100, -900), ("quick", 470, -150))
        }
        folder(path / name, scores)
    return path


def run(root, *arguments):
    return rlbench("compare", *arguments, RLBENCH_RESULTS=str(root))


def test_two_algorithms_of_a_folder_are_held_against_each_other(root):
    ran = run(root, "quick", "slow", "-d", "monday")
    assert ran.returncode == 0, ran.stderr
    lines = ran.stdout.splitlines()
    assert lines[0].startswith("quick better than slow over 2 tasks: 0.7")
    assert lines[1].startswith("quick better than slow on CartPole-v1: 37") and ", p 0." in lines[1]
    assert lines[2].startswith("quick better than slow on Pendulum-v1: 74")
    assert max(map(len, lines)) <= 80


def test_two_folders_mean_each_algorithm_against_itself_and_undecided_is_exit_code_5(root):
    ran = run(root, "monday", "tuesday", "--json")
    found = json.loads(ran.stdout)
    assert ran.returncode == 5 and not found["decided"] and found["family"] == {"over_tasks": 2, "per_task": 4}
    assert {row["ours"] for row in found["rows"]} == {"slow (monday)", "quick (monday)"}
    assert {row["environment"] for row in found["rows"]} == {"", CARTPOLE, PENDULUM}


def test_the_baseline_is_subtracted_also_of_folders(root):
    rows = json.loads(run(root, "monday", "tuesday", "--baseline", "monday", "--json").stdout)["rows"]
    assert {row["theirs"] for row in rows} == {"slow (monday)", "quick (monday)"}
    rows = json.loads(run(root, "-d", "monday", "--baseline", "random", "--json").stdout)["rows"]
    assert {(row["ours"], row["theirs"]) for row in rows} == {("slow", "random"), ("quick", "random")}


def test_without_arguments_all_pairs_but_those_with_random_of_the_newest_folder(root):
    assert {(r["ours"], r["theirs"]) for r in json.loads(run(root, "--json").stdout)["rows"]} == {("slow", "quick")}


def test_what_could_be_a_folder_or_an_algorithm_is_an_error_that_says_the_way_out(root, tmp_path):
    for name in ("quick", "slow"):
        folder(tmp_path / name, {"quick": {CARTPOLE: [1.0]}, "slow": {CARTPOLE: [1.0]}})
    ran = run(tmp_path, "quick", "slow")
    assert ran.returncode == 2 and "give -d DIRECTORY" in ran.stderr
    assert run(tmp_path, "quick", "slow", "-d", "quick").returncode == 5
    printed = run(tmp_path, f"{tmp_path}/quick", f"{tmp_path}/slow").stdout
    assert "quick (" in " ".join(printed.split())  # a long path stands on a line of its own


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("monday", "quick"), "monday is a folder with results, so exactly two folders are needed; quick is not one"),
        (("quick",), "quick alone cannot be compared: give two algorithms, --baseline or --curriculum"),
        (("quick", "slov", "-d", "monday"), "did you mean 'slow'"),
        (("monday", "tuesday", "--baseline", "quick"), "it has to be monday or tuesday"),
    ],
)
def test_what_cannot_be_meant_is_a_usage_error(root, arguments, told):
    ran = run(root, *arguments)
    assert ran.returncode == 2 and told in ran.stderr


def test_anchors_in_a_file_come_first(root, tmp_path):
    path = tmp_path / "mine.json"
    path.write_text(json.dumps({"anchors": {e: {"lower": -2000, "upper": 2000} for e in (CARTPOLE, PENDULUM)}}))
    rows = [
        json.loads(run(root, "-d", "monday", *more, "--json").stdout)["rows"][0] for more in ((), ("--anchors", path))
    ]
    assert abs(rows[1]["difference"]["estimate"]) < abs(rows[0]["difference"]["estimate"])


def test_runs_that_are_missing_are_named(tmp_path):
    folder(tmp_path / "s", {"quick": {CARTPOLE: [1.0, 2.0, 3.0, "failed"]}, "slow": {CARTPOLE: [1.0, 2.0, 3.0]}})
    ran = run(tmp_path)
    assert (
        "missing: quick on CartPole-v1: 3 of 4 runs, 1 interrupted" in ran.stdout and "descriptive only" in ran.stdout
    )


def test_algorithms_without_a_common_task_are_nothing_to_compare(tmp_path):
    folder(tmp_path / "s", {"quick": {CARTPOLE: [1.0, 2.0, 3.0]}, "slow": {PENDULUM: [1.0, 2.0, 3.0]}})
    ran = run(tmp_path)
    assert (ran.returncode, ran.stdout) == (4, "") and "nothing to compare" in ran.stderr
    assert run(tmp_path, "--json").returncode == 4


def test_anchors_that_are_none_are_a_usage_error(root, tmp_path):
    path = tmp_path / "mine.json"
    path.write_text(json.dumps({"anchors": {CARTPOLE: {"lower": 1, "upper": 1}}}))
    ran = run(root, "-d", "monday", "--anchors", path)
    assert ran.returncode == 2 and "is not above the lower anchor" in ran.stderr


def test_every_number_of_a_comparison_and_a_name_for_each_column_are_printed_on_request(root):
    lines = run(root, "quick", "slow", "-d", "monday", "-v").stdout.splitlines()
    (header,) = [line.split() for line in lines if "Hedges" in line]
    assert " ".join(header) == "pair A − B task A B n difference P(higher) p p, Holm verdict Cliff's δ Hedges' g"
    (row,) = [line for line in lines if "Pendulum-v1" in line]
    assert row.startswith("quick − slow   Pendulum-v1") and "better" in row and "6/6" in row


def test_a_note_is_marked_and_shown_on_request(tmp_path):
    low, high = [1.0, 2.0, 3.0, 4.0, 5.0], [11.0, 12.0, 13.0, 14.0, 15.0]
    folder(
        tmp_path / "s", {name: {CARTPOLE: scores} for name, scores in (("a", low), ("b", high), ("c", low), ("d", low))}
    )
    first = run(tmp_path).stdout.splitlines()[0]
    assert first.startswith("a and b undecided on CartPole-v1: −10") and first.endswith(" *")
    assert "every run of b scored higher" in run(tmp_path, "-v").stdout


def test_a_pair_that_so_few_runs_cannot_decide_is_named_with_the_seeds_that_it_takes(tmp_path):
    apart = {"quick": {CARTPOLE: [1.0] * 6}, "slow": {CARTPOLE: [0.0] * 6}, "even": {CARTPOLE: [0.0] * 6}}
    folder(tmp_path / "s", apart)
    told = (
        "with so few runs, p cannot fall to 0.05 for quick and slow on CartPole-v1: train more seeds (about 7 of each)"
    )
    for detail in ([], ["-v"]):
        ran = rlbench("compare", "quick", "slow", "-d", tmp_path / "s", *detail)
        assert ran.returncode == 5 and told in " ".join(ran.stdout.split())
    # Runs with equal estimates would not differ with more seeds.
    assert "so few runs" not in rlbench("compare", "slow", "even", "-d", tmp_path / "s").stdout
    every = " ".join(rlbench("compare", "-d", tmp_path / "s").stdout.split())
    assert "for quick and slow on CartPole-v1 and quick and even on CartPole-v1: train" in every
    folder(
        tmp_path / "t",
        {"quick": {CARTPOLE: [float(k) for k in range(6)]}, "slow": {CARTPOLE: [0.5 + k for k in range(6)]}},
    )
    assert "so few runs" not in rlbench("compare", "-d", tmp_path / "t").stdout


def test_long_names_are_wrapped_and_never_cut(tmp_path):
    names = "a" * 50, "b" * 50
    folder(tmp_path / "s", {name: {CARTPOLE: [1.0, 2.0, 3.0, 4.0, 5.0]} for name in names})
    told = run(tmp_path).stdout
    assert all(name in told for name in names) and max(map(len, told.splitlines())) <= 80
