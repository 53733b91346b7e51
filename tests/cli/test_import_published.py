"""Results that projects publish themselves: read from their files, scored by hand, and never ranked at other budgets."""

import gzip
import json
import shutil

import pytest
from support.small_suites import rlbench as command

import rlbench
from rlbench.api import Task
from rlbench.importers.imported_records import ImportedRecords, Publication, Row
from rlbench.importers.published_budget import named_as_in

POINTS = (0, 500, 1000)


def csv_text(column="reward", ends=(1000, 1000), first=1):
    """Return a file of TD-MPC2's layout: at each step, the score of a seed is the seed plus the step."""
    rows = [f"{step},{step + seed}.5,{seed}" for seed, end in enumerate(ends, first) for step in POINTS if step <= end]
    return "\n".join([f"step,{column},seed", *rows, ""])


def tdmpc2_folder(path, **texts):
    """Write METHOD/TASK.csv below a folder. texts: the files' contents, by `METHOD__TASK`."""
    for name, text in texts.items():
        method, _, task = name.partition("__")
        file = path / "results" / method / f"{task.replace('_', '-')}.csv"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    return path / "results"


def dreamer_run(task="dmc_walker_walk", method="dreamerv3", seed=0, steps=range(0, 4001, 50), returns=None):
    return {
        "task": task,
        "method": method,
        "seed": seed,
        "xs": list(steps),
        "ys": [float(step) for step in steps] if returns is None else returns,
    }


def scores_file(folder, *runs, name="dmc_proprio-dreamerv3.json.gz"):
    folder.mkdir(exist_ok=True)
    (folder / name).write_bytes(gzip.compress(json.dumps(runs).encode()))
    return folder / name


def runs_of(folder):
    rows = rlbench.load(folder).runs()
    return {(row.algorithm, row.environment, row.seed): (row.score, row.budget) for row in rows.itertuples()}


def results_of(folder):
    return [json.loads(path.read_text()) for path in sorted(folder.glob("runs/*/result.json"))]


def test_each_seed_of_a_tdmpc2_file_is_a_run_with_its_curve_its_score_and_its_project(tmp_path):
    folder = tdmpc2_folder(tmp_path, tdmpc2__cartpole_swingup_sparse=csv_text(), sac__cup_catch=csv_text(ends=(500,)))
    ran = command("import", "--from", "tdmpc2", folder, "-o", tmp_path / "out")
    assert ran.returncode == 0, ran.stderr
    swingup, catch = "dm_control/cartpole-swingup_sparse-v0", "dm_control/ball_in_cup-catch-v0"
    assert runs_of(tmp_path / "out") == {
        ("tdmpc2", swingup, 1): (1001.5, 1000),
        ("tdmpc2", swingup, 2): (1002.5, 1000),
        ("sac (tdmpc2)", catch, 1): (501.5, 500),
    }
    curve = rlbench.load(tmp_path / "out").evaluations().query("algorithm == 'tdmpc2' and seed == 2 and kind == 'grid'")
    # An evaluation stands at the last point of the grid (100, 200, …) before the next evaluation.
    assert curve[["step", "return_mean"]].to_numpy().tolist() == [[400, 2.5], [900, 502.5], [1000, 1002.5]]
    (result,) = (one for one in results_of(tmp_path / "out") if one["imported"]["published"]["method"] == "sac")
    assert (result["metering"], result["score_from"]) == ("self-reported", "evaluation")
    assert result["imported"]["published"] == {
        "by": "TD-MPC2",
        "method": "sac",
        "task": "cup-catch",
        "steps": "steps are environment steps (action repeat 2, so each decision of the agent is 2)",
        "scores": "scores are mean returns of evaluations, 10 episodes each",
        "quantity": "return",
    }
    assert "self-reported; published by TD-MPC2" in ran.stdout
    assert "steps are environment steps (action repeat 2" in ran.stdout


def test_success_rates_and_tasks_of_the_project_keep_its_names(tmp_path):
    folder = tdmpc2_folder(
        tmp_path,
        tdmpc2__mw_reach=csv_text("success"),
        tdmpc2__pendulum_spin=csv_text(),
        tdmpc2__myo_pose=csv_text("success"),
    )
    command("import", "--from", "tdmpc2", folder, "-o", tmp_path / "out")
    entries = {
        one["imported"]["published"]["task"]: one["imported"]["published"] for one in results_of(tmp_path / "out")
    }
    assert {environment for _, environment, _ in runs_of(tmp_path / "out")} == set(entries)
    assert {task: entry["quantity"] for task, entry in entries.items()} == {
        "mw-reach": "success rate",
        "pendulum-spin": "return",
        "myo-pose": "success rate",
    }
    assert "no action repeat" in entries["myo-pose"]["steps"] and "action repeat 2" in entries["mw-reach"]["steps"]


def test_a_dreamerv3_run_is_scored_by_the_last_fortieth_of_its_returns(tmp_path):
    path = scores_file(tmp_path / "scores", dreamer_run(), dreamer_run(seed=1, steps=range(0, 4001, 1000)))
    ran = command("import", "--from", "dreamerv3", path, "-o", tmp_path / "out")
    assert ran.returncode == 0, ran.stderr
    # The last fortieth of 4000 steps has the points 3950 and 4000 in the first run, and only 4000 in the second.
    assert runs_of(tmp_path / "out") == {
        ("dreamerv3", "dm_control/walker-walk-v0", 0): (3975.0, 4000),
        ("dreamerv3", "dm_control/walker-walk-v0", 1): (4000.0, 4000),
    }
    rows = rlbench.load(tmp_path / "out").runs().sort_values("seed")
    assert rows["training_return"].tolist() == [3975.0, 4000.0] and set(rows["score_from"]) == {"training"}
    assert "published by DreamerV3" in ran.stdout and "returns of training episodes" in ran.stdout


def test_benchmarks_with_the_same_tasks_get_different_labels_and_frames_of_atari_become_steps(tmp_path):
    folder = tmp_path / "scores"
    scores_file(folder, dreamer_run())
    scores_file(folder, dreamer_run(method="sac"), name="dmc_vision-sac.json.gz")
    scores_file(folder, dreamer_run("atari_up_n_down"), name="atari100k-dreamerv3.json.gz")
    scores_file(folder, dreamer_run("crafter_reward", "ppo_fixhp"), name="crafter-ppo_fixhp.json")
    ran = command("import", "--from", "dreamerv3", folder, "-o", tmp_path / "out")
    assert ran.returncode == 0, ran.stderr
    assert {(label, env): budget for (label, env, _), (_, budget) in runs_of(tmp_path / "out").items()} == {
        ("dreamerv3", "dm_control/walker-walk-v0"): 4000,
        ("sac-vision (dreamerv3)", "dm_control/walker-walk-v0"): 4000,
        ("dreamerv3-100k", "ALE/UpNDown-v5"): 1000,
        ("ppo_fixhp (dreamerv3)", "crafter_reward"): 4000,
    }
    assert "decisions of the agent (the project counts frames, 4 for each)" in ran.stdout


def test_points_without_a_return_are_left_out_and_counted(tmp_path):
    path = scores_file(tmp_path / "scores", dreamer_run(steps=(0, 50, 100), returns=[None, 1.0, 3.0]))
    ran = command("import", "--from", "dreamerv3", path, "-o", tmp_path / "out")
    assert "skipped: 1 point without a return" in ran.stderr and ran.returncode == 0
    assert [score for score, _ in runs_of(tmp_path / "out").values()] == [3.0]


def test_algorithms_and_tasks_are_selected_and_renamed(tmp_path):
    folder = tdmpc2_folder(
        tmp_path, tdmpc2__dog_run=csv_text(), tdmpc2__mw_reach=csv_text("success"), sac__dog_run=csv_text()
    )
    renamed = ("--rename", "dog-run=Dog-v0")
    ran = command(
        "import", "--from", "tdmpc2", folder, "-o", tmp_path / "out", "-a", "tdmpc2", "-e", "dog-run", *renamed
    )
    assert ran.returncode == 0, ran.stderr
    assert set(runs_of(tmp_path / "out")) == {("tdmpc2", "Dog-v0", 1), ("tdmpc2", "Dog-v0", 2)}
    for options, message in (
        (("-e", "dog-runs"), "-e dog-runs: no run in these files has this name"),
        (("--rename", "dog-run"), "should be TASK=ID"),
        (("--algorithm", "mine"), "--algorithm: the files of --from tdmpc2 contain this"),
    ):
        ran = command("import", "--from", "tdmpc2", folder, "-o", tmp_path / "none", *options)
        assert ran.returncode == 2 and message in ran.stderr, ran.stderr
    ran = command("import", folder, "-e", "dog-run", "-o", tmp_path / "none")
    assert ran.returncode == 2 and "it needs --from" in ran.stderr and not (tmp_path / "none").exists()


def test_importing_again_changes_nothing_and_other_rows_are_refused(tmp_path):
    folder, out = tdmpc2_folder(tmp_path, tdmpc2__dog_run=csv_text()), tmp_path / "out"
    command("import", "--from", "tdmpc2", folder, "-o", out)
    before = {path: path.read_bytes() for path in out.glob("runs/*/*")}
    again = command("import", "--from", "tdmpc2", folder / "tdmpc2", "-o", out)
    assert again.returncode == 0 and again.stderr.count("already there") == 2
    assert {path: path.read_bytes() for path in out.glob("runs/*/*")} == before
    tdmpc2_folder(tmp_path, tdmpc2__dog_run=csv_text().replace("1001.5", "7"))
    refused = command("import", "--from", "tdmpc2", folder, "-o", out)
    assert refused.returncode == 1 and "already in the folder with other rows" in refused.stderr
    replaced = command("import", "--from", "tdmpc2", folder, "-o", out, "--replace")
    assert replaced.returncode == 0 and runs_of(out)["tdmpc2", "dm_control/dog-run-v0", 1][0] == 7.0


def test_algorithms_trained_almost_equally_long_share_a_budget_and_others_have_their_own(tmp_path):
    long = "step,reward,seed\n0,1,1\n1000,2,1\n1050,3,1\n"
    folder = tdmpc2_folder(tmp_path, tdmpc2__dog_run=csv_text(ends=(1000,)), sac__dog_run=long)
    tdmpc2_folder(tmp_path, tdmpc2_pixels__dog_run=csv_text(ends=(500,)))
    command("import", "--from", "tdmpc2", folder, "-o", tmp_path / "out")
    assert {label: row for (label, _, _), row in runs_of(tmp_path / "out").items()} == {
        "tdmpc2": (1001.5, 1000),
        "sac (tdmpc2)": (2.0, 1000),
        "tdmpc2_pixels": (501.5, 500),
    }


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("step,reward,seed\n0,1,1\n10,,1\n", ":3: reward '' is not a number"),
        ("step,reward,seed\n0,1,1\n10,nan,1\n", ":3: reward 'nan' is not a number"),
        ("step,reward,seed\n0,1,1\n10,5\n", ":3: 2 values, but 3 columns"),
        ("step,reward,seed\n0,1,x\n", ":2: seed 'x' is not a whole number"),
        ("step,reward,seed\nmany,1,1\n", ":2: step 'many' is not a whole number"),
        (
            "step,return,seed\n0,1,1\n",
            ":1: a results file of TD-MPC2 has the columns step, reward or success, and seed",
        ),
        ("step,reward,seed\n", ": no rows in it"),
    ],
)
def test_a_broken_tdmpc2_file_is_left_out_whole_with_its_line(tmp_path, text, message):
    folder = tdmpc2_folder(tmp_path, tdmpc2__dog_run=text, tdmpc2__dog_walk=csv_text())
    ran = command("import", "--from", "tdmpc2", folder / "tdmpc2/dog-run.csv", "-o", tmp_path / "none")
    assert ran.returncode == 2 and f"dog-run.csv{message}" in ran.stderr, ran.stderr
    assert not (tmp_path / "none/runs").exists()
    ran = command("import", "--from", "tdmpc2", folder, "-o", tmp_path / "out")
    assert ran.returncode == 1 and {task for _, task, _ in runs_of(tmp_path / "out")} == {"dm_control/dog-walk-v0"}


def test_a_seed_whose_steps_go_back_is_left_out_alone(tmp_path):
    text = csv_text() + "0,1,1\n1000,2,1\n"
    ran = command("import", "--from", "tdmpc2", tdmpc2_folder(tmp_path, tdmpc2__dog_run=text), "-o", tmp_path / "out")
    assert ran.returncode == 1 and "dog-run.csv:8: the steps of seed 1 go back to 0 from 1,000" in ran.stderr
    assert {seed for _, _, seed in runs_of(tmp_path / "out")} == {2}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('[\n{"task": 1\n', ":3: not JSON"),
        ('{"task": "x"}', "a JSON list of objects with task, method, seed, xs, ys; this one is no list"),
        ("[]", "this one is empty"),
        (json.dumps([dreamer_run(), {"task": "x", "method": "y"}]), "entry 2 has no seed and no xs and no ys"),
        (json.dumps([dreamer_run(returns=[1.0])]), "entry 1: xs and ys should be lists of one length, got 81 and 1"),
        (json.dumps([dreamer_run(steps=(0, 5), returns=[1, "2"])]), "entry 1: ys[1] is '2', not a number"),
        (json.dumps([dreamer_run(steps=(5, 0))]), "entry 1: xs[1] is 0, less than the value before it"),
        (json.dumps([dreamer_run(steps=(0, 0.5))]), "entry 1: xs[1] is 0.5, not a whole number"),
        (json.dumps([dreamer_run(seed="a")]), "entry 1: seed 'a' is not a whole number"),
        (json.dumps([dreamer_run(steps=(5,), returns=[None])]), "entry 1: no returns in it"),
    ],
)
def test_a_broken_dreamerv3_file_is_left_out_whole_with_its_place(tmp_path, text, message):
    (tmp_path / "dmc.json").write_text(text)
    ran = command("import", "--from", "dreamerv3", tmp_path / "dmc.json", "-o", tmp_path / "none")
    assert ran.returncode == 2 and message in ran.stderr and "dmc.json" in ran.stderr, ran.stderr
    assert not (tmp_path / "none/runs").exists()


SUITE = """name: ours
algorithms: [random, reinforce, a2c]
environments: [{id: CartPole-v1, steps: 1000, evaluation: {every: 0, final_episodes: 3}}]
seeds: 5
"""


@pytest.fixture(scope="module")
def ours(tmp_path_factory):
    folder = tmp_path_factory.mktemp("ours")
    (folder / "ours.yaml").write_text(SUITE)
    ran = command("run", folder / "ours.yaml", "-o", folder / "out")
    assert ran.returncode == 0, ran.stderr
    return folder / "out"


def rival(tmp_path, out, *options, column="reward", seeds=5):
    path = tdmpc2_folder(tmp_path, tdmpc2__dog_run=csv_text(column, ends=(1000,) * seeds).replace("1000,", "9000,"))
    ran = command("import", "--from", "tdmpc2", path, "--rename", "dog-run=CartPole-v1", "-o", out, *options)
    assert ran.returncode == 0, ran.stderr


def verdict(out, *names):
    ran = command("compare", *names, "-d", out, "--json")
    return json.loads(ran.stdout) if ran.stdout else ran


def test_a_rival_at_another_budget_is_shown_but_neither_ranked_nor_in_the_family_of_our_tests(tmp_path, ours):
    out = tmp_path / "out"
    shutil.copytree(ours, out)
    before = verdict(out)["rows"]
    rival(tmp_path, out)
    assert runs_of(out)["tdmpc2", "CartPole-v1", 1] == (1001.5, 9000)
    assert runs_of(out)["a2c", "CartPole-v1", 0][1] == 1000
    after = verdict(out)
    assert after["rows"] == before  # the p-values of our pairs are those without the rival
    differ = "tdmpc2 on CartPole-v1: the budgets differ, 1,000 against 9,000 steps"
    assert [text for text in after["apart"] if "budgets" in text] == [f"reinforce − {differ}", f"a2c − {differ}"]
    text = command("compare", "tdmpc2", "a2c", "-d", out)
    assert text.returncode == 4 and "the budgets differ, 9,000 against 1,000 steps" in text.stderr
    table = command("table", out).stdout
    assert "9,000 steps; self-reported; published by TD-MPC2" in table
    assert command("report", out).returncode == 0
    page = (out / "report.html").read_text()
    assert "Published by TD-MPC2:" in page and "the two are not compared or ranked" in page
    assert "0 of 1 pair decided" in page or "1 of 1 pair decided" in page  # reinforce and a2c, without the rival


def test_at_the_same_budget_a_rival_is_compared_with_a_warning(tmp_path, ours):
    out = tmp_path / "out"
    shutil.copytree(ours, out)
    path = tdmpc2_folder(tmp_path, tdmpc2__dog_run=csv_text(ends=(1000,) * 5))
    command("import", "--from", "tdmpc2", path, "--rename", "dog-run=CartPole-v1", "-o", out)
    document = verdict(out, "tdmpc2", "a2c")
    assert [(row["verdict"], row["n"]) for row in document["rows"]] == [("better", [5, 5])]
    assert document["self_reported"] == ["tdmpc2"] and "published by TD-MPC2" in document["published"][0]


def test_a_success_rate_is_not_compared_with_a_return(tmp_path, ours):
    out = tmp_path / "out"
    shutil.copytree(ours, out)
    path = tdmpc2_folder(tmp_path, tdmpc2__mw_reach=csv_text("success", ends=(1000,) * 5))
    command("import", "--from", "tdmpc2", path, "--rename", "mw-reach=CartPole-v1", "-o", out)
    refused = command("compare", "tdmpc2", "a2c", "-d", out)
    assert refused.returncode == 4 and "one has a success rate and the other a return" in refused.stderr


def test_the_folders_own_id_of_the_environment_is_used():
    records = ImportedRecords(
        "f", [Row(1, 1.0)], "tdmpc2", "dm_control/walker-walk-v0", 1, publication=Publication("P", "m", "t", "", "")
    )
    tasks = {"walk": Task("shimmy:dm_control/walker-walk-v0", 100, label="walk")}
    assert named_as_in(records, tasks).environment == "walk"
    assert named_as_in(records, {}).environment == "dm_control/walker-walk-v0"
