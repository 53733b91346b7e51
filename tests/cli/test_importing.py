"""Results made elsewhere: read from three kinds of file, scored by hand, marked, and kept beside what is metered."""

import importlib.util
import json
import os

import pytest
from support.small_suites import LIGHT
from support.small_suites import rlbench as command

import rlbench

SETTINGS = ("--algorithm", "theirs", "--environment", "CartPole-v1")


def scores(folder):
    rows = rlbench.load(folder).runs()
    assert set(rows.loc[rows["algorithm"] != "random", "metering"]) <= {"self-reported"}
    return {(row.algorithm, row.environment, row.seed): row.score for row in rows.itertuples()}


def test_a_csv_file_of_many_runs_is_cut_where_the_shortest_ends(tmp_path):
    lines = ["algo,env_id,seed,global_step,episodic_return"]
    lines += [f"a,X-v0,{seed},{step},{step + seed}" for step in range(10, 101, 10) for seed in (0, 1)]
    lines += [f"b,X-v0,0,{step},1" for step in range(10, 201, 10)]
    (tmp_path / "r.csv").write_text("\n".join(lines))
    ran = command("import", tmp_path / "r.csv", "-o", tmp_path / "out")
    assert ran.returncode == 0 and "3 runs imported" in ran.stderr, ran.stderr
    assert scores(tmp_path / "out") == {("a", "X-v0", 0): 55.0, ("a", "X-v0", 1): 56.0, ("b", "X-v0", 0): 1.0}
    rows = rlbench.load(tmp_path / "out").runs()
    assert set(rows["budget"]) == {100} and set(rows["steps"]) == {100}
    grid = rlbench.load(tmp_path / "out").evaluations().query("algorithm == 'a' and seed == 0 and kind == 'grid'")
    # Points at 10, 20, …: the mean of the latest ten episodes up to each.
    assert grid["return_mean"].tolist() == [10 * (k + 1) / 2 for k in range(1, 11)]
    assert command("report", tmp_path / "out").returncode == 0
    assert "Self-reported:</" in (tmp_path / "out/report.html").read_text()
    compared = command("compare", "a", "b", "-d", tmp_path / "out").stdout
    assert "self-reported, so a difference may come from the protocol: a, b" in compared


def test_evaluations_count_where_there_are_some(tmp_path):
    lines = ["step,return,kind", "40,1,episode", "50,7,evaluation", "90,2,episode", "100,9,evaluation"]
    (tmp_path / "r.csv").write_text("\n".join(lines))
    command("import", tmp_path / "r.csv", *SETTINGS, "-o", tmp_path / "out")
    assert scores(tmp_path / "out") == {("theirs", "CartPole-v1", 0): 9.0}


def test_monitor_files_of_one_folder_are_one_run_in_the_order_of_its_episodes_ends(tmp_path):
    folder = tmp_path / "logs/ppo/CartPole-v1_3"
    folder.mkdir(parents=True)
    for rank, episodes in enumerate([[(5, 10, 1.0), (7, 30, 4.0)], [(6, 20, 1.5)]]):
        head = "#" + json.dumps({"t_start": 100.0 + rank, "env_id": "CartPole-v1"})
        rows = [f"{r},{length},{t}" for r, length, t in episodes]
        (folder / f"{rank}.monitor.csv").write_text("\n".join([head, "r,l,t", *rows, ""]))
    ran = command("import", tmp_path / "logs", "--path", "{algorithm}/{environment}_{seed}", "-o", tmp_path / "out")
    assert ran.returncode == 0, ran.stderr
    assert scores(tmp_path / "out") == {("ppo", "CartPole-v1", 3): 6.0}
    episodes = rlbench.load(tmp_path / "out").episodes()
    assert episodes[["step", "return", "length"]].to_numpy().tolist() == [[10, 5, 10], [30, 6, 20], [60, 7, 30]]


@pytest.mark.skipif(importlib.util.find_spec("tensorboard") is None, reason="needs the extra tensorboard")
@pytest.mark.parametrize(("tag", "score"), [(None, 25.0), ("eval/mean_reward", 7.0)])
def test_tensorboard_files_are_read_by_their_tag(tmp_path, tag, score):
    from torch.utils.tensorboard import SummaryWriter

    writer = SummaryWriter(str(tmp_path / "runs/CartPole-v1__ppo__1__99"))
    for step in (10, 20, 30, 40):
        writer.add_scalar("charts/episodic_return", step, step)
    writer.add_scalar("eval/mean_reward", 7.0, 40)
    writer.close()
    told = ("--tag", tag) if tag else ()
    place = ("--path", "{environment}__{algorithm}__{seed}__99", "-o", tmp_path / "out")
    ran = command("import", tmp_path / "runs", *place, *told)
    assert ran.returncode == 0, ran.stderr
    assert scores(tmp_path / "out") == {("ppo", "CartPole-v1", 1): score}
    refused = command("import", tmp_path / "runs", *place, "--tag", "loss")
    assert (
        refused.returncode == 2 and "no scalar loss; it has charts/episodic_return, eval/mean_reward" in refused.stderr
    )


@pytest.mark.skipif(importlib.util.find_spec("tensorboard") is None, reason="needs the extra tensorboard")
def test_a_running_mean_of_training_is_training_and_its_last_value_the_score(tmp_path):
    from torch.utils.tensorboard import SummaryWriter

    writer = SummaryWriter(str(tmp_path / "tb"))
    lines = ["rollout/ep_rew_mean,time/total_timesteps"]
    for step in (10, 20, 30, 40):
        writer.add_scalar("rollout/ep_rew_mean", step, step)
        lines.append(f"{step},{step}")
    writer.close()
    (tmp_path / "progress.csv").write_text("\n".join(lines) + "\n")
    columns = ("--column", "return=rollout/ep_rew_mean", "--column", "step=time/total_timesteps")
    for source, more in (("tb", ()), ("progress.csv", columns)):
        out = tmp_path / f"out-{source}"
        ran = command("import", tmp_path / source, *SETTINGS, *more, "-o", out)
        assert ran.returncode == 0 and "single episode" not in ran.stderr, ran.stderr
        (row,) = rlbench.load(out).runs().itertuples()
        assert (row.score, row.training_return, row.score_from) == (40.0, 40.0, "training")
        curve = rlbench.load(out).evaluations().query("kind == 'grid'")
        assert curve["return_mean"].tolist() == [10.0, 20.0, 30.0, 40.0]
    (tmp_path / "r.csv").write_text("step,mean_return\n10,1\n20,3\n")
    ran = command("import", tmp_path / "r.csv", *SETTINGS, "-o", tmp_path / "other")
    assert "each mean_return is read as the return of a single episode" in ran.stderr


def test_the_score_is_of_the_last_hundred_training_episodes_whatever_the_folder_plays(tmp_path):
    (tmp_path / "s.yaml").write_text(LIGHT.format(more="").replace(", ]", "]"))
    assert command("run", tmp_path / "s.yaml", "-o", tmp_path / "out").returncode == 0
    (tmp_path / "r.csv").write_text("step,return\n" + "".join(f"{step},{step}\n" for step in range(1, 161)))
    for out in ("out", "alone"):
        assert command("import", tmp_path / "r.csv", *SETTINGS, "-o", tmp_path / out).returncode == 0
        assert scores(tmp_path / out)["theirs", "CartPole-v1", 0] == 110.5


def test_what_is_imported_stays_beside_a_suite_that_is_run_again(tmp_path):
    (tmp_path / "s.yaml").write_text(LIGHT.format(more="").replace(", ]", "]"))
    (tmp_path / "r.csv").write_text("step,return\n100,5\n159,7\n400,1000\n")
    run = ("run", tmp_path / "s.yaml", "-o", tmp_path / "out")
    assert command(*run).returncode == 0
    assert command("import", tmp_path / "r.csv", *SETTINGS, "-o", tmp_path / "out").returncode == 0
    again = command(*run)
    assert "0 to do" in again.stderr and "theirs" in again.stdout
    assert scores(tmp_path / "out")["theirs", "CartPole-v1", 0] == 6.0  # at the suite's own budget of 160
    once_more = command("import", tmp_path / "r.csv", *SETTINGS, "-o", tmp_path / "out")
    assert "already there: kept" in once_more.stderr and "0 runs imported" in once_more.stderr


def test_a_run_that_ends_far_before_the_budget_is_left_out_and_named(tmp_path):
    (tmp_path / "r.csv").write_text("seed,step,return\n0,100,5\n1,50,5\n")
    ran = command("import", tmp_path / "r.csv", *SETTINGS, "--steps", "100", "-o", tmp_path / "out")
    assert ran.returncode == 1 and "skipped: it ends at step 50 of 100" in ran.stderr
    assert list(scores(tmp_path / "out")) == [("theirs", "CartPole-v1", 0)]


def test_a_return_that_is_not_finite_makes_a_diverged_run(tmp_path):
    (tmp_path / "r.csv").write_text("step,return\n50,5\n100,nan\n")
    ran = command("import", tmp_path / "r.csv", *SETTINGS, "-o", tmp_path / "out")
    (row,) = rlbench.load(tmp_path / "out").runs().itertuples()
    assert (row.status, row.message) == ("diverged", "diverged at step 100")
    assert "imported: diverged at step 100" in ran.stderr


@pytest.mark.parametrize(
    ("text", "options", "said"),
    [
        ("a,b\n1,2\n", SETTINGS, "no column for the step; it has a, b; choose one with --column step=COLUMN"),
        ("step,return\n1,high\n", SETTINGS, "r.csv:2: return 'high' is not a number"),
        ("step,return\n1.5,2\n", SETTINGS, "r.csv:2: step '1.5' is not a whole number"),
        ("step,return,kind\n1,2,test\n", SETTINGS, "r.csv:2: kind 'test'; it must be episode or evaluation"),
        ("step,return\n", SETTINGS, "no rows in it"),
        ("step,return\n1,2\n", (), "does not name its algorithm; pass --algorithm NAME"),
        (
            "step,return\n1,2\n",
            (*SETTINGS, "--path", "{algo}/x"),
            "use one or more of {algorithm}, {environment}, {seed}",
        ),
        ("step,return\n1,2\n", (*SETTINGS, "--path", "{algorithm}/none_{seed}"), "does not match --path"),
        ("step,return\n1,2\n", (*SETTINGS, "--column", "stp=x"), "with NAME one of step, return"),
        ("seed,step,return,kind\n0,1,2,\n", (*SETTINGS, "--column", "length=x"), "no column 'x'"),
        ("#{oops\nr,l,t\n", SETTINGS, "r.csv:1: invalid JSON after the #"),
        ('#{"t_start": 0}\nr,l,t\n1,x,3\n', SETTINGS, "r.csv:3: not the r, l and t of an episode"),
    ],
)
def test_what_cannot_be_understood_is_told_with_its_place_and_nothing_is_written(tmp_path, text, options, said):
    (tmp_path / "r.csv").write_text(text)
    ran = command("import", tmp_path / "r.csv", *options, "-o", tmp_path / "out")
    assert ran.returncode == 2 and said in ran.stderr, ran.stderr
    assert not (tmp_path / "out/suite.json").exists()


def test_two_files_of_one_run_are_both_refused_and_the_same_twice_is_taken_once(tmp_path):
    for name, value in (("a.csv", 2), ("b.csv", 3), ("c.csv", 2)):
        (tmp_path / name).write_text(f"seed,step,return\n0,1,{value}\n")
    ran = command("import", tmp_path / "a.csv", tmp_path / "b.csv", *SETTINGS, "-o", tmp_path / "out")
    assert ran.returncode == 2 and "theirs on CartPole-v1, seed 0, is also in" in ran.stderr
    ran = command("import", tmp_path / "a.csv", tmp_path / "c.csv", *SETTINGS, "-o", tmp_path / "out")
    assert ran.returncode == 0 and "the same rows as" in ran.stderr and "1 run imported" in ran.stderr


def told(path, *returns, last=100):
    """A file of one run: so many returns, the last at step `last`."""
    path.parent.mkdir(exist_ok=True)
    steps = [last - 10 * (len(returns) - 1 - i) for i in range(len(returns))]
    path.write_text("step,return\n" + "".join(f"{step},{return_}\n" for step, return_ in zip(steps, returns)))
    return path


def test_what_is_called_as_a_metered_algorithm_stands_in_a_row_of_its_own(tmp_path):
    (tmp_path / "s.yaml").write_text(LIGHT.format(more="").replace(", ]", "]"))
    assert command("run", tmp_path / "s.yaml", "-o", tmp_path / "out").returncode == 0
    before = scores(tmp_path / "out")
    file = told(tmp_path / "r.csv", 500, last=160)
    named = ("--algorithm", "random", "--environment", "CartPole-v1")
    assert command("import", file, *named, "-o", tmp_path / "out").returncode == 0
    assert scores(tmp_path / "out") == before | {("random (imported)", "CartPole-v1", 0): 500.0}
    again = command("run", tmp_path / "s.yaml", "-o", tmp_path / "out")
    assert "not shown" not in again.stderr and "random (imported)" in again.stdout


def test_seeds_are_counted_on_over_several_imports_and_the_same_content_is_there_already(tmp_path):
    one, other, copy = (
        told(tmp_path / f"{name}/progress.csv", value) for name, value in (("a", 1), ("b", 2), ("c", 1))
    )
    outcomes = [command("import", file, *SETTINGS, "-o", tmp_path / "out").stderr for file in (one, other, copy)]
    assert ["1 run imported" in said for said in outcomes] == [True, True, False] and "already there" in outcomes[2]
    assert scores(tmp_path / "out") == {("theirs", "CartPole-v1", 0): 1.0, ("theirs", "CartPole-v1", 1): 2.0}
    refused = command("import", other, *SETTINGS, "--seed", "0", "-o", tmp_path / "out")
    assert refused.returncode == 2 and "seed 0, is already in the folder with other rows (1 from" in refused.stderr
    refused = command("import", one, *SETTINGS, "--steps", "50", "-o", tmp_path / "out")
    assert refused.returncode == 2 and "has a budget of 100 steps in this folder, not 50" in refused.stderr


def test_what_lies_beyond_the_budget_is_left_out_be_it_finite_or_not(tmp_path):
    (tmp_path / "r.csv").write_text("seed,step,return\n0,90,3\n0,100,5\n1,100,7\n1,500,nan\n2,150,9\n")
    ran = command("import", tmp_path / "r.csv", *SETTINGS, "--steps", "100", "-o", tmp_path / "out")
    assert ran.returncode == 1 and "skipped: it has no rows within the budget of 100 steps" in ran.stderr
    assert scores(tmp_path / "out") == {("theirs", "CartPole-v1", 0): 4.0, ("theirs", "CartPole-v1", 1): 7.0}


def test_a_file_that_is_no_text_is_told(tmp_path):
    (tmp_path / "r.csv").write_bytes(b"\xff\xfe\x00")
    ran = command("import", tmp_path / "r.csv", *SETTINGS, "-o", tmp_path / "out")
    assert ran.returncode == 2 and "r.csv: cannot be read" in ran.stderr


def imported_random(folder, path):
    """Seven runs each of a random policy, of A at 50 and of B at 23, which is what the random policy gets."""
    lines = ["algorithm,environment,seed,kind,step,return"]
    for name, score in (("Random", 22), ("A", 50), ("B", 21)):
        lines += [f"{name},CartPole-v1,{seed},evaluation,1000,{score + seed / 2}" for seed in range(7)]
    path.write_text("\n".join(lines))
    ran = command("import", path, "-o", folder)
    assert ran.returncode == 0, ran.stderr


def test_an_imported_random_policy_is_in_no_family(tmp_path):
    imported_random(tmp_path / "out", tmp_path / "r.csv")
    ran = command("compare", "-d", tmp_path / "out", "--json")
    rows = json.loads(ran.stdout)["rows"]
    assert [(row["ours"], row["theirs"]) for row in rows] == [("A", "B")]
    assert "1 on single tasks" in command("compare", "-d", tmp_path / "out", "-v").stdout


def test_the_report_knows_who_is_no_better_than_an_imported_random_policy(tmp_path):
    imported_random(tmp_path / "out", tmp_path / "r.csv")
    assert command("report", tmp_path / "out").returncode == 0
    page = (tmp_path / "out/report.html").read_text()
    assert "Not shown to be better than random:</strong> B on CartPole-v1." in page


def test_beside_random_of_our_own_an_imported_one_is_neither_a_learner_nor_the_measure(tmp_path):
    suite = "name: s\nalgorithms: [random]\nseeds: 5\nenvironments: [{id: CartPole-v1, steps: 1000}]\n"
    (tmp_path / "s.yaml").write_text(suite)
    out = tmp_path / "out"
    assert command("run", tmp_path / "s.yaml", "-o", out, "-q", "--executor", "serial").returncode == 0
    lines = ["algorithm,environment,seed,step,return"]
    lines += [f"{name},CartPole-v1,{seed},1000,{500 + seed}" for name in ("random", "A") for seed in range(5)]
    (tmp_path / "r.csv").write_text("\n".join(lines))
    assert command("import", tmp_path / "r.csv", "-o", out).returncode == 0
    assert command("report", out).returncode == 0
    page = (out / "report.html").read_text()
    assert "random (imported)" in page and "Not shown to be better than random:" not in page


@pytest.mark.parametrize("program", [(), ("--from", "tdmpc2")], ids=["own", "published"])
def test_a_pipe_is_not_waited_for_and_not_missing(tmp_path, program):
    os.mkfifo(tmp_path / "x.csv")
    ran = command("import", tmp_path / "x.csv", "-o", tmp_path / "out", *program)
    assert ran.returncode == 2 and "x.csv: is a pipe or a device; only files and folders are read" in ran.stderr
    ran = command("import", tmp_path / "y.csv", "-o", tmp_path / "out", *program)
    assert ran.returncode == 2 and "y.csv: there is no such file or folder" in ran.stderr
