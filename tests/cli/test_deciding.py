"""`rlbench run --until-decided` as a user meets it: what it adds, where it stops, what it keeps and what it refuses."""

import json
import shutil

import pytest
from support.small_suites import FAILS, cells, rlbench

import rlbench as package
from rlbench.analysis.sequential_log import read_decisions
from rlbench.results import Store
from rlbench.results.score_anchors import shipped_anchors

SUITE = """
name: small
algorithms: [random, leans, {more}]
environments: [{{id: CartPole-v1, steps: 40}}]
seeds: 3
evaluation: {{every: 0, final_episodes: 2}}
"""
# Two runs against two have 6 relabellings, 2 of them as far out: too many for a third of 0.5 and, of 36, few enough at look 2.
DESIGN = ("--alpha", "0.5", "--group-size", "2", "--looks", "3")
SMALL = (*DESIGN, "-a", "random", "-a", "leans")


def files(folder):
    (folder / "p.py").write_text(
        FAILS.format(how="raise ValueError('no luck')").replace("> 0)", "+ 0.5 * obs[..., 3] > 0)")
    )
    (folder / "s.yaml").write_text(SUITE.format(more="fails"))
    return "run", folder / "s.yaml", "--plugin", folder / "p.py", "--executor", "serial", "-o", folder / "out"


@pytest.fixture(scope="module")
def decided(tmp_path_factory):
    folder = tmp_path_factory.mktemp("decided")
    return folder, rlbench(*files(folder), "--until-decided", *SMALL)


@pytest.fixture
def copied(decided, tmp_path):
    """The command line for a copy of the decided folder, to go on with."""
    shutil.copytree(decided[0] / "out", tmp_path / "out")
    return files(tmp_path)


def decisions(folder):
    return read_decisions(Store(folder))


def test_seeds_are_added_until_the_pair_is_decided_and_what_that_saved_is_said(decided):
    folder, ran = decided
    assert ran.returncode == 0, ran.stderr
    assert "interim analysis 1 of 3, 2 runs each: 1 pair still open" in ran.stderr
    assert "interim analysis 2 of 3, 4 runs each: 0 pairs still open" in ran.stderr
    assert "leans is better than random: difference" in ran.stdout and "8 of at most 12 runs: 4 saved" in ran.stdout
    found = decisions(folder / "out")
    assert found.finished and found.scale == "normalised" and found.design.group_size == 2
    assert [(r.outcome, r.winner, r.look) for r in found.last.values()] == [("better", "leans", 2)]
    assert [c["n_valid"] for c in cells(folder / "out")] == [4, 4, 0]


def test_the_numbers_are_kept_that_it_was_decided_by(decided):
    (reading,) = decisions(decided[0] / "out").last.values()
    by_name = {c["algorithm"]: c for c in cells(decided[0] / "out")}
    assert -reading.difference > reading.boundary > 0
    # of four runs the middle two are all that the IQM keeps, so only the order of size is the table's
    anchors = shipped_anchors()["CartPole-v1"]
    apart = (by_name["leans"]["iqm"] - by_name["random"]["iqm"]) / (anchors.upper - anchors.lower)
    assert -reading.difference == pytest.approx(apart, rel=0.1)


def test_the_same_command_again_trains_nothing_and_says_the_same(decided, copied):
    before = (decided[0] / "out/decisions.json").read_text()
    again = rlbench(*copied, "--until-decided", *SMALL)
    assert again.returncode == 0 and " 0 to do" in again.stderr and "look" not in again.stderr
    assert again.stdout == decided[1].stdout and (copied[-1] / "decisions.json").read_text() == before
    without_options = rlbench(*copied, "--until-decided", "-a", "random", "-a", "leans")
    assert without_options.stdout == decided[1].stdout


def test_a_look_that_was_lost_is_judged_again_from_the_runs_to_the_same_numbers(decided, copied):
    document = json.loads((copied[-1] / "decisions.json").read_text())
    document["looks"].pop()
    (copied[-1] / "decisions.json").write_text(json.dumps(document))
    again = rlbench(*copied, "--until-decided", *SMALL)
    assert " 0 to do" in again.stderr and again.stdout == decided[1].stdout
    assert decisions(copied[-1]).last == decisions(decided[0] / "out").last


def test_the_design_is_fixed_before_a_run_is_seen(copied):
    shutil.rmtree(copied[-1])
    stopped = rlbench(*copied, "--until-decided", *SMALL, "--stop-after", "0.000000001s")
    assert "interim analysis 1 skipped" in stopped.stderr and "no interim analysis yet" in stopped.stdout
    assert decisions(copied[-1]).looks == () and decisions(copied[-1]).design.alpha == 0.5
    assert "was started with --alpha 0.5" in rlbench(*copied, "--until-decided", *SMALL, "--alpha", "0.4").stderr


def test_cells_are_marked_in_the_table_as_long_as_the_seeds_were_added_until_decided(decided, copied):
    marked = rlbench("table", decided[0] / "out")
    assert marked.stdout.count("seeds added until decided") == 3 and "narrower than its level claims" in marked.stdout
    assert [c["marks"] for c in cells(decided[0] / "out")] == [["seeds added until decided"]] * 2 + [[]]
    plain = rlbench(*copied, "-a", "random", "-a", "leans")
    assert plain.returncode == 0 and "until decided" not in plain.stdout
    assert [(c["n"], c["marks"]) for c in cells(copied[-1])] == [(3, [])] * 3


@pytest.mark.parametrize(
    ("change", "options", "said"),
    [
        (None, ("--alpha", "0.1"), "was started with --alpha 0.5, not 0.1: this cannot change afterwards"),
        (None, ("--margin", "0"), "was started with --margin 0.05, not 0.0"),
        (None, ("--statistic", "iqm"), "was started with --statistic mean, not iqm"),
        (None, ("--looks", "4"), "was started with --looks 3, not 4"),
        (("steps: 40", "steps: 80"), (), "was started with different hyperparameters, budget or evaluation"),
        (("leans", "{id: leans, label: other}"), (), "was started with random on CartPole-v1; leans on CartPole-v1"),
        (
            ("id: CartPole-v1,", "id: CartPole-v1, anchors: {lower: 0, upper: 9},"),
            (),
            "anchors 22.1688 and 475 for CartPole-v1",
        ),
        (None, ("--rerun", "all"), "depend on the present runs"),
        (None, ("--rerun", "failed"), "depend on the present runs"),
    ],
)
def test_what_is_fixed_at_the_beginning_cannot_be_changed(copied, change, options, said):
    if change:
        copied[1].write_text(copied[1].read_text().replace(*change))
    before = (copied[-1] / "decisions.json").read_text()
    chosen = ("-a", "random", "-a", "leans")
    ran = rlbench(*copied, "--until-decided", *chosen, *options)
    assert ran.returncode == 2 and said in ran.stderr, ran.stderr
    assert (copied[-1] / "decisions.json").read_text() == before


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--until-decided", "-s", "4"), "--seeds contradicts --until-decided"),
        (("--alpha", "0.1"), "--alpha requires --until-decided"),
        (("--until-decided", "--alpha", "2"), "alpha is 2.0; it must be between 0 and 1"),
        (("--until-decided", "-a", "random"), "it needs at least two that share a task"),
        (("--until-decided", "--max-runs", "50"), "90 runs are over the limit of 50"),
    ],
)
def test_options_that_contradict_are_refused_before_anything_runs(tmp_path, options, said):
    ran = rlbench(*files(tmp_path), *options)
    assert ran.returncode == 2 and said in ran.stderr, ran.stderr
    assert not (tmp_path / "out").exists()


def test_tasks_without_anchors_are_not_judged_together(tmp_path):
    command = files(tmp_path)
    two = "environments: [{id: CartPole-v1, steps: 40}, {id: Acrobot-v1, steps: 40, kwargs: {render_mode: null}}]"
    command[1].write_text(command[1].read_text().replace("environments: [{id: CartPole-v1, steps: 40}]", two))
    ran = rlbench(*command, "--until-decided", "-a", "random", "-a", "leans")
    assert ran.returncode == 2 and "needs anchors for each; Acrobot-v1 has none" in ran.stderr, ran.stderr


def test_an_algorithm_whose_runs_all_fail_is_given_no_more_and_its_pairs_stay_undecided(copied):
    """Three pairs now, so it is another folder."""
    shutil.rmtree(copied[-1])
    ran = rlbench(*copied, "--until-decided", *DESIGN, "--json")
    assert ran.returncode == 1
    found = decisions(copied[-1])
    assert found.looks[0].left_out == ("fails",) and "fails on CartPole-v1: 0 of 2 runs" in found.looks[0].missing[0]
    assert found.outcomes["random", "fails"] == found.outcomes["leans", "fails"] == "undecided"
    assert found.runs_of("fails") == 2 and found.runs_of("leans") > 2
    last = json.loads(ran.stdout.splitlines()[-1])
    assert last["event"] == "decisions" and last["finished"] and last["runs"] == found.runs
    assert {p["difference"] for p in last["pairs"] if "fails" in (p["ours"], p["theirs"])} == {None}
    before = (copied[-1] / "decisions.json").read_text()
    again = rlbench(*copied, "--until-decided", *DESIGN)
    assert "was changed by another process" not in again.stderr and "because scores are missing" in again.stdout, (
        again.stderr
    )
    assert "start again in another folder" in again.stderr and "--rerun" not in again.stderr
    assert (copied[-1] / "decisions.json").read_text() == before


def test_a_look_of_which_runs_are_unfinished_is_not_judged(decided, copied):
    document = json.loads((copied[-1] / "decisions.json").read_text())
    document["looks"].pop()
    (copied[-1] / "decisions.json").write_text(json.dumps(document))
    results = sorted((copied[-1] / "runs").glob("leans*s03*/result.json"))
    results[0].unlink()
    dry = rlbench(*copied, "--until-decided", "--dry-run", *SMALL)
    assert "8 runs, 1 to do" in dry.stdout and len(decisions(copied[-1]).looks) == 1
    stopped = rlbench(*copied, "--until-decided", *SMALL, "--stop-after", "0.000000001s")
    assert stopped.returncode == 1 and "interim analysis 2 skipped: 1 of its runs" in stopped.stderr, stopped.stderr
    assert "8 of at most" not in stopped.stdout and "so far" in stopped.stdout and len(decisions(copied[-1]).looks) == 1
    resumed = rlbench(*copied, "--until-decided", *SMALL)
    assert resumed.stdout == decided[1].stdout


def test_the_same_from_python(decided, copied):
    design = {"alpha": 0.5, "group_size": 2, "looks": 3}
    options = {"plugins": copied[3], "quiet": True, "executor": "serial", "algorithms": ["random", "leans"]}
    frame = package.run(copied[1], copied[-1], until_decided=design, **options).decisions()
    assert list(frame["outcome"]) == ["", "better"] and list(frame["runs"]) == [2, 4]
    with pytest.raises(package.RlbenchError, match="until_decided has no option 'beta'"):
        package.run(copied[1], copied[-1], until_decided={"beta": 1}, **options)
    with pytest.raises(package.RlbenchError, match="contradict"):
        package.run(copied[1], copied[-1], until_decided=True, seeds=3, **options)
