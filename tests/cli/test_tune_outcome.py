"""What `rlbench tune` and `check` say beside the choice: worse choices, other searches, costs, impossible settings."""

from pathlib import Path

from support.cli import rlbench

PLUGIN = Path(__file__).parents[1] / "support" / "leaning_algorithms.py"
SUITE = """\
name: lean
algorithms: [random, {id: misled, params: {threshold: 0}}]
environments: [{id: CartPole-v1, steps: 160}]
seeds: 8
evaluation: {every: 0, final_episodes: 3}
tune: {trials: 2, seeds: 3, space: {misled: {threshold: {choice: [4]}}}}
"""
PPO = """\
name: odd
algorithms: [{id: ppo, params: {n_envs: 8, n_steps: 32, batch_size: 64}}]
environments: [{id: CartPole-v1, steps: 4_096}]
seeds: 2
tune: {trials: 4, space: {ppo: SPACE}}
"""


def tune(folder, *options, text=SUITE):
    (folder / "s.yaml").write_text(text)
    return rlbench("tune", folder / "s.yaml", "--plugin", PLUGIN, "--executor", "serial", *options)


def check(folder, text):
    (folder / "s.yaml").write_text(text)
    return rlbench("check", folder / "s.yaml", "--plugin", PLUGIN)


def test_a_choice_that_is_worse_on_fresh_seeds_is_said_wherever_it_is_written(tmp_path):
    written = tmp_path / "tuned.yaml"
    ran = tune(tmp_path, "-o", tmp_path / "out", "--write", written)
    assert ran.returncode == 0, ran.stderr
    lower = "the tuned setting scores lower than the suite's own: keep the suite's"
    assert f"\n  verdict           {lower}\n" in ran.stdout and f"tuned.yaml: misled: {lower}" in ran.stderr
    assert written.read_text().splitlines()[1].endswith(f": {lower}")
    again = tune(tmp_path, "-o", tmp_path / "out", "--write", written, "--no-final")
    assert "tuned.yaml, which replaces the suite of an earlier search" in again.stderr
    assert written.read_text().splitlines()[1] == "# not tested on fresh seeds, where tuned settings score lower"


def test_another_seed_is_another_search_in_a_folder_of_its_own(tmp_path, monkeypatch):
    monkeypatch.setenv("RLBENCH_RESULTS", str(tmp_path / "results"))
    for seed in ("0", "7"):
        assert tune(tmp_path, "--no-final", "--seed", seed).returncode == 0
    assert {path.name for path in (tmp_path / "results").iterdir()} >= {"lean-tune", "lean-tune-7"}
    asked = rlbench("table", tmp_path / "results" / "lean-tune")
    assert asked.returncode != 0 and "`rlbench tune` has put them into" in asked.stderr
    assert str(tmp_path / "results" / "lean-tune" / "tuning") in asked.stderr


def test_the_axis_of_a_range_of_powers_has_plain_numbers(tmp_path):
    text = SUITE.replace("{choice: [4]}", "{log: [1e-4, 4]}").replace("trials: 2", "trials: 4")
    ran = tune(tmp_path, "-o", tmp_path / "out", "--plot", tmp_path / "r.svg", "--no-final", text=text)
    assert ran.returncode == 0, ran.stderr
    drawn = (tmp_path / "r.svg").read_text()
    assert "mathdefault" not in drawn and ">0.0001<" in drawn and ">1<" in drawn


def test_check_says_what_a_search_costs(tmp_path):
    told = check(tmp_path, SUITE)
    assert told.returncode == 0, told.stderr
    search = "2 trials each of misled, 6 runs, 960 environment steps"
    final = "24 runs, 3,840 environment steps"  # random, misled as in the suite, and tuned
    assert f"`rlbench tune` would train {search}, and then compare on fresh seeds, {final}" in told.stdout


def test_check_finds_the_drawn_settings_that_cannot_be_trained(tmp_path):
    told = check(tmp_path, PPO.replace("SPACE", "{n_steps: {int: [16, 64]}, batch_size: {choice: [64, 128]}}"))
    assert told.returncode == 2 and "s.yaml:5:27: error: ppo trial " in told.stderr
    assert "other trial" in told.stderr and "accepts in every combination" in told.stderr
    assert told.stderr.count("error:") == 1
    told = check(tmp_path, PPO.replace("SPACE", "{gamma: {choice: [0.9, 0.95]}}"))
    assert "the space of ppo has only 3 different settings, fewer than 4 trials" in told.stderr
    assert "starts at step 0" in told.stdout  # what `run` would do is shown all the same


def test_a_space_without_a_kind_and_a_search_without_a_space_are_shown_an_example(tmp_path):
    for wrong in ("[1e-4, 1e-2]", "{}", "0.001"):
        told = check(tmp_path, PPO.replace("SPACE", f"{{learning_rate: {wrong}}}"))
        assert "learning_rate: should say how values are drawn, such as {log: [1e-4, 1e-2]}" in told.stderr
        assert told.stderr.count("error:") == 1
    told = check(tmp_path, PPO.replace(", space: {ppo: SPACE}", ""))
    assert "needs the key space, which says what to tune, such as space: {dqn: " in told.stderr
