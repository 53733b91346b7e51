"""`rlbench tune`: a planted value is found, the outcome says what it is worth, and no interruption changes it."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from support.cli import rlbench

import rlbench as package

PLUGIN = Path(__file__).parents[1] / "support" / "leaning_algorithms.py"
SUITE = """\
# A study of thresholds.
name: lean
algorithms:
  - random
  - leans          # the first one
  - id: brittle
    label: frail
    params: {noise: 0.1}   # little noise
environments:
  - id: CartPole-v1
    steps: 160     # few
    per_algorithm: {frail: {steps: 120}}
seeds: 8
evaluation: {every: 0, final_episodes: 3}
checkpoint_every: 0
tune:
  trials: 5
  seeds: [1, 3]
  space:
    leans: {threshold: {choice: [0, 1, 2, 3, 4]}}
    brittle:
      noise: {uniform: [0, 1]}
      threshold: {choice: [3, 4], when: {noise: 0.1}}
"""


def tune(folder, *options, text=SUITE, executor="serial"):
    (folder / "s.yaml").write_text(text)
    command = ("tune", folder / "s.yaml", "-o", folder / "out", "--plugin", PLUGIN, "--executor", executor, *options)
    return rlbench(*command)


@pytest.fixture(scope="module")
def searched(tmp_path_factory):
    """A finished search, its output, and its outcome as JSON, which a second command prints."""
    folder = tmp_path_factory.mktemp("tune")
    first = tune(folder, "--write", folder / "tuned.yaml")
    assert first.returncode == 0, first.stderr
    return folder, first, json.loads(tune(folder, "--json").stdout)


def of(outcome, label):
    return next(entry for entry in outcome["algorithms"] if entry["algorithm"] == label)


def test_a_planted_value_is_found_and_shown_on_fresh_seeds(searched):
    _, first, outcome = searched
    leans = of(outcome, "leans")
    assert leans["params"] == {"threshold": 0} and leans["suite_params"] == {"threshold": 2.0}
    assert leans["gain"]["estimate"] > 10 and leans["fresh_score"]["estimate"] > 25
    assert leans["verdict"] == "better"
    assert "\n  verdict           the tuned setting scores higher than the suite's own\n" in first.stdout
    assert leans["winners_curse"]["estimate"] == leans["tuning_score"] - leans["fresh_score"]["estimate"]
    assert "\n  threshold   0        2.0\n" in first.stdout and "\nrandom: not tuned; score " in first.stdout


def test_every_algorithm_gets_the_same_trials_and_seeds_and_failures_are_counted(searched):
    """5 trials with one seed, then 2 with two more: 9 runs each, of 160 and, as the suite has it, 120 steps."""
    _, first, outcome = searched
    assert [(len(a["trials"]), a["runs"]) for a in outcome["algorithms"]] == [(5, 9), (5, 9)]
    assert sorted(trial["seeds"] for trial in of(outcome, "leans")["trials"]) == [1, 1, 1, 3, 3]
    assert of(outcome, "leans")["steps"] == 9 * 160
    frail = of(outcome, "frail")
    failed = [trial for trial in frail["trials"] if trial["params"].get("noise", 0) > 0.5]
    assert failed and all(trial["failures"] == {"failed": 1} and trial["score"] is None for trial in failed)
    assert frail["steps"] == (9 - len(failed)) * 120
    assert f"failed            {len(failed)} trial" in first.stdout
    assert "the suite gives these algorithms different budgets" in first.stdout
    assert outcome["not_tuned"][0]["algorithm"] == "random" and outcome["final"]["runs"] == 8 * (3 + 1)


def test_where_all_score_alike_the_suites_own_setting_is_kept_and_run_once(searched):
    folder, first, outcome = searched
    frail = of(outcome, "frail")
    assert frail["chosen"] == 0 and frail["gain"] is None and frail["p"] is None and frail["verdict"] is None
    assert frail["params"] == frail["suite_params"] == {"noise": 0.1, "threshold": 2.0} == frail["trials"][0]["params"]
    assert "\n  noise       0.1      0.1\n  threshold   2.0      2.0\n" in first.stdout
    assert "tuned − suite     0, because the suite's own setting was chosen" in first.stdout
    labels = [entry["label"] or entry["id"] for entry in suite_of(folder / "out/final")["algorithms"]]
    assert labels == ["random", "leans tuned", "leans", "frail"]


def suite_of(folder):
    return json.loads((folder / "suite.json").read_text())["suite"]


def test_tuning_and_final_seeds_share_no_random_numbers(searched):
    folder, *_ = searched
    spaces = {
        name: {json.loads(path.read_text())["seed_space"] for path in (folder / "out" / name).glob("runs/*/spec.json")}
        for name in ("tuning", "final")
    }
    assert spaces == {"tuning": {"tuning"}, "final": {"training"}}


def test_the_response_to_each_parameter_rests_on_all_trials_after_the_first_round(searched):
    """By hand: threshold 0 holds the pole longer than any other, and each drawn trial is in one line of the table."""
    folder, first, outcome = searched
    leans = of(outcome, "leans")
    (response,) = leans["response"]
    scores = {trial["params"]["threshold"]: trial["first_score"] for trial in leans["trials"][1:]}
    runs = package.load(folder / "out/tuning").runs().query("seed == 0").set_index("algorithm")["score"]
    for trial in leans["trials"]:  # the first round had one seed, also where a trial has had three in the end
        assert trial["first_score"] == runs[f"leans trial {trial['trial']}"]
    assert [part["values"] for part in response["bins"]] == ["0", "1", "2", "3", "4"]
    for part in response["bins"]:
        value = int(part["values"])
        assert (part["trials"], part["mean"]) == ((1, scores[value]) if value in scores else (0, None))
    noise, threshold = of(outcome, "frail")["response"]
    failed = [trial for trial in of(outcome, "frail")["trials"] if trial["failures"]]
    assert noise["trials"] == 4 and sum(part["failed"] for part in noise["bins"]) == len(failed)
    assert threshold["trials"] == sum("threshold" in trial["params"] for trial in of(outcome, "frail")["trials"][1:])
    assert "response" not in first.stdout and leans["one_setting_for_all_tasks"] == []
    ran = tune(folder, "--response", "--plot", folder / "r.png")
    assert (
        ran.returncode == 0 and "\nleans: response to each parameter, over 4 trials (all but trial 0)\n" in ran.stdout
    )
    assert "\nresponse: scores after the first round" in ran.stdout
    assert (folder / "r.png").read_bytes()[:4] == b"\x89PNG"


def test_all_trials_are_listed_on_request_the_best_first(searched):
    folder, first, outcome = searched
    text = tune(folder, "--trials").stdout
    table = text[text.index("leans: all trials\n") :].splitlines()[1:7]
    assert table[0].split() == ["trial", "threshold", "seeds", "first", "score", "score"]
    assert table[1].split()[:4] == [str(of(outcome, "leans")["chosen"]), "(chosen)", "0", "3"]
    suite = next(line for line in table[1:] if line.split()[0] == "0")
    assert suite.split()[1] == "2.0" and "failed" in text[text.index("frail: all trials") :]
    assert "all trials" not in first.stdout


def test_a_figure_that_cannot_be_written_is_refused_before_anything_is_trained(tmp_path):
    ran = tune(tmp_path, "--plot", tmp_path / "r.gif")
    assert ran.returncode == 2 and "r.gif should end in .svg, .pdf or .png" in ran.stderr
    ran = tune(tmp_path, "--plot", tmp_path / "none" / "r.svg")
    assert ran.returncode == 2 and "does not exist" in ran.stderr and not (tmp_path / "out").exists()


def test_the_same_command_trains_nothing_and_prints_the_same(searched):
    folder, first, _ = searched
    attempts = sorted(path.name for path in folder.glob("out/*/attempts/*"))
    again = tune(folder, "--write", folder / "tuned.yaml")
    assert again.stdout == first.stdout and again.returncode == 0
    assert sorted(path.name for path in folder.glob("out/*/attempts/*")) == attempts
    assert "contained the suite" not in again.stderr and "not requested" not in again.stderr


def test_the_numbers_are_those_that_compare_and_table_print_of_the_final_folder(searched):
    folder, _, outcome = searched
    row = package.load(folder / "out/final").compare("leans tuned", "leans").iloc[0]
    leans = of(outcome, "leans")
    assert leans["gain"] == {"estimate": row["difference"], "low": row["low"], "high": row["high"]}
    assert leans["p"] == row["p"]
    cells = json.loads(rlbench("table", folder / "out/final", "--json").stdout)["cells"]
    cell = next(cell for cell in cells if cell["algorithm"] == "leans tuned")
    assert leans["fresh_score"] == {"estimate": cell["iqm"], "low": cell["low"], "high": cell["high"]}


def test_the_written_suite_has_the_numbers_and_the_comments_and_says_where_from(searched):
    folder, _, outcome = searched
    first, *rest = (folder / "tuned.yaml").read_text().splitlines()
    assert first.startswith("# Tuned by `rlbench tune s.yaml --seed 0`: leans (trial ")
    assert "1,440 steps) and frail (trial 0, " in first and "5 with 1, then 2 with 3; rlbench " in first
    tuned = "tuned: {trials: 5, steps: %d, where: rlbench tune s.yaml --seed 0}"
    gain = rest.pop(0)
    assert gain.startswith("# leans on fresh seeds: tuned − suite +") and gain.endswith(" higher than the suite's own")
    leans = f"- {{id: leans, params: {{threshold: 0}}, {tuned % 1_440}}} #"
    expected = [line.replace("- leans          #", leans) for line in SUITE.split("tune:")[0].splitlines()]
    expected.insert(expected.index("environments:"), f"    {tuned % of(outcome, 'frail')['steps']}")
    expected[expected.index("name: lean")] = "name: lean-tuned"
    assert rest == expected
    assert rlbench("check", folder / "tuned.yaml", "--plugin", PLUGIN, "-o", folder / "new").returncode == 0
    for target in (folder / "s.yaml", PLUGIN):
        before = target.read_text()
        refused = tune(folder, "--write", target)
        assert refused.returncode == 2 and "choose another file" in refused.stderr and target.read_text() == before


def test_a_search_killed_in_each_part_goes_on_and_ends_alike(searched, tmp_path):
    """SIGKILL as the third run of round 1, the second of round 2 and of the final comparison are published."""
    folder, first, outcome = searched
    (tmp_path / "s.yaml").write_text(SUITE)
    done = sum(not trial["failures"] for entry in outcome["algorithms"] for trial in entry["trials"])
    parts = {3: (2, 0), done - 2 + 2: (done + 1, 0), 8 - 1 + 2: (done + 8, 1)}  # round 2 trains 2 · 2 · 2 runs
    command = ["tune", "s.yaml", "-o", "out", "--plugin", str(PLUGIN), "--executor", "serial"]
    code = f"from rlbench.cli.main import invoke; raise SystemExit(invoke({command!r}))"
    for count, finished in parts.items():
        env = {**os.environ, "RLBENCH_FAIL_AT": f"publish-result:{count}"}
        killed = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, env=env, capture_output=True, text=True)
        assert killed.returncode == -signal.SIGKILL, killed.stderr
        found = [len(list((tmp_path / "out" / name).glob("runs/*/result.json"))) for name in ("tuning", "final")]
        assert tuple(found) == finished
    resumed = tune(tmp_path)
    assert resumed.stdout == first.stdout and resumed.returncode == 0
    for name in ("tuning", "final"):
        here, there = (rlbench("table", root / "out" / name, "--json").stdout for root in (tmp_path, folder))
        assert here == there


def test_two_workers_choose_what_one_chooses(tmp_path):
    text = SUITE.replace("trials: 5", "trials: 3").replace("    brittle:", "    random: {}").split("    random: {}")[0]
    outcomes = []
    for name, executor, jobs in (("one", "serial", 1), ("two", "local", 2)):
        (tmp_path / name).mkdir()
        outcomes.append(tune(tmp_path / name, "--no-final", "--json", "-q", "-j", jobs, text=text, executor=executor))
    assert outcomes[0].stdout == outcomes[1].stdout and outcomes[0].returncode == outcomes[1].returncode == 0
    outcome = json.loads(outcomes[0].stdout)
    assert outcome["final"] is None and [a["algorithm"] for a in outcome["not_tuned"]] == ["random", "frail"]


def test_failed_trials_are_tried_again_on_request_and_other_code_is_named(tmp_path):
    """The plugin is mended between two searches: what had failed is trained, what was finished is kept, and said so."""
    plugin = tmp_path / "mended.py"
    plugin.write_text(PLUGIN.read_text())
    text = SUITE.replace("  - leans          # the first one\n", "").replace(
        "    leans: {threshold: {choice: [0, 1, 2, 3, 4]}}\n", ""
    )
    (tmp_path / "s.yaml").write_text(text)
    command = ["tune", tmp_path / "s.yaml", "-o", tmp_path / "out", "--executor", "serial", "--no-final", "--json"]
    first = json.loads(rlbench(*command, "--plugin", plugin).stdout)
    failed = [trial["trial"] for trial in of(first, "frail")["trials"] if trial["failures"]]
    plugin.write_text(PLUGIN.read_text().replace("> 0.5", "> 5"))
    kept = rlbench(*command, "--plugin", plugin)
    assert json.loads(kept.stdout) == first and "were made by different code or settings" in kept.stderr
    again = json.loads(rlbench(*command, "--plugin", plugin, "--rerun", "failed").stdout)
    trials = of(again, "frail")["trials"]
    assert failed and not any(trial["failures"] for trial in trials) and of(again, "frail")["steps"] == 9 * 120


def test_what_cannot_be_tuned_is_an_error_at_its_place_before_anything_is_trained(tmp_path):
    none = tune(tmp_path, text=SUITE.split("tune:")[0])
    assert none.returncode == 2 and "has no key `tune`" in none.stderr
    few = tune(tmp_path, text=SUITE.replace("trials: 5", "trials: 6"))
    assert "s.yaml:20:5: error: the space of leans has only 5 different settings, fewer than 6 trials" in few.stderr
    two = "environments:\n  - {id: CartPole-v1, label: slow, kwargs: {sutton_barto_reward: true}, steps: 40}"
    apart = tune(tmp_path, text=SUITE.replace("environments:", two))
    assert "s.yaml:10:10: error: slow has no anchors, so the scores on several tasks" in apart.stderr
    odd = SUITE.replace("leans: {threshold:", "leans: {n_envs: {choice: [1, 3]}, threshold:")
    assert "s.yaml:20:13: error: leans.n_envs: unknown parameter" in tune(tmp_path, text=odd).stderr
    assert not (tmp_path / "out").exists()


def test_a_threshold_chooses_by_the_runs_that_reach_it(tmp_path):
    text = """
name: lean
algorithms: [{id: leans, params: {threshold: 4}}]
environments: [{id: CartPole-v1, steps: 160}]
seeds: 8
evaluation: {every: 0, final_episodes: 3}
tune: {trials: 3, seeds: [1, 3], threshold: 30, space: {leans: {threshold: {choice: [0, 1]}}}}
"""
    ran = tune(tmp_path, text=text)
    assert ran.returncode == 0, ran.stderr
    outcome = json.loads(tune(tmp_path, "--json", text=text).stdout)
    found = of(outcome, "leans")
    best = max(trial["reached"] for trial in found["trials"] if trial["seeds"] == 3)
    assert found["trials"][found["chosen"]]["reached"] == best
    (ours, n), (own, _) = outcome["final"]["reached"]["leans tuned"], outcome["final"]["reached"]["leans"]
    assert f"  reach threshold   {ours} of {n} runs, {own} of {n} with the suite's own setting (p " in ran.stdout
    assert 0 < ours <= n == 8
    ran = tune(tmp_path, text=text.replace("threshold: 30", "threshold: 600"))
    assert "no run of any trial reached it, so scores alone decided the choice" in ran.stdout


def test_check_says_that_a_sampler_has_to_be_installed(tmp_path, monkeypatch):
    monkeypatch.setattr("rlbench.cli.commands.check.find_spec", lambda name: None)
    (tmp_path / "s.yaml").write_text(SUITE.replace("  trials: 5\n", "  trials: 12\n  sampler: tpe\n"))
    told = rlbench("check", tmp_path / "s.yaml", "--plugin", PLUGIN)
    assert told.returncode == 0 and told.stdout.endswith(
        '; the sampler tpe needs Optuna 5: pip install "rlbench[tune]"\n'
    )
