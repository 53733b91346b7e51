"""Files in marl-eval's layout: from `rlbench export`, and as Mava and BenchMARL write them, read with their own scores."""

import json

import pytest
from support import result_folders
from support.cli import rlbench as command

import rlbench
from rlbench.exporters.export_results import export_results
from rlbench.importers.imported_records import ImportedRecords, Row
from rlbench.importers.run_matching import content_of

BY = "its authors (marl-eval)"


def mava_run(absolute=(9.5,), steps=(100, 200), metric="mean_episode_return", **more):
    """Return a run as marl-eval's own logger writes it: the absolute metrics first, and one number for each step."""
    run = {"absolute_metrics": {metric: list(absolute), "steps_per_second": [5.0]} if absolute else {}}
    for i, count in enumerate(steps):
        entry = {"step_count": count, "elapsed_time": 1.5 * i, "steps_per_second": [7.0], metric: [count / 100]}
        run[f"step_{i}"] = entry | more
    return run


def benchmarl_run(*evaluations):
    """Return a run as BenchMARL writes it: no time, and the highest return of an episode as the absolute metric."""
    steps = {
        f"step_{20 * i}": {"step_count": 6000 * (i + 1), "agents_return": [0.0], "return": list(returns)}
        for i, returns in enumerate(evaluations)
    }
    return {"absolute_metrics": {"return": [max(map(max, evaluations))]}, **steps}


def written(folder, seeds, world="Matrax", task="Climbing-stateless-v0", algorithm="ff_ippo", name="metrics.json"):
    folder.mkdir(exist_ok=True, parents=True)
    (folder / name).write_text(json.dumps({world: {task: {algorithm: seeds}}}))
    return folder / name


def imported(tmp_path, *sources, options=(), out="out"):
    return command("import", "--from", "marl-eval", *sources, "-o", tmp_path / out, *options)


def scores(folder):
    return {(row.algorithm, row.environment, row.seed): row.score for row in rlbench.load(folder).runs().itertuples()}


def curves(folder):
    rows = rlbench.load(folder).evaluations().query("kind == 'grid'")
    keys = ["algorithm", "environment", "seed", "step", "return_mean"]
    return sorted(rows[keys].itertuples(index=False, name=None))


def published(folder):
    return [json.loads(path.read_text())["imported"]["published"] for path in sorted(folder.glob("runs/*/result.json"))]


def test_an_export_that_is_imported_has_the_same_scores_and_curves(tmp_path):
    given = {
        "ours": {"CartPole-v1": [120.0, 310.5, 499.0], "Acrobot-v1": [-81.5, -90.0, -500.0]},
        "theirs": {"CartPole-v1": [20.0, 31.0, 48.5], "Acrobot-v1": [-500.0, -400.0, -450.5]},
    }
    root = result_folders.folder(tmp_path / "made", given, grid=(0.25, 0.5, 0.7, 0.8)).root  # none is the final score
    export_results(rlbench.load(root), "marl-eval", tmp_path / "export")
    ran = imported(tmp_path, tmp_path / "export", options=("--every", "250"))  # the folder has the export's record, too
    assert ran.returncode == 0, ran.stderr
    assert scores(tmp_path / "out") == scores(root) and scores(root)["ours", "Acrobot-v1", 2] == -500.0
    assert curves(tmp_path / "out") == curves(root) and len(curves(root)) == 2 * 2 * 3 * 4
    assert {one["scores"] for one in published(tmp_path / "out")} == {
        "scores are evaluations of the final policy (absolute metrics of an export of rlbench)"
    }
    (
        tmp_path / "export/rlbench-export.json"
    ).unlink()  # then nothing tells that the absolute metrics are the final ones
    again = imported(tmp_path, tmp_path / "export/marl_eval.json", out="other")
    assert "evaluations of the best policy during training, not of the final one" in again.stdout
    assert scores(tmp_path / "other") == scores(root)


def test_a_run_of_mava_is_scored_by_its_absolute_metric_which_the_table_calls_that_of_the_best_policy(tmp_path):
    seeds = {"seed_0": mava_run(), "seed_3": mava_run(absolute=(11.0,))}
    ran = imported(tmp_path, written(tmp_path, seeds))
    assert ran.returncode == 0, ran.stderr
    place = "ff_ippo", "Climbing-stateless-v0"
    assert scores(tmp_path / "out") == {(*place, 0): 9.5, (*place, 3): 11.0}
    # An evaluation stands at the last point of the grid (20, 40, …) before the next evaluation.
    assert curves(tmp_path / "out") == [(*place, seed, *point) for seed in (0, 3) for point in ((180, 1.0), (200, 2.0))]
    result = json.loads(next((tmp_path / "out/runs").glob("*/result.json")).read_text())
    assert result["wall_seconds"] == 1.5 and result["metering"] == "self-reported"
    assert published(tmp_path / "out")[0] == {
        "by": BY,
        "method": "ff_ippo",
        "task": "Matrax/Climbing-stateless-v0",
        "steps": "steps are step_count of the file",
        "scores": "scores are absolute metrics, which marl-eval defines as evaluations of the best policy during "
        "training, not of the final one",
        "quantity": "return",
    }
    assert f"published by {BY}" in ran.stdout and "of the best policy during training" in ran.stdout


def test_the_highest_return_of_an_episode_is_no_score(tmp_path):
    path = written(tmp_path, {"seed_0": benchmarl_run([1.0, 8.0], [2.0, 3.0])}, "vmas", "balance", "mappo")
    ran = imported(tmp_path, path)
    assert scores(tmp_path / "out") == {("mappo", "balance", 0): 2.5}, ran.stderr  # the mean of the last evaluation
    assert "the highest return of a single episode in place of an absolute metric" in ran.stdout


def test_a_run_without_an_absolute_metric_is_scored_by_its_last_evaluation_and_the_difference_is_noted(tmp_path):
    seeds = {"seed_0": mava_run(), "seed_1": mava_run(absolute=())}
    ran = imported(tmp_path, written(tmp_path, seeds))
    assert list(scores(tmp_path / "out").values()) == [9.5, 2.0]
    assert (
        "scored in two ways: 1 run by an evaluation after training, 1 run by the last evaluation within the budget"
    ) in ran.stderr.replace("\n", " ")


def test_at_a_smaller_budget_the_curve_gives_the_score(tmp_path):
    imported(tmp_path, written(tmp_path, {"seed_0": mava_run(steps=(100, 200, 300))}), options=("--steps", "200"))
    assert list(scores(tmp_path / "out").values()) == [2.0]
    records = ImportedRecords("f", [Row(5, 1.0, 0, True)], "a", "e", 0, final=(7.0,))
    assert (records.scored_by(5), records.scored_by(4)) == ((7.0,), ())
    assert content_of(records) != content_of(ImportedRecords("f", records.rows, "a", "e", 0))


def test_the_metric_is_selected_by_name_or_by_the_documented_order(tmp_path):
    both = mava_run(win_rate=[50.0], episode_return=[-1.0])
    both["absolute_metrics"] |= {"win_rate": [75.0], "episode_return": [-2.0]}
    path = written(tmp_path, {"seed_0": both})
    imported(tmp_path, path)
    assert list(scores(tmp_path / "out").values()) == [-2.0]  # episode_return stands before mean_episode_return
    imported(tmp_path, path, options=("--metric", "Win_Rate"), out="rates")
    assert list(scores(tmp_path / "rates").values()) == [75.0]
    assert published(tmp_path / "rates")[0]["quantity"] == "win_rate"
    ran = imported(tmp_path, path, options=("--metric", "reward"), out="none")
    names = "metrics in the file: episode_return, mean_episode_return, steps_per_second, win_rate"
    assert ran.returncode == 2 and f"seed_0: no metric 'reward'; {names}" in ran.stderr.replace("\n", " ")
    odd = written(tmp_path / "odd", {"seed_0": mava_run(metric="score")})
    ran = imported(tmp_path, odd, out="none")
    assert ran.returncode == 2 and "--metric NAME reads another metric" in ran.stderr
    assert "metrics in the file: score, steps_per_second" in ran.stderr and not (tmp_path / "none").exists()
    refused = command("import", path, "--metric", "return")
    assert refused.returncode == 2 and "it needs --from marl-eval" in refused.stderr


def test_tasks_of_one_name_in_two_environments_keep_both_names_and_are_renamed(tmp_path):
    runs = {"easy": {"a": {"run_1": mava_run()}}}
    path = tmp_path / "metrics.json"
    path.write_text(json.dumps({"smac": runs, "smax": runs}))
    ran = imported(tmp_path, path, options=("--rename", "smax/easy=Easy-v0", "-a", "a"))
    assert set(scores(tmp_path / "out")) == {("a", "smac/easy", 1), ("a", "Easy-v0", 1)}, ran.stderr


def test_steps_count_in_the_order_of_step_count_and_those_without_the_metric_are_counted(tmp_path):
    run = mava_run(absolute=(), steps=(100, 200, 300))
    run = {"step_2": run["step_2"], "step_10": {"step_count": 50}, "step_0": run["step_0"], "step_1": run["step_1"]}
    ran = imported(tmp_path, written(tmp_path, {"seed_0": run}))
    assert list(scores(tmp_path / "out").values()) == [3.0], ran.stderr
    assert "skipped: 1 step without a mean_episode_return" in ran.stderr.replace("\n", " ")


def test_a_return_that_is_not_finite_is_a_divergence(tmp_path):
    seeds = {"seed_0": mava_run(absolute=(float("nan"),)), "seed_1": mava_run()}
    seeds["seed_1"]["step_1"]["mean_episode_return"] = [float("inf")]
    ran = imported(tmp_path, written(tmp_path, seeds))
    assert ran.stderr.count("diverged at step 200") == 2, ran.stderr


def test_a_run_that_never_evaluated_is_left_out_alone(tmp_path):
    ran = imported(tmp_path, written(tmp_path, {"seed_0": mava_run(steps=()), "seed_1": mava_run()}))
    assert ran.returncode == 1 and "seed_0: no step has a mean_episode_return" in ran.stderr.replace("\n", " ")
    assert [seed for _, _, seed in scores(tmp_path / "out")] == [1]


def test_a_name_that_no_file_can_hold_is_left_out_with_the_reason(tmp_path):
    document = {"a": {"b": {"c\ud800": {"seed_0": mava_run()}, "c": {"seed_0": mava_run()}}}}
    (tmp_path / "metrics.json").write_text(json.dumps(document))
    ran = imported(tmp_path, tmp_path / "metrics.json")
    said = " ".join((ran.stdout + ran.stderr).split())
    assert "has half of a surrogate pair, which no file can hold; rename it there" in said, said
    assert [name for name, _, _ in scores(tmp_path / "out")] == ["c"]


def broken(**changes):
    run = mava_run()
    run["step_1"] |= changes
    return {"Matrax": {"C": {"ff_ippo": {"seed_0": run}}}}


@pytest.mark.parametrize(
    ("document", "message"),
    [
        ('{\n"a": {', "metrics.json:2: not JSON"),
        ([], "metrics.json is not a JSON object; marl-eval's layout is environment → task → algorithm"),
        ({}, "metrics.json is empty: it needs an environment"),
        ({"a": {"b": {"c": []}}}, "metrics.json: a/b/c is not a JSON object"),
        ({"a": {"b": {"c": {"seed_0": {"step_0": 5}}}}}, "a/b/c/seed_0/step_0 is not a JSON object"),
        ({"a": {"b": {"c": {"first": {}}}}}, "a/b/c/first: 'first' should be seed_ and a whole number"),
        (
            {"a": {"b": {"c": {"seed_1": mava_run(), "run_1": mava_run()}}}},
            "run_1: this entry and seed_1 have the same seed",
        ),
        (broken(step_count="many"), "Matrax/C/ff_ippo/seed_0/step_1: step_count is 'many', not a whole number"),
        (broken(step_count=100), "seed_0/step_1: step_0 has the same step_count, 100"),
        (broken(mean_episode_return=[1.0, None]), "seed_0/step_1: mean_episode_return has None, not a number"),
        (broken(elapsed_time="1 s"), "seed_0/step_1: elapsed_time has '1 s', not a number"),
    ],
)
def test_a_broken_file_is_left_out_whole_with_its_place(tmp_path, document, message):
    (tmp_path / "metrics.json").write_text(document if isinstance(document, str) else json.dumps(document))
    ran = imported(tmp_path, tmp_path / "metrics.json")
    assert ran.returncode == 2 and message in ran.stderr.replace("\n", " "), ran.stderr
    assert not (tmp_path / "out/runs").exists()
